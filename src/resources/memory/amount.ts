/** Amounts of memory: as a spec says them, and as control files keep and show them. */
import type { Hints, HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import { type CheckContext, change, INT64_MAX, invalid, setting, type Target } from "../resource.ts";

/** Less than this holds not even the page tables and stack of the smallest program: every command would be killed. */
export const LEAST = 64n * 1024n;

export const PAGE = 4096n;

/** What version 1 shows for no limit, the largest number of whole pages, less as much as pages may be large. */
const NO_LIMIT = INT64_MAX - 1n - (1n << 20n);

/** An amount of bytes; undefined when there is none, or it is no limit: -1, or all that an int64 holds. */
export function amountOf(value: bigint | undefined): bigint | undefined {
  return value === undefined || value === -1n || value >= INT64_MAX ? undefined : value;
}

/** What a control file keeps of an amount: the kernel counts in pages. */
export function wholePages(amount: bigint): bigint {
  return (amount / PAGE) * PAGE;
}

export function checkAmount(field: string, value: bigint | undefined, least: bigint): bigint | undefined {
  const amount = amountOf(value);
  if (amount === undefined || amount >= least) return amount;
  const hint = amount >= 0n ? `The unit is bytes: ${amount} MB is ${amount * 1_000_000n}.` : undefined;
  const why = least > 0n && amount >= 0n ? ": no program fits into so little" : "";
  throw invalid(`${field} ${amount} is out of range: ${least} bytes or more, or -1 for no limit${why}`, hint);
}

/** Whether a control file says what is to be written: the kernel keeps whole pages, and has names for no limit. */
export function sameAmount(now: string, wanted: string): boolean {
  const none = (text: string) => text === "max" || text === "-1" || BigInt(text) >= NO_LIMIT;
  if (none(now) || none(wanted)) return none(now) && none(wanted);
  return BigInt(now) === wholePages(BigInt(wanted));
}

/** Sets an amount; without one, what a new cgroup has. */
export function amountSteps(
  { cgroups, name, fresh }: Target,
  file: string,
  amount: bigint | undefined,
  field: string,
  {
    none = cgroups.version("memory") === 2 ? "max" : "-1",
    hints = {},
  }: { none?: string; hints?: Hints } = {},
): HostStep[] {
  const value = amount ?? none;
  if (fresh)
    return amount === undefined ? [] : [setting(cgroups, name, "memory", file, value, field, { hints })];
  const needed = amount !== undefined;
  return change(cgroups, name, "memory", file, value, field, { needed, same: sameAmount, hints });
}

/** Refuses what only version 2 has. */
export function needVersion2(field: string, why: string, { cgroups }: CheckContext, hint: string): void {
  if (cgroups.version("memory") !== 1) return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${field} needs cgroup v2, and the memory controller is on version 1 here: ${why}`,
    { hint },
  );
}
