/** JS object → tree: what a TypeScript user passes. Errors name the path, `spec.cpu.max_limit`. */
import { LmctfyError } from "../errors.ts";
import { type Entry, MAX_DEPTH, type MessageNode, type Node, type Source } from "./tree.ts";

/** The number of values at which an object is refused: more than any text of the permitted size can hold. */
const MAX_NODES = 1 << 20;

/** Reads a plain object, following own enumerable properties only. */
export function objectTree(input: unknown, name = "spec"): { tree: MessageNode; source: Source } {
  const source: Source = {
    dialect: "object",
    name,
    place: (_, path) => (path === "" ? name : `${name}.${path}`),
  };
  let nodes = 0;

  const read = (value: unknown, path: string, depth: number): Node => {
    if (++nodes > MAX_NODES) throw refuse(name, "too many values, expected a spec");
    if (depth > MAX_DEPTH) throw refuse(name, `nested too deeply, expected at most ${MAX_DEPTH} levels`);
    switch (typeof value) {
      case "string":
        return { kind: "string", at: 0, value };
      case "boolean":
        return { kind: "bool", at: 0, value };
      case "bigint":
        return { kind: "int", at: 0, value, text: bigintText(value) };
      case "number":
        return Number.isSafeInteger(value) && !Object.is(value, -0)
          ? { kind: "int", at: 0, value: BigInt(value), text: String(value) }
          : { kind: "float", at: 0, value, text: String(value) };
      case "object":
        if (value === null) return { kind: "null", at: 0 };
        if (Array.isArray(value)) {
          const items = Array.from(value, (item, i) => read(item, `${path}[${i}]`, depth + 1));
          return { kind: "list", at: 0, items };
        }
        if (isPlain(value)) return readObject(value, path, depth);
        throw refuse(path, "wrong value, expected a plain object");
      default:
        throw refuse(path, `wrong value of type ${typeof value}, expected a plain value`);
    }
  };

  const readObject = (value: object, path: string, depth: number): MessageNode => {
    const entries: Entry[] = [];
    for (const [key, content] of Object.entries(value)) {
      if (content === undefined) continue;
      entries.push({ name: key, at: 0, value: read(content, `${path}.${key}`, depth + 1) });
    }
    return { kind: "message", at: 0, entries };
  };

  const tree = read(input, name, 0);
  if (tree.kind !== "message") throw refuse(name, "wrong value, expected a plain object");
  return { tree, source };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have another Object.prototype, but it too has no prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Printing a bigint of a million digits is slow, and no type holds it. */
function bigintText(value: bigint): string {
  return value > 2n ** 70n || value < -(2n ** 70n) ? "a huge bigint" : String(value);
}

function refuse(place: string, message: string): LmctfyError {
  return new LmctfyError("INVALID_ARGUMENT", message, { place });
}
