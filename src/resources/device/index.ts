/** Access to devices: `device` of a spec. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import type { DeviceSpec } from "../../spec/index.ts";
import type { Resource } from "../resource.ts";
import { attachProgram } from "./program.ts";
import { type DeviceRules, rulesOf } from "./rules.ts";
import { exceptionsOf, steps1 } from "./v1.ts";

const HINTS = {
  EPERM: "It takes CAP_SYS_ADMIN, or CAP_BPF with CAP_NET_ADMIN: run as root.",
  EINVAL: "This kernel has no eBPF for cgroups (CONFIG_CGROUP_BPF).",
  ENOSYS: "This kernel has no eBPF (CONFIG_BPF_SYSCALL).",
} as const;

/**
 * With a version 2 hierarchy an eBPF program decides, also where version 1 has the controller: it knows an order of rules,
 * and is exchanged in one step. Else the lists of version 1 do.
 */
export const device: Resource<"device"> = {
  section: "device",

  check(spec, { cgroups }) {
    const rules = rulesOf(spec);
    if (!canFilter(cgroups)) {
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        "device needs cgroup v2, or the devices controller of version 1",
        { hint: "Mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup" },
      );
    }
    if (!hasUnified(cgroups)) exceptionsOf(rules);
  },

  settings: (spec, cgroups, name) => steps(rulesOf(spec), { cgroups, name, fresh: true, before: undefined }),

  update(spec, { cgroups, name, before }) {
    const old = before && (before.device ?? {});
    // Without rules before and now there is nothing to take away. (Where nobody knows it is looked for.)
    if (isEmpty(spec) && old !== undefined && isEmpty(old)) return [];
    return steps(isEmpty(spec) ? undefined : rulesOf(spec), {
      cgroups,
      name,
      fresh: false,
      before: old && rulesOf(old),
    });
  },
};

const hasUnified = (cgroups: Cgroups): boolean => cgroups.unifiedFile("/", "") !== undefined;

/** Whether this machine filters by device at all. */
export const canFilter = (cgroups: Cgroups): boolean =>
  hasUnified(cgroups) || cgroups.version("devices") !== undefined;

function isEmpty({ restrictions_set, isolated }: DeviceSpec): boolean {
  return restrictions_set === undefined && !isolated;
}

/** @param rules undefined: none, and what was set is taken away */
function steps(
  rules: DeviceRules | undefined,
  target: { cgroups: Cgroups; name: string; fresh: boolean; before: DeviceRules | undefined },
): HostStep[] {
  const { cgroups, name } = target;
  const directory = cgroups.unifiedFile(name, "");
  if (directory !== undefined) {
    const program = attachProgram(directory, rules);
    return [{ op: "program", program, stage: "setting device", hints: HINTS }];
  }
  return cgroups.version("devices") === 1 ? steps1(rules ?? { allow: true, rules: [] }, target) : [];
}
