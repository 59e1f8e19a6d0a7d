/** Rules about devices on cgroup v1: a list of exceptions from allowing, or from denying, everything. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import { setting } from "../resource.ts";
import { type DeviceRule, type DeviceRules, formatRule } from "./rules.ts";

/**
 * Version 1 knows no order of rules: an exception from an exception it has only where both name the very same devices
 * (security/device_cgroup.c, dev_exception_rm).
 *
 * @throws FAILED_PRECONDITION for what it cannot express
 */
export function exceptionsOf({ allow, rules }: DeviceRules): DeviceRule[] {
  let exceptions: DeviceRule[] = [];
  for (const rule of rules) {
    if (rule.allow !== allow) {
      exceptions = [...exceptions, rule];
      continue;
    }
    exceptions = exceptions.flatMap(each => {
      if (!overlap(each, rule) || (each.access & rule.access) === 0) return [each];
      if (each.major !== rule.major || each.minor !== rule.minor) throw inexpressible(rule, each);
      const access = each.access & ~rule.access;
      return access === 0 ? [] : [{ ...each, access }];
    });
  }
  return exceptions;
}

const overlap = (a: DeviceRule, b: DeviceRule): boolean =>
  a.kind === b.kind &&
  (a.major === undefined || b.major === undefined || a.major === b.major) &&
  (a.minor === undefined || b.minor === undefined || a.minor === b.minor);

function inexpressible(rule: DeviceRule, exception: DeviceRule): LmctfyError {
  const word = (each: DeviceRule): string => `${each.allow ? "ALLOW" : "DENY"} ${formatRule(each)}`;
  return new LmctfyError(
    "FAILED_PRECONDITION",
    `device: cgroup v1 cannot take \`${word(rule)}\` out of \`${word(exception)}\``,
    { hint: "Name the devices one by one, or mount cgroup2: there the last rule wins, whatever it names." },
  );
}

/** @param before the rules that are set, as far as anybody knows; undefined when the cgroup was just made, or nobody does */
export function steps1(
  rules: DeviceRules,
  {
    cgroups,
    name,
    fresh,
    before,
  }: { cgroups: Cgroups; name: string; fresh: boolean; before: DeviceRules | undefined },
): HostStep[] {
  const write = (allow: boolean, value: string): HostStep =>
    setting(cgroups, name, "devices", allow ? "devices.allow" : "devices.deny", value, "device", {
      hints: HINTS,
    });
  const exceptions = exceptionsOf(rules);
  const [allow, change] = [rules.allow, (rule: DeviceRule) => write(rule.allow, formatRule(rule))];
  if (before !== undefined && before.allow === allow) {
    const old = exceptionsOf(before);
    const gone = without(old, exceptions).map(rule => ({ ...rule, allow: !rule.allow }));
    const added = without(exceptions, old);
    // What denies comes first, so that nothing is open in between that is open neither before nor afterwards.
    return (allow ? [...added, ...gone] : [...gone, ...added]).map(change);
  }
  // A new cgroup has what the one above it has.
  const start = fresh && allow ? [] : [write(false, "a"), ...(allow ? [write(true, "a")] : [])];
  return [...start, ...exceptions.map(change)];
}

const HINTS = {
  EPERM: "A container may allow only what the one above it does.",
  EINVAL:
    "With containers below, cgroup v1 does not change from allowing to denying what is not named: destroy them first.",
} as const;

/** What of exceptions others do not cover. */
function without(exceptions: readonly DeviceRule[], others: readonly DeviceRule[]): DeviceRule[] {
  return exceptions.flatMap(each => {
    const same = others.filter(
      ({ kind, major, minor }) => kind === each.kind && major === each.major && minor === each.minor,
    );
    const access = same.reduce((rest, other) => rest & ~other.access, each.access);
    return access === 0 ? [] : [{ ...each, access }];
  });
}
