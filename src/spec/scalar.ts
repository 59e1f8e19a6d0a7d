/** One scalar of a tree → its value: what each form takes for an integer, a bool, an enum and so on. */
import type { Enum, Field, Scalar } from "./descriptor.ts";
import { nearest } from "./suggest.ts";
import { describe, quoted, type ScalarNode, type Source, specError } from "./tree.ts";

/** Smallest and largest value of each integer type. */
export const INTEGER_RANGES = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

type IntegerType = keyof typeof INTEGER_RANGES;

/** Where a scalar stands: all that an error needs. */
interface Spot {
  readonly field: Field;
  readonly node: ScalarNode;
  readonly source: Source;
  readonly path: string;
}

export function resolveScalar(
  field: Field,
  type: Scalar | Enum,
  node: ScalarNode,
  source: Source,
  path: string,
): string | number | bigint | boolean {
  const spot = { field, node, source, path };
  if (typeof type === "object") return enumValue(type, spot);
  switch (type) {
    case "bool":
      return boolValue(spot);
    case "string":
      return stringValue(spot);
    case "double":
      return doubleValue(spot);
    case "int32":
    case "uint32":
      return Number(integerValue(type, spot));
    case "int64":
    case "uint64":
      return integerValue(type, spot);
    default:
      return type satisfies never;
  }
}

function boolValue(spot: Spot): boolean {
  const { node } = spot;
  if (node.kind === "bool") return node.value;
  if (node.kind === "word") {
    if (/^(?:true|True|t)$/.test(node.value)) return true;
    if (/^(?:false|False|f)$/.test(node.value)) return false;
  }
  if (node.kind === "int" && spot.source.dialect === "text" && !node.text.startsWith("-")) {
    if (node.value === 1n) return true;
    if (node.value === 0n) return false;
  }
  throw wrong(spot, "true or false");
}

function stringValue(spot: Spot): string {
  const { node, source } = spot;
  if (node.kind !== "string") {
    throw wrong(spot, source.dialect === "object" ? "a string" : "text in quotes");
  }
  if (/\p{Surrogate}/u.test(node.value)) throw wrong(spot, "valid Unicode");
  return node.value;
}

function doubleValue(spot: Spot): number {
  const { node, source } = spot;
  if (node.kind === "float") return node.value;
  if (node.kind === "int" && source.dialect !== "text") return Number(node.value);
  if (node.kind === "int" && !/^-?0./.test(node.text)) return Number(node.text);
  if (node.kind === "word") {
    const word = node.value.toLowerCase();
    if (/^-?inf(?:inity)?$/.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
    if (/^-?nan$/.test(word)) return Number.NaN;
  }
  if (node.kind === "string" && source.dialect !== "text") {
    if (/^-?Infinity$|^NaN$/.test(node.value)) return Number(node.value);
    if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(node.value)) return Number(node.value);
  }
  throw wrong(spot, "a decimal number");
}

function integerValue(type: IntegerType, spot: Spot): bigint {
  const value = integerOf(spot);
  const [min, max] = INTEGER_RANGES[type];
  if (value >= min && value <= max) return value;
  throw error(spot, `${describe(spot.node)} is out of range for ${spot.path}, expected ${min} to ${max}`);
}

function integerOf(spot: Spot): bigint {
  const { node, source, path } = spot;
  if (node.kind === "int") return node.value;
  if (source.dialect !== "text") {
    if (node.kind === "string" && /^-?\d{1,40}$/.test(node.value)) return BigInt(node.value);
    if (node.kind === "float" && Number.isInteger(node.value)) {
      if (Number.isSafeInteger(node.value)) return BigInt(node.value);
      const instead = source.dialect === "object" ? "a bigint or a string" : "the digits in quotes";
      throw error(spot, `${describe(node)} is too large to be exact for ${path}, expected ${instead}`);
    }
  }
  const { unit } = spot.field;
  throw wrong(spot, unit === undefined ? "an integer" : `an integer (${unit})`, suffixHint(spot.node));
}

/** Whoever writes `100M` learns what to write. */
function suffixHint(node: ScalarNode): string | undefined {
  if (node.kind !== "string" && node.kind !== "word") return undefined;
  const parts = /^(\d{1,15})\s*([kKMGT])i?[bB]?$/.exec(node.value);
  if (parts === null) return undefined;
  const factor = 1024n ** BigInt("KMGT".indexOf(parts[2]!.toUpperCase()) + 1);
  return `numbers have no suffix: ${node.value} is ${BigInt(parts[1]!) * factor}`;
}

function enumValue(type: Enum, spot: Spot): string {
  const { node, source, path } = spot;
  const names = type.values.map(value => value.name);
  const named = node.kind === "word" || (node.kind === "string" && source.dialect !== "text");
  if (named && type.byName.has(node.value)) return node.value;
  if (node.kind === "int") {
    const name = type.byNumber.get(Number(node.value));
    if (name !== undefined) return name;
  }
  if (!named && node.kind !== "int") throw wrong(spot, `one of ${names.join(", ")}`);
  const shown = node.kind === "int" ? describe(node) : quoted(node.value);
  const guess = named ? nearest(node.value, names) : undefined;
  const hint = guess === undefined ? undefined : `did you mean ${guess}?`;
  throw error(spot, `unknown value ${shown} for ${path}, expected one of ${names.join(", ")}`, hint);
}

function wrong(spot: Spot, expected: string, hint?: string): Error {
  return error(spot, `wrong value ${describe(spot.node)} for ${spot.path}, expected ${expected}`, hint);
}

function error({ source, node, path }: Spot, message: string, hint?: string): Error {
  return specError(source, node.at, message, hint, path);
}
