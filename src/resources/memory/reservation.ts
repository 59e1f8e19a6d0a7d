/** What is left to a container when others need memory: `reservation`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { parentOf } from "../../cgroup/names.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import type { MemorySpec } from "../../spec/index.ts";
import { readNumber } from "../numbers.ts";
import {
  type CheckContext,
  change,
  invalid,
  refuseBelow,
  type Target,
  type UpdateContext,
} from "../resource.ts";
import { amountOf, amountSteps, checkAmount, needVersion2, sameAmount, wholePages } from "./amount.ts";
import { limitsOf } from "./limits.ts";

/** Version 2 knows two kinds: what is left unless there is nothing else to take, and what is left in any case. */
const KINDS = [
  { file: "memory.low", what: "memory.reservation", of: (spec: MemorySpec) => amountOf(spec.reservation) },
  { file: "memory.min", what: "strict memory.reservation", of: strictOf },
] as const;

/** A strict reservation is one of both kinds, so that those below can have either of it. */
function strictOf({ reservation, reservation_strict }: MemorySpec): bigint | undefined {
  return reservation_strict ? amountOf(reservation) : undefined;
}

export function checkReservation(spec: MemorySpec, context: CheckContext): void {
  const reservation = checkAmount("memory.reservation", spec.reservation, 0n);
  if (spec.reservation_strict) {
    if (reservation === undefined)
      throw invalid("memory.reservation_strict needs a memory.reservation beside it");
    const why = "it has nothing that is kept in any case";
    const hint = "Leave it out: the reservation is then kept as far as the kernel manages.";
    needVersion2("memory.reservation_strict", why, context, hint);
  }
  if (reservation === undefined) return;
  const { high, hard, hardField } = limitsOf(spec);
  const [limit, field] = high === undefined ? [hard, hardField] : [high, "memory.limit"];
  if (limit !== undefined && reservation > limit) {
    throw invalid(`memory.reservation ${reservation} is more than ${field} ${limit}`);
  }
  checkParent(spec, context);
}

/** Version 2 hands protection down from the parent: what that does not have, a child does not get either. */
function checkParent(spec: MemorySpec, { cgroups, name }: CheckContext): void {
  const parent = parentOf(name);
  if (cgroups.version("memory") !== 2 || parent === "/") return;
  for (const { file, what, of } of KINDS) {
    const ours = of(spec);
    const theirs = readNumber(cgroups, parent, "memory", file);
    if (ours === undefined || theirs === undefined || theirs < 0n || theirs >= wholePages(ours)) continue;
    throw new LmctfyError(
      "OUT_OF_RANGE",
      `${what} ${ours} is more than that of \`${parent}\`, which is ${theirs}`,
      {
        hint: `Lower it, or raise that of \`${parent}\` first: cgroup v2 shares it out among the containers below.`,
      },
    );
  }
}

/** What this container does not reserve, those below do not get either. */
export function checkReservationBelow(spec: MemorySpec, { cgroups, name, below }: UpdateContext): void {
  if (cgroups.version("memory") !== 2) return;
  for (const { name: child, spec: inner } of below) {
    if (parentOf(child) !== name) continue;
    for (const { what, of } of KINDS) {
      const [ours, theirs] = [of(spec) ?? 0n, of(inner.memory ?? {}) ?? 0n];
      if (theirs > ours)
        throw refuseBelow(`${what} ${ours} is less than that of \`${child}\`, which is ${theirs}`, child);
    }
  }
}

export function reservationSteps(spec: MemorySpec, target: Target): HostStep[] {
  if (target.cgroups.version("memory") !== 2)
    return amountSteps(
      target,
      "memory.soft_limit_in_bytes",
      amountOf(spec.reservation),
      "memory.reservation",
    );
  return KINDS.flatMap(({ file, of }) =>
    amountSteps(target, file, of(spec), "memory.reservation", { none: "0" }),
  );
}

/** Whether the cgroup that all containers lie in protects memory, or has to, for the sake of a container at the top. */
export function reservesAtTop({ reservation = 0n }: MemorySpec, cgroups: Cgroups): boolean {
  if (cgroups.version("memory") !== 2) return false;
  return reservation > 0n || (readNumber(cgroups, "/", "memory", "memory.low") ?? 0n) > 0n;
}

/**
 * The subtree must reserve the sum of what the containers in it reserve, or nothing below it would be protected; and not
 * more, because the kernel may give the rest to those who asked for nothing (memory_recursiveprot).
 */
export function reservationAtTop(cgroups: Cgroups): HostStep[] {
  const containers = cgroups.children("/");
  return KINDS.flatMap(({ file }) => {
    let sum = 0n;
    for (const name of containers) {
      const amount = readNumber(cgroups, name, "memory", file);
      if (amount !== undefined && amount > 0n) sum += amount;
    }
    return change(cgroups, "/", "memory", file, sum, "memory.reservation", {
      needed: sum > 0n,
      same: sameAmount,
    });
  });
}
