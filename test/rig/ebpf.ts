/** What the kernel's eBPF machine does with the instructions that our filters use, from their bytes. */

/** Runs a program with a context of 32-bit words; what it returns. Throws for what the kernel would not load. */
export function runBpf(code: Uint8Array, context: readonly number[]): number {
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  const registers: (bigint | "context" | undefined)[] = [];
  registers[1] = "context";
  const value = (register: number): bigint => {
    const found = registers[register];
    if (typeof found !== "bigint") throw new Error(`r${register} has no value`);
    return found;
  };
  for (let at = 0; at < code.length / 8; at++) {
    const opcode = view.getUint8(at * 8);
    const [dst, src] = [view.getUint8(at * 8 + 1) & 15, view.getUint8(at * 8 + 1) >> 4];
    const offset = view.getInt16(at * 8 + 2, true);
    const immediate = BigInt.asUintN(64, BigInt(view.getInt32(at * 8 + 4, true)));
    const jump = (taken: boolean): void => {
      if (taken) at += offset;
    };
    switch (opcode) {
      case 0x61: // r = *(u32 *)(context + offset)
        if (registers[src] !== "context") throw new Error(`r${src} is not the context`);
        registers[dst] = BigInt(context[offset / 4]! >>> 0);
        break;
      case 0xb7:
        registers[dst] = immediate;
        break;
      case 0xbf:
        registers[dst] = registers[src];
        break;
      case 0x57:
        registers[dst] = value(dst) & immediate;
        break;
      case 0x77:
        registers[dst] = value(dst) >> immediate;
        break;
      case 0x15:
        jump(value(dst) === immediate);
        break;
      case 0x55:
        jump(value(dst) !== immediate);
        break;
      case 0x45:
        jump((value(dst) & immediate) !== 0n);
        break;
      case 0x95:
        return Number(value(0));
      default:
        throw new Error(`instruction 0x${opcode.toString(16)} is not known`);
    }
  }
  throw new Error("it runs past its end");
}
