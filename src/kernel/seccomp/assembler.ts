/**
 * Classic BPF as seccomp takes it (Documentation/userspace-api/seccomp_filter.rst), built from its end to its
 * beginning: a jump only goes forward, so where it goes is known when it is written, and what is the same is written
 * once.
 */

/** struct sock_filter */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** include/uapi/linux/bpf_common.h: those that seccomp filters need. */
export const BPF = {
  LOAD: 0x20, // BPF_LD | BPF_W | BPF_ABS
  AND: 0x54, // BPF_ALU | BPF_AND | BPF_K
  JUMP: 0x05, // BPF_JMP | BPF_JA
  JEQ: 0x15,
  JGT: 0x25,
  JGE: 0x35,
  RETURN: 0x06,
} as const;

/** The kernel takes no more (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

/** Where to go on: an answer of the filter, or an instruction that is there already, counted from the end. */
export type Target = { readonly answer: number } | { readonly at: number };

/** A conditional jump reaches 255 instructions; one less, because placing one target may move the other by one. */
const REACH = 254;

export class Assembler {
  /** The last one first. */
  readonly #code: Instruction[] = [];
  /** The nearest instruction that gives an answer. */
  readonly #answers = new Map<number, number>();

  /** `if (A test k) yes else no` */
  jump(test: "JEQ" | "JGT" | "JGE", k: number, yes: Target, no: Target): Target {
    if (same(yes, no)) return yes;
    const first = this.#within(REACH, yes);
    const second = this.#within(REACH, no);
    const here = this.#code.length - 1;
    return this.#emit({ code: BPF[test], jt: here - first, jf: here - second, k });
  }

  /** A = a word of struct seccomp_data, and then so much of it as the mask leaves. */
  load(offset: number, next: Target, mask = 0xffff_ffff): Target {
    this.#next(next);
    if (mask !== 0xffff_ffff) this.#emit({ code: BPF.AND, jt: 0, jf: 0, k: mask });
    return this.#emit({ code: BPF.LOAD, jt: 0, jf: 0, k: offset });
  }

  /** The whole filter, which begins at a target. Throws RangeError for one that is too large. */
  finish(start: Target): Instruction[] {
    this.#next(start);
    if (this.#code.length > MAX_INSTRUCTIONS) {
      throw new RangeError(`a filter of ${this.#code.length} instructions, at most ${MAX_INSTRUCTIONS}`);
    }
    return [...this.#code].reverse();
  }

  #emit(instruction: Instruction): Target {
    return { at: this.#code.push(instruction) - 1 };
  }

  /** Has the target be what follows what is written next. */
  #next(target: Target): void {
    this.#within(0, target);
  }

  /** The place of a target, or of a stepping stone to it, at most so many instructions from what is written next. */
  #within(reach: number, target: Target): number {
    const at = "at" in target ? target.at : this.#answers.get(target.answer);
    const between = at === undefined ? Number.POSITIVE_INFINITY : this.#code.length - 1 - at;
    if (between <= reach) return at!;
    const stone = this.#code.length;
    if ("at" in target) this.#emit({ code: BPF.JUMP, jt: 0, jf: 0, k: between });
    else {
      this.#emit({ code: BPF.RETURN, jt: 0, jf: 0, k: target.answer });
      this.#answers.set(target.answer, stone);
    }
    return stone;
  }
}

function same(a: Target, b: Target): boolean {
  return "at" in a ? "at" in b && a.at === b.at : "answer" in b && a.answer === b.answer;
}

/** As the kernel reads it: struct sock_filter[]. */
export function encodeFilter(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, { code, jt, jf, k }] of instructions.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  }
  return bytes;
}
