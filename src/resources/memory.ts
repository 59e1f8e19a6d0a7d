/** Memory and swap: `memory` of a spec. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl } from "../cgroup/files.ts";
import { parentOf } from "../cgroup/names.ts";
import type { HostStep } from "../cgroup/steps.ts";
import { LmctfyError } from "../errors.ts";
import type { MemorySpec } from "../spec/index.ts";
import { memoryStats } from "./memory-stats.ts";
import { checkMemoryBelow, makeRoom, updateMemory } from "./memory-update.ts";
import { readNumber } from "./numbers.ts";
import {
  type CheckContext,
  checkRange,
  INT64_MAX,
  invalid,
  needController,
  type Resource,
  setting,
} from "./resource.ts";

/** Less than this holds not even the page tables and stack of the smallest program: every command would be killed. */
const LEAST = 64n * 1024n;

const PAGE = 4096n;

const EVICTION = { min: 0, usual: 5000, max: 10_000 };
const CAP_SYS_RESOURCE = 24n;

export const NO_SWAP_ACCOUNTING = {
  ENOENT:
    "This kernel does not count swap: start it with swapaccount=1 on its command line (and CONFIG_SWAP), or leave out memory.swap_limit.",
};

export const memory: Resource<"memory"> = {
  section: "memory",

  check(spec, context) {
    const limit = checkAmount("memory.limit", spec.limit, LEAST);
    const reservation = checkAmount("memory.reservation", spec.reservation, 0n);
    const swapLimit = checkAmount("memory.swap_limit", spec.swap_limit, LEAST);
    if (reservation !== undefined && limit !== undefined && reservation > limit) {
      throw invalid(`memory.reservation ${reservation} is more than memory.limit ${limit}`);
    }
    if (swapLimit !== undefined) checkSwap(swapLimit, limit);
    for (const field of ["limit", "reservation", "swap_limit"] as const) {
      if (spec[field] !== undefined) needController(`memory.${field}`, "memory", context.cgroups);
    }
    if (reservation !== undefined) checkParentReservation(reservation, context);
    if (spec.eviction_priority !== undefined) checkEviction(spec.eviction_priority, context);
  },

  settings(spec, cgroups, name) {
    return cgroups.version("memory") === 2 ? settings2(spec, cgroups, name) : settings1(spec, cgroups, name);
  },

  checkBelow: checkMemoryBelow,
  prepareUpdate: makeRoom,
  update: updateMemory,
  processSettings: ({ eviction_priority }) =>
    eviction_priority === undefined ? {} : { oomScoreAdj: oomScoreAdjOf(eviction_priority) },
  stats: memoryStats,
};

/** An amount of bytes; undefined when there is none, or it is no limit: -1, or all that an int64 holds. */
export function amountOf(value: bigint | undefined): bigint | undefined {
  return value === undefined || value === -1n || value >= INT64_MAX ? undefined : value;
}

/** What a control file keeps of an amount: the kernel counts in pages. */
export function wholePages(amount: bigint): bigint {
  return (amount / PAGE) * PAGE;
}

/** The kernel's score for a priority: a low priority is evicted first, which is a high score. */
export function oomScoreAdjOf(evictionPriority: number): number {
  // Adding zero makes 0 of -0.
  return Math.trunc((EVICTION.usual - evictionPriority) / 5) + 0;
}

function checkAmount(field: string, value: bigint | undefined, least: bigint): bigint | undefined {
  const amount = amountOf(value);
  if (amount === undefined || amount >= least) return amount;
  const hint = amount >= 0n ? `The unit is bytes: ${amount} MB is ${amount * 1_000_000n}.` : undefined;
  const why = least > 0n && amount >= 0n ? ": no program fits into so little" : "";
  throw invalid(`${field} ${amount} is out of range: ${least} bytes or more, or -1 for no limit${why}`, hint);
}

/** Refused alike for both versions, though version 1 could make do, so that a spec means the same everywhere. */
function checkSwap(swapLimit: bigint, limit: bigint | undefined): void {
  const what = "memory.swap_limit is memory and swap together";
  if (limit === undefined) {
    throw invalid(
      `${what} and needs a memory.limit beside it`,
      "What remains of it above memory.limit is swap.",
    );
  }
  if (swapLimit >= limit) return;
  throw invalid(
    `${what}: ${swapLimit} is less than memory.limit ${limit}`,
    `For no swap at all set it to ${limit}.`,
  );
}

