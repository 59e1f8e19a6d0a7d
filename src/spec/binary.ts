/** Protobuf's binary form, in and out. Imported only when such bytes are read or written. */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { LmctfyError } from "../errors.ts";
import type { Enum, Field, Message, Resolved, Scalar } from "./descriptor.ts";
import { INTEGER_RANGES } from "./scalar.ts";
import { checkSize } from "./tree.ts";

type Value = Record<string, unknown>;

/** Reads a message. What the message does not have is an error: a spec is obeyed in full or not at all. */
export function parseBinary<M extends Message>(type: M, input: Uint8Array, source = "spec"): Resolved<M> {
  checkSize(source, input);
  const value: Value = {};
  new Decoder(input, source, 0).message(type, value, "");
  return value as Resolved<M>;
}

/** Writes a message, the fields in the order of their numbers. */
export function formatBinary<M extends Message>(type: M, value: Resolved<M>): Uint8Array {
  const writer = new BinaryWriter();
  writeMessage(writer, type, value as Value);
  return writer.finish();
}

/** Reads one message. It calls itself once per level of the message types, which are not recursive. */
class Decoder {
  readonly #reader: BinaryReader;
  readonly #source: string;
  readonly #offset: number;

  constructor(bytes: Uint8Array, source: string, offset: number) {
    this.#reader = new BinaryReader(bytes);
    this.#source = source;
    this.#offset = offset;
  }

  message(type: Message, value: Value, path: string): void {
    const reader = this.#reader;
    while (reader.pos < reader.len) {
      const at = reader.pos;
      const [number, wireType] = this.#read(at, () => reader.tag());
      const field = type.byNumber.get(number);
      if (field === undefined)
        throw this.#error(at, `unknown field number ${number} in ${path || type.name}`);
      this.#field(field, wireType, at, value, path === "" ? field.name : `${path}.${field.name}`);
    }
    for (const field of type.list) {
      if (field.label === "required" && value[field.name] === undefined) {
        throw this.#error(reader.pos, `${path || type.name} lacks ${field.name}, which is required`);
      }
    }
  }

  #field(field: Field, wireType: WireType, at: number, value: Value, path: string): void {
    const isRepeated = field.label === "repeated";
    const packable =
      field.type !== "string" && (typeof field.type === "string" || field.type.kind === "enum");
    if (isRepeated && packable && wireType === WireType.LengthDelimited) {
      const [bytes, start] = this.#bytes(at);
      const packed = new Decoder(bytes, this.#source, start);
      const list = (value[field.name] ?? []) as unknown[];
      while (packed.#reader.pos < packed.#reader.len) {
        list.push(packed.#scalar(field.type as Scalar | Enum, packed.#reader.pos, path));
      }
      if (list.length > 0) value[field.name] = list;
      return;
    }
    if (wireType !== wireTypeOf(field)) {
      const expected = WireType[wireTypeOf(field)];
      throw this.#error(
        at,
        `wrong wire type ${WireType[wireType] ?? wireType} for ${path}, expected ${expected}`,
      );
    }
    let item: unknown;
    if (typeof field.type === "object" && field.type.kind === "message") {
      const [bytes, start] = this.#bytes(at);
      // A second occurrence of a single message adds to the first, as in all of protobuf.
      item = (isRepeated ? undefined : value[field.name]) ?? {};
      new Decoder(bytes, this.#source, start).message(field.type, item as Value, path);
    } else {
      item = this.#scalar(field.type, at, path);
    }
    if (!isRepeated) value[field.name] = item;
    else if (value[field.name] === undefined) value[field.name] = [item];
    else (value[field.name] as unknown[]).push(item);
  }

  #scalar(type: Scalar | Enum, at: number, path: string): unknown {
    const reader = this.#reader;
    if (typeof type === "object") {
      const number = this.#integer("int32", at, path);
      const name = type.byNumber.get(Number(number));
      if (name !== undefined) return name;
      const names = type.values.map(value => value.name).join(", ");
      throw this.#error(at, `unknown value ${number} for ${path}, expected one of ${names}`);
    }
    switch (type) {
      case "bool":
        return this.#read(at, () => reader.bool());
      case "double":
        return this.#read(at, () => reader.double());
      case "string":
        return this.#string(at, path);
      case "int32":
      case "uint32":
        return Number(this.#integer(type, at, path));
      case "int64":
      case "uint64":
        return this.#integer(type, at, path);
      default:
        return type satisfies never;
    }
  }

  #integer(type: keyof typeof INTEGER_RANGES, at: number, path: string): bigint {
    const isUnsigned = type === "uint64" || type === "uint32";
    const read = () => (isUnsigned ? this.#reader.uint64() : this.#reader.int64());
    const value = BigInt(this.#read(at, read));
    const [min, max] = INTEGER_RANGES[type];
    if (value >= min && value <= max) return value;
    throw this.#error(at, `${value} is out of range for ${path}, expected ${min} to ${max}`);
  }

  #string(at: number, path: string): string {
    const [bytes] = this.#bytes(at);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#error(at, `wrong value for ${path}, expected valid UTF-8`);
    }
  }

  /** A length and that many bytes, and where they start in the whole input. */
  #bytes(at: number): [Uint8Array, number] {
    const bytes = this.#read(at, () => this.#reader.bytes());
    return [bytes, this.#offset + this.#reader.pos - bytes.length];
  }

  /** Runs a read, which throws at the end of the bytes and on varints that are too long. */
  #read<T>(at: number, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      const isTruncated = cause instanceof RangeError;
      throw this.#error(at, isTruncated ? "the bytes end within a field" : "malformed field", cause);
    }
  }

  #error(at: number, message: string, cause?: unknown): LmctfyError {
    const place = `${this.#source}:byte ${this.#offset + at}`;
    return new LmctfyError("INVALID_ARGUMENT", message, { place, ...(cause !== undefined && { cause }) });
  }
}

function wireTypeOf(field: Field): WireType {
  if (typeof field.type === "object") {
    return field.type.kind === "message" ? WireType.LengthDelimited : WireType.Varint;
  }
  switch (field.type) {
    case "string":
      return WireType.LengthDelimited;
    case "double":
      return WireType.Bit64;
    default:
      return WireType.Varint;
  }
}

function writeMessage(writer: BinaryWriter, type: Message, value: Value): void {
  for (const field of type.list) {
    const content = value[field.name];
    if (content === undefined) continue;
    for (const item of field.label === "repeated" ? (content as unknown[]) : [content]) {
      writer.tag(field.number, wireTypeOf(field));
      writeValue(writer, field, item);
    }
  }
}

function writeValue(writer: BinaryWriter, { type }: Field, value: unknown): BinaryWriter {
  if (typeof type === "object") {
    if (type.kind === "enum") return writer.int32(type.byName.get(value as string)!);
    writer.fork();
    writeMessage(writer, type, value as Value);
    return writer.join();
  }
  switch (type) {
    case "bool":
      return writer.bool(value as boolean);
    case "double":
      return writer.double(value as number);
    case "string":
      return writer.string(value as string);
    case "int32":
      return writer.int32(value as number);
    case "uint32":
      return writer.uint32(value as number);
    case "int64":
      return writer.int64(value as bigint);
    case "uint64":
      return writer.uint64(value as bigint);
    default:
      return type satisfies never;
  }
}
