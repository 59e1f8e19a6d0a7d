/** Programs as bytes: the encoder, and the reader that `plan` uses. The layout is in docs/program-format.md. */
import { type Arch, ELF_MACHINE } from "./arch.ts";
import { type DataRef, KIND, NO_REGISTER, type Program } from "./program.ts";

/** Where in an image the stamp of machine and boot is. */
export const STAMP_OFFSET = 64;

export const FORMAT_VERSION = 1;
export const HEADER_SIZE = 72;
export const OPERATION_SIZE = 72;
const MAGIC = 0x50434d4c; // "LMCP"
/** A larger image is refused by the executor. */
export const MAX_IMAGE_SIZE = 4 << 20;

const align8 = (n: number): number => (n + 7) & ~7;

/** Texts for people, each once. */
class LabelTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  #texts = "\0";
  #size = 1;

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#size;
    const ended = `${text.replaceAll("\0", "")}\0`;
    this.#offsets.set(text, offset);
    this.#texts += ended;
    this.#size += Buffer.byteLength(ended);
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.from(this.#texts);
  }
}

/**
 * The bytes that the executor runs.
 *
 * @param options.labels without them a failure names only the step, which is enough for who has the program at hand
 */
export function encodeProgram(program: Program, options: { labels?: boolean } = {}): Uint8Array {
  const labels = new LabelTable();
  const labelled =
    (options.labels ?? true)
      ? program.operations.map(op => [labels.add(op.label), labels.add(op.stage)] as const)
      : [];
  const labelBytes = labels.bytes();

  const opOffset = HEADER_SIZE;
  const relocOffset = opOffset + program.operations.length * OPERATION_SIZE;
  const dataOffset = align8(relocOffset + program.relocations.length * 8);
  const labelOffset = dataOffset + program.data.length;
  const size = labelOffset + labelBytes.length;
  if (size > MAX_IMAGE_SIZE) {
    throw new RangeError(
      `program of ${size} bytes: at most ${MAX_IMAGE_SIZE} (arguments and environment count)`,
    );
  }

  const place = (ref: DataRef): number =>
    ref.zone === "zero" ? program.data.length + ref.offset : ref.offset;
  const image = new Uint8Array(size);
  const view = new DataView(image.buffer);
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);

  u32(0, MAGIC);
  view.setUint16(4, FORMAT_VERSION, true);
  view.setUint16(6, ELF_MACHINE[program.arch], true);
  u32(8, size);
  u32(12, program.operations.length);
  u32(16, opOffset);
  u32(20, program.relocations.length);
  u32(24, relocOffset);
  u32(28, dataOffset);
  u32(32, program.data.length);
  u32(36, program.zeroSize);
  u32(40, labelOffset);
  u32(44, labelBytes.length);
  u32(48, program.registerCount);
  if (program.returned) {
    u32(52, place(program.returned));
    u32(56, program.returned.extent);
  }
  view.setBigUint64(STAMP_OFFSET, program.stamp, true);

  for (const [i, op] of program.operations.entries()) {
    const at = opOffset + i * OPERATION_SIZE;
    view.setUint8(at, op.code);
    view.setUint8(at + 1, op.onError);
    view.setUint8(at + 2, op.destination);
    view.setUint8(at + 3, op.flags);
    view.setUint16(at + 4, op.nr, true);
    view.setUint16(at + 6, op.target?.position ?? 0, true);
    view.setUint16(at + 8, op.tolerate, true);
    u32(at + 16, labelled[i]?.[0] ?? 0);
    u32(at + 20, labelled[i]?.[1] ?? 0);
    for (const [j, arg] of op.args.entries()) {
      let kind: number = KIND.immediate;
      let value: bigint;
      if (typeof arg !== "object") value = BigInt(arg);
      else if (arg.kind === "register") {
        if (arg.index === NO_REGISTER)
          throw new RangeError(`step ${i}: uses the result of a call that kept none`);
        kind = KIND.register;
        value = BigInt(arg.index);
      } else {
        kind = KIND.data;
        value = BigInt(place(arg)) | (BigInt(arg.extent) << 32n);
      }
      view.setUint8(at + 10 + j, kind);
      view.setBigUint64(at + 24 + j * 8, BigInt.asUintN(64, value), true);
    }
  }
  for (const [i, { at, target }] of program.relocations.entries()) {
    u32(relocOffset + i * 8, at);
    u32(relocOffset + i * 8 + 4, place(target));
  }
  image.set(program.data, dataOffset);
  image.set(labelBytes, labelOffset);
  return image;
}

/** One step of a program as `plan` shows it. */
export interface PlannedStep {
  /** Counted from 1. */
  step: number;
  label: string;
  stage: string;
  /** The step that a jump goes to, counted from 1; one past the end = the end. */
  target?: number;
  onError: "fail" | "ignore" | "jump";
}

/** Reads the steps of an encoded program; undefined when it is not one. */
export function readSteps(
  image: Uint8Array,
): { arch: Arch; stamp: bigint; steps: PlannedStep[] } | undefined {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  if (
    image.length < HEADER_SIZE ||
    view.getUint32(0, true) !== MAGIC ||
    view.getUint16(4, true) !== FORMAT_VERSION
  ) {
    return undefined;
  }
  if (view.getUint32(8, true) !== image.length) return undefined;
  const labelOffset = view.getUint32(40, true);
  const text = (offset: number): string => {
    const start = labelOffset + offset;
    const end = image.indexOf(0, start);
    return new TextDecoder().decode(image.subarray(start, end));
  };
  const steps: PlannedStep[] = [];
  const count = view.getUint32(12, true);
  for (let i = 0; i < count; i++) {
    const at = view.getUint32(16, true) + i * OPERATION_SIZE;
    const onError = (["fail", "ignore", "jump"] as const)[view.getUint8(at + 1)] ?? "fail";
    const target = view.getUint16(at + 6, true);
    steps.push({
      step: i + 1,
      label: text(view.getUint32(at + 16, true)),
      stage: text(view.getUint32(at + 20, true)),
      onError,
      ...(target > 0 && { target: target + 1 }),
    });
  }
  const arch: Arch = view.getUint16(6, true) === ELF_MACHINE.aarch64 ? "aarch64" : "x86_64";
  return { arch, stamp: view.getBigUint64(STAMP_OFFSET, true), steps };
}
