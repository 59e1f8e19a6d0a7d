/** Runs a seccomp filter as the kernel does (kernel/seccomp.c, net/core/filter.c), and counts. */
import type { Instruction } from "../../src/kernel/seccomp/assembler.ts";

/** struct seccomp_data, without the instruction pointer. */
export interface Call {
  arch: number;
  number: number;
  args: readonly bigint[];
}

/** Throws for what the kernel would refuse to load. */
export function runFilter(filter: readonly Instruction[], call: Call): { answer: number; steps: number } {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.arch, true);
  for (const [i, arg] of call.args.entries()) data.setBigUint64(16 + 8 * i, arg, true);
  let a = 0;
  for (let at = 0, steps = 1; ; at++, steps++) {
    const instruction = filter[at];
    if (instruction === undefined) throw new Error(`ran out of the filter at ${at}`);
    const { code, jt, jf, k } = instruction;
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k >= 64) throw new Error(`bad load at ${at}`);
        a = data.getUint32(k, true);
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += a === k ? jt : jf;
        break;
      case 0x25:
        at += a > k ? jt : jf;
        break;
      case 0x35:
        at += a >= k ? jt : jf;
        break;
      case 0x06:
        return { answer: k, steps };
      default:
        throw new Error(`unknown instruction ${code} at ${at}`);
    }
  }
}

/** What the kernel checks of a filter before it takes it: whole jumps, and an answer at the end. */
export function checkFilter(filter: readonly Instruction[]): void {
  for (const [at, { code, jt, jf, k }] of filter.entries()) {
    const jumps = code === 0x05 ? [k] : (code & 7) === 5 ? [jt, jf] : [];
    for (const jump of jumps)
      if (at + 1 + jump >= filter.length) throw new Error(`jump beyond the end at ${at}`);
    for (const byte of [jt, jf])
      if (byte < 0 || byte > 255 || !Number.isInteger(byte)) throw new Error(`jump of ${byte} at ${at}`);
    if (k < 0 || k > 0xffff_ffff || !Number.isInteger(k)) throw new Error(`constant ${k} at ${at}`);
  }
  if (filter.at(-1)?.code !== 0x06) throw new Error("the last instruction is no answer");
}
