/**
 * Tables of decisions → a seccomp filter. For each world the numbers are cut into ranges with one decision, and found
 * by a balanced tree of comparisons; arguments are looked at behind it, only where a decision depends on them.
 *
 * Nothing but loads, comparisons and masks is used: such filters the kernel evaluates once for each number, and
 * remembers what is always allowed (seccomp_cache_prepare), so that those calls cost nothing afterwards.
 */
import type { Arch } from "../arch.ts";
import { type Action, answerOf } from "./action.ts";
import { Assembler, encodeFilter, type Instruction, type Target } from "./assembler.ts";
import { type Abi, AUDIT_ARCH, X32_BIT } from "./calls.ts";

/** A comparison of an argument, which is 64 bits without a sign. */
export interface Condition {
  /** 0 to 5. */
  readonly index: number;
  readonly test: "==" | ">=" | ">";
  readonly value: bigint;
  /** With "==": what of the argument is compared. @default all of it */
  readonly mask?: bigint;
  /** Whether it holds where the comparison does not. */
  readonly negated?: boolean;
  /** Only the lower halves are compared: all that there is of an argument in a 32-bit world. */
  readonly narrow?: boolean;
}

/** What happens to a call: the action of the first case whose conditions all hold. */
export interface Decision {
  readonly cases: readonly { readonly when: readonly Condition[]; readonly action: Action }[];
  readonly otherwise: Action;
}

/** The decisions of one world. */
export interface CallTable {
  /** By number. */
  readonly calls: ReadonlyMap<number, Decision>;
  /** For the numbers without one, */
  readonly unlisted: Action;
  /** unless they are above this one: calls that whoever wrote the table did not know. */
  readonly newest?: number | undefined;
  readonly beyond?: Action;
}

export interface FilterPlan {
  readonly arch: Arch;
  /** The native world must be there. What speaks another one is answered with `foreign`. */
  readonly worlds: ReadonlyMap<Abi, CallTable>;
  readonly foreign: Action;
}

/** struct seccomp_data (include/uapi/linux/seccomp.h), little endian. */
const NUMBER = 0;
const ARCH = 4;
const argument = (index: number): number => 16 + 8 * index;

/** A call without a number, as a debugger leaves it, and x32 calls on a kernel that has none. */
const NO_SUCH_CALL: Action = { kind: "errno", value: 38 };

/** The filter as instructions. Throws RangeError when it is larger than the kernel takes. */
export function compileInstructions(plan: FilterPlan): Instruction[] {
  const b = new Assembler();
  const world = (abi: Abi, or: Target): Target => {
    const table = plan.worlds.get(abi);
    return table === undefined ? or : tree(b, table);
  };
  const foreign = { answer: answerOf(plan.foreign) };
  let start: Target = foreign;
  const others: Abi[] = plan.arch === "x86_64" ? ["x86"] : ["arm"];
  for (const abi of others) {
    if (!plan.worlds.has(abi)) continue;
    start = b.jump("JEQ", AUDIT_ARCH[abi], b.load(NUMBER, world(abi, foreign)), start);
  }
  const x32 = plan.arch === "x86_64" ? world("x32", { answer: answerOf(NO_SUCH_CALL) }) : undefined;
  let native = world(plan.arch, foreign);
  if (x32 !== undefined) native = b.jump("JGE", X32_BIT, x32, native);
  return b.finish(b.load(ARCH, b.jump("JEQ", AUDIT_ARCH[plan.arch], b.load(NUMBER, native), start)));
}

/** The filter as the kernel reads it. */
export function compileFilter(plan: FilterPlan): Uint8Array {
  return encodeFilter(compileInstructions(plan));
}

interface Range {
  readonly from: number;
  readonly target: Target;
  readonly key: string;
}

