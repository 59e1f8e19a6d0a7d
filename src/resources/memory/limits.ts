/** What a container may use: `limit`, `max_limit`, `swap_limit` and `zswap_limit`. */
import type { HostStep } from "../../cgroup/steps.ts";
import type { MemorySpec } from "../../spec/index.ts";
import { readNumber } from "../numbers.ts";
import { type CheckContext, invalid, type Target } from "../resource.ts";
import { amountOf, amountSteps, checkAmount, LEAST, needVersion2 } from "./amount.ts";

const NO_SWAP_ACCOUNTING = {
  ENOENT:
    "This kernel does not count swap: start it with swapaccount=1 on its command line (and CONFIG_SWAP), or leave out memory.swap_limit.",
};

export const TOO_LITTLE =
  "What runs in the container uses more and cannot give it back: end some of it, or choose a higher limit.";

/** The limits of a spec in the kernel's terms; undefined is none. */
export interface Limits {
  /** Above it the container is slowed down. */
  high: bigint | undefined;
  /** Above it a task is killed. */
  hard: bigint | undefined;
  /** The field that says so. */
  hardField: "memory.limit" | "memory.max_limit";
  /** The most of memory and swap together. */
  total: bigint | undefined;
}

/** Without a `max_limit`, or with the same, `limit` is the hard one. */
export function limitsOf({ limit, max_limit, swap_limit }: MemorySpec): Limits {
  const first = amountOf(limit);
  const total = amountOf(swap_limit);
  if (max_limit === undefined) return { high: undefined, hard: first, hardField: "memory.limit", total };
  const hard = amountOf(max_limit);
  return { high: first === hard ? undefined : first, hard, hardField: "memory.max_limit", total };
}

export function checkLimits(spec: MemorySpec, context: CheckContext): void {
  const limit = checkAmount("memory.limit", spec.limit, LEAST);
  const most = checkAmount("memory.max_limit", spec.max_limit, LEAST);
  checkAmount("memory.swap_limit", spec.swap_limit, LEAST);
  if (limit !== undefined && most !== undefined && most < limit) {
    throw invalid(
      `memory.max_limit ${most} is less than memory.limit ${limit}`,
      "Above memory.limit the container is slowed down, above memory.max_limit a task is killed.",
    );
  }
  const limits = limitsOf(spec);
  checkSwap(limits);
  if (limits.high === undefined) return;
  needVersion2(
    "memory.limit below a memory.max_limit",
    "nothing there slows a container down before it is out of memory",
    context,
    "Give one of the two: alone either is the limit at which a task is killed. memory.reservation asks version 1 to take memory from those above it first.",
  );
}

/** Refused alike for both versions, though version 1 could make do, so that a spec means the same everywhere. */
function checkSwap({ total, hard, hardField }: Limits): void {
  if (total === undefined) return;
  const what = "memory.swap_limit is memory and swap together";
  if (hard === undefined) {
    throw invalid(
      `${what} and needs a ${hardField} beside it`,
      `What remains of it above ${hardField} is swap.`,
    );
  }
  if (total >= hard) return;
  throw invalid(
    `${what}: ${total} is less than ${hardField} ${hard}`,
    `For no swap at all set it to ${hard}.`,
  );
}

export function limitSteps(spec: MemorySpec, target: Target): HostStep[] {
  return target.cgroups.version("memory") === 2
    ? steps2(limitsOf(spec), target)
    : steps1(limitsOf(spec), target);
}

/** The kernel keeps limit <= memsw.limit at all times: what rises makes room first, what falls follows. */
function steps1({ hard, hardField, total }: Limits, target: Target): HostStep[] {
  const busy = { EBUSY: TOO_LITTLE };
  const limit = amountSteps(target, "memory.limit_in_bytes", hard, hardField, { hints: busy });
  const swap = amountSteps(target, "memory.memsw.limit_in_bytes", total, "memory.swap_limit", {
    hints: { ...NO_SWAP_ACCOUNTING, ...busy },
  });
  // A new one has no limit of either kind.
  if (target.fresh) return [...limit, ...swap];
  const now = readNumber(target.cgroups, target.name, "memory", "memory.memsw.limit_in_bytes");
  const rises = total === undefined || now === undefined || total >= now;
  return rises ? [...swap, ...limit] : [...limit, ...swap];
}

/** At no time is there neither limit, when one takes the other's place. */
function steps2({ high, hard, hardField, total }: Limits, target: Target): HostStep[] {
  const throttle = amountSteps(target, "memory.high", high, "memory.limit");
  const limit = amountSteps(target, "memory.max", hard, hardField);
  const swap = total === undefined || hard === undefined ? undefined : total - hard;
  return [
    ...(high === undefined ? [...limit, ...throttle] : [...throttle, ...limit]),
    ...amountSteps(target, "memory.swap.max", swap, "memory.swap_limit", { hints: NO_SWAP_ACCOUNTING }),
  ];
}

export function checkZswap({ zswap_limit }: MemorySpec, context: CheckContext): void {
  if (checkAmount("memory.zswap_limit", zswap_limit, 0n) === undefined) return;
  needVersion2("memory.zswap_limit", "compressed swap is the machine's there", context, "Leave it out.");
}

export function zswapSteps({ zswap_limit }: MemorySpec, target: Target): HostStep[] {
  if (target.cgroups.version("memory") !== 2) return [];
  return amountSteps(target, "memory.zswap.max", amountOf(zswap_limit), "memory.zswap_limit", {
    hints: {
      ENOENT:
        "This kernel does not count compressed swap by container: it takes Linux 5.19 with CONFIG_ZSWAP.",
    },
  });
}
