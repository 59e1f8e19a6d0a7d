/**
 * An assembler for eBPF, of what filters need: loads of the context, comparisons, forward jumps.
 * Instructions are eight bytes (Documentation/bpf/standardization/instruction-set.rst): opcode, registers, offset, immediate.
 */

/** Registers: r0 is the result, r1 the context at the start. */
export type BpfRegister = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

export interface BpfInstruction {
  opcode: number;
  dst: number;
  src: number;
  /** Of a load: into the context; of a jump: instructions to skip. */
  offset: number;
  immediate: number;
}

export interface BpfLabel {
  position: number | undefined;
}

export const BPF = {
  /** r = *(u32 *)(r + offset) */
  LDX_W: 0x61,
  MOV_IMM: 0xb7,
  MOV_REG: 0xbf,
  AND_IMM: 0x57,
  RSH_IMM: 0x77,
  JEQ_IMM: 0x15,
  JNE_IMM: 0x55,
  /** Jumps when a bit is set. */
  JSET_IMM: 0x45,
  JA: 0x05,
  EXIT: 0x95,
} as const;

const NAMES = Object.fromEntries(Object.entries(BPF).map(([name, opcode]) => [opcode, name]));

/** What the kernel takes from who has CAP_BPF is a million; from others 4096 (include/linux/filter.h). */
export const MOST_INSTRUCTIONS = 4096;

/** Most that a jump skips. */
const FARTHEST = 32_767;

export class BpfAssembler {
  readonly #code: (Omit<BpfInstruction, "offset"> & { offset: number | BpfLabel })[] = [];

  label(): BpfLabel {
    return { position: undefined };
  }

  /** The next instruction is where jumps to the label arrive. */
  place(label: BpfLabel): void {
    label.position = this.#code.length;
  }

  load(dst: BpfRegister, context: BpfRegister, offset: number): void {
    this.#push(BPF.LDX_W, dst, context, offset, 0);
  }

  move(dst: BpfRegister, value: number): void {
    this.#push(BPF.MOV_IMM, dst, 0, 0, value);
  }

  copy(dst: BpfRegister, src: BpfRegister): void {
    this.#push(BPF.MOV_REG, dst, src, 0, 0);
  }

  and(dst: BpfRegister, mask: number): void {
    this.#push(BPF.AND_IMM, dst, 0, 0, mask);
  }

  shiftRight(dst: BpfRegister, bits: number): void {
    this.#push(BPF.RSH_IMM, dst, 0, 0, bits);
  }

  jumpIf(register: BpfRegister, how: "==" | "!=" | "&", value: number, to: BpfLabel): void {
    const opcode = how === "==" ? BPF.JEQ_IMM : how === "!=" ? BPF.JNE_IMM : BPF.JSET_IMM;
    this.#push(opcode, register, 0, to, value);
  }

  /** Ends with a result. */
  exit(result: number): void {
    this.move(0, result);
    this.#push(BPF.EXIT, 0, 0, 0, 0);
  }

  build(): BpfInstruction[] {
    return this.#code.map((instruction, at) => {
      const { offset } = instruction;
      if (typeof offset === "number") return { ...instruction, offset };
      const distance = (offset.position ?? -1) - at - 1;
      if (distance < 0 || distance > FARTHEST) throw new RangeError(`jump of ${distance} instructions`);
      return { ...instruction, offset: distance };
    });
  }

  #push(opcode: number, dst: number, src: number, offset: number | BpfLabel, immediate: number): void {
    this.#code.push({ opcode, dst, src, offset, immediate });
  }
}

export function encodeBpf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, { opcode, dst, src, offset, immediate }] of program.entries()) {
    bytes.writeUInt8(opcode, i * 8);
    bytes.writeUInt8(dst | (src << 4), i * 8 + 1);
    bytes.writeInt16LE(offset, i * 8 + 2);
    bytes.writeInt32LE(immediate | 0, i * 8 + 4);
  }
  return bytes;
}

/** A line per instruction, for people: `3: JNE_IMM r2, 1 -> 7`. */
export function printBpf(program: readonly BpfInstruction[]): string[] {
  return program.map(({ opcode, dst, src, offset, immediate }, at) => {
    const name = NAMES[opcode] ?? `0x${opcode.toString(16)}`;
    switch (opcode) {
      case BPF.EXIT:
        return `${at}: EXIT`;
      case BPF.LDX_W:
        return `${at}: ${name} r${dst}, [r${src}+${offset}]`;
      case BPF.MOV_REG:
        return `${at}: ${name} r${dst}, r${src}`;
      case BPF.JEQ_IMM:
      case BPF.JNE_IMM:
      case BPF.JSET_IMM:
        return `${at}: ${name} r${dst}, ${immediate} -> ${at + 1 + offset}`;
      default:
        return `${at}: ${name} r${dst}, ${immediate}`;
    }
  });
}