/** Finds the decision for the number in A. */
function tree(b: Assembler, table: CallTable): Target {
  const ranges = rangesOf(b, table);
  const build = (low: number, high: number): Target => {
    const [first, second, third] = ranges.slice(low, high);
    if (second === undefined) return first!.target;
    const single = third !== undefined && third.from === second.from + 1;
    if (high - low === 3 && single && third.key === first!.key)
      return b.jump("JEQ", second.from, second.target, first!.target);
    const middle = (low + high) >> 1;
    const above = build(middle, high);
    const below = build(low, middle);
    return b.jump("JGE", ranges[middle]!.from, above, below);
  };
  return build(0, ranges.length);
}

/** The numbers from 0 to the largest, cut where the decision changes. */
function rangesOf(b: Assembler, { calls, unlisted, newest, beyond }: CallTable): Range[] {
  const blocks = new Map<string, Target>();
  const ranges: Range[] = [];
  const add = (from: number, decision: Decision): void => {
    const key = keyOf(decision);
    if (ranges.at(-1)?.key === key) return;
    let target = blocks.get(key);
    if (target === undefined) {
      target = block(b, decision);
      blocks.set(key, target);
    }
    ranges.push({ from, target, key });
  };
  const fixed = (action: Action): Decision => ({ cases: [], otherwise: action });
  let next = 0;
  for (const [number, decision] of [...calls].sort(([x], [y]) => x - y)) {
    // A number above the newest is a private one of the architecture: what is around it is still unknown.
    gap(next, number);
    add(number, decision);
    next = number + 1;
  }
  gap(next, Number.POSITIVE_INFINITY);
  return ranges;

  function gap(from: number, to: number): void {
    if (from >= to) return;
    const limit = beyond === undefined || newest === undefined ? Number.POSITIVE_INFINITY : newest + 1;
    if (from < limit) add(from, fixed(unlisted));
    if (beyond !== undefined && limit < to) add(Math.max(from, limit), fixed(beyond));
  }
}

function keyOf({ cases, otherwise }: Decision): string {
  if (cases.length === 0) return String(answerOf(otherwise));
  return JSON.stringify([cases, answerOf(otherwise)], (_, value) =>
    typeof value === "bigint" ? `${value}` : value,
  );
}

/** Looks at the arguments, as far as the decision needs them. */
function block(b: Assembler, { cases, otherwise }: Decision): Target {
  let target: Target = { answer: answerOf(otherwise) };
  for (const { when, action } of [...cases].reverse()) {
    const no = target;
    let yes: Target = { answer: answerOf(action) };
    for (const condition of [...when].reverse()) yes = compare(b, condition, yes, no);
    target = yes;
  }
  return target;
}

const ALL = (1n << 64n) - 1n;
const LOWER = 0xffff_ffffn;

/** Compares 64 bits, 32 at a time, the upper ones first. */
function compare(b: Assembler, condition: Condition, yes: Target, no: Target): Target {
  const { index, test, value, mask = ALL, negated, narrow } = condition;
  if (negated) return compare(b, { ...condition, negated: false }, no, yes);
  if (narrow && test === "==") {
    const lower = { index, test, value: value & LOWER, mask: mask & LOWER };
    return compare(b, lower, yes, no);
  }
  const [valueLow, valueHigh] = halves(value);
  const [low, high] = [argument(index), argument(index) + 4];
  if (test === "==") {
    if ((value & mask) !== value) return no;
    const [maskLow, maskHigh] = halves(mask);
    const lower = maskLow === 0 ? yes : b.load(low, b.jump("JEQ", valueLow, yes, no), maskLow);
    return maskHigh === 0 ? lower : b.load(high, b.jump("JEQ", valueHigh, lower, no), maskHigh);
  }
  const lower = b.load(low, b.jump(test === ">=" ? "JGE" : "JGT", valueLow, yes, no));
  if (narrow) return lower;
  const equal = b.jump("JEQ", valueHigh, lower, no);
  return b.load(high, b.jump("JGT", valueHigh, yes, equal));
}

function halves(value: bigint): [low: number, high: number] {
  return [Number(value & LOWER), Number(value >> 32n)];
}