/** Version 2 hands protection down from the parent: what that does not have, a child does not get either. */
function checkParentReservation(reservation: bigint, { cgroups, name }: CheckContext): void {
  const parent = parentOf(name);
  if (cgroups.version("memory") !== 2 || parent === "/") return;
  const theirs = readNumber(cgroups, parent, "memory", "memory.low");
  if (theirs === undefined || theirs < 0n || theirs >= wholePages(reservation)) return;
  throw new LmctfyError(
    "OUT_OF_RANGE",
    `memory.reservation ${reservation} is more than that of \`${parent}\`, which is ${theirs}`,
    {
      hint: `Lower it, or raise that of \`${parent}\` first: cgroup v2 shares it out among the containers below.`,
    },
  );
}

function checkEviction(priority: number, { proc = "/proc/self" }: CheckContext): void {
  checkRange("memory.eviction_priority", BigInt(priority), BigInt(EVICTION.min), BigInt(EVICTION.max), "");
  const score = oomScoreAdjOf(priority);
  // Going below what this process has already is what needs the capability.
  if (score >= 0 || score >= Number(readControl(`${proc}/oom_score_adj`) ?? 0)) return;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readControl(`${proc}/status`) ?? "")?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) return;
  throw new LmctfyError(
    "PERMISSION_DENIED",
    `memory.eviction_priority ${priority} asks for oom_score_adj ${score}, and this process lacks CAP_SYS_RESOURCE, which a score below 0 needs`,
    { hint: `Run with that capability, or use a priority of at most ${EVICTION.usual}.` },
  );
}

function settings1(spec: MemorySpec, cgroups: Cgroups, name: string): HostStep[] {
  const steps: HostStep[] = [];
  const limit = amountOf(spec.limit);
  const swapLimit = amountOf(spec.swap_limit);
  const reservation = amountOf(spec.reservation);
  // In this order, because the kernel keeps limit <= memsw.limit at all times, and both start without a limit.
  if (limit !== undefined) {
    steps.push(setting(cgroups, name, "memory", "memory.limit_in_bytes", limit, "memory.limit"));
  }
  if (swapLimit !== undefined) {
    const hints = NO_SWAP_ACCOUNTING;
    const file = "memory.memsw.limit_in_bytes";
    steps.push(setting(cgroups, name, "memory", file, swapLimit, "memory.swap_limit", { hints }));
  }
  if (reservation !== undefined) {
    const file = "memory.soft_limit_in_bytes";
    steps.push(setting(cgroups, name, "memory", file, reservation, "memory.reservation"));
  }
  return steps;
}

function settings2(spec: MemorySpec, cgroups: Cgroups, name: string): HostStep[] {
  const steps: HostStep[] = [];
  const limit = amountOf(spec.limit);
  const swapLimit = amountOf(spec.swap_limit);
  const reservation = amountOf(spec.reservation);
  if (limit !== undefined) {
    steps.push(setting(cgroups, name, "memory", "memory.max", limit, "memory.limit"));
  }
  if (swapLimit !== undefined && limit !== undefined) {
    const hints = NO_SWAP_ACCOUNTING;
    const swap = swapLimit - limit;
    steps.push(setting(cgroups, name, "memory", "memory.swap.max", swap, "memory.swap_limit", { hints }));
  }
  if (reservation !== undefined) {
    if (parentOf(name) === "/") {
      const all = reservation + reservedAtTop(cgroups, name);
      steps.push(setting(cgroups, "/", "memory", "memory.low", all, "memory.reservation"));
    }
    steps.push(setting(cgroups, name, "memory", "memory.low", reservation, "memory.reservation"));
  }
  return steps;
}

/**
 * What the other containers at the top reserve. The subtree must reserve the sum, or nothing below it would be
 * protected; and not more, because the kernel may give the rest to those who asked for nothing (memory_recursiveprot).
 */
export function reservedAtTop(cgroups: Cgroups, name: string): bigint {
  let sum = 0n;
  for (const other of cgroups.children("/")) {
    const low = other === name ? undefined : readNumber(cgroups, other, "memory", "memory.low");
    if (low !== undefined && low > 0n) sum += low;
  }
  return sum;
}
