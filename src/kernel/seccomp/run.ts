/** What a filter answers, found by running it as the kernel does. */
import type { Arch } from "../arch.ts";
import { BPF } from "./assembler.ts";

/** include/uapi/linux/audit.h: what struct seccomp_data calls the architecture. */
const AUDIT_ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;

/** The answer to a call whose arguments are all 0, as SECCOMP_RET_*. */
export function answerTo(filter: Uint8Array, arch: Arch, call: number): number {
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const data: Record<number, number> = { 0: call, 4: AUDIT_ARCH[arch] };
  let a = 0;
  for (let at = 0; at * 8 < filter.byteLength; at++) {
    const k = code.getUint32(at * 8 + 4, true);
    const jump = (yes: boolean): void => {
      at += code.getUint8(at * 8 + (yes ? 2 : 3));
    };
    switch (code.getUint16(at * 8, true)) {
      case BPF.LOAD:
        a = data[k] ?? 0;
        break;
      case BPF.AND:
        a = (a & k) >>> 0;
        break;
      case BPF.JUMP:
        at += k;
        break;
      case BPF.JEQ:
        jump(a === k);
        break;
      case BPF.JGT:
        jump(a > k);
        break;
      case BPF.JGE:
        jump(a >= k);
        break;
      case BPF.RETURN:
        return k;
      default:
        throw new RangeError(`instruction ${at} is none that a filter of ours has`);
    }
  }
  throw new RangeError("a filter without an end");
}
