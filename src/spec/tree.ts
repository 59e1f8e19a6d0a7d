/**
 * What every front end (text, JSON, YAML, JS object) makes of its input: a tree without types that remembers where
 * each part stood. `resolve.ts` gives it meaning.
 */
import { LmctfyError } from "../errors.ts";

/** Nesting beyond this is refused, in every form. */
export const MAX_DEPTH = 100;

/** Input beyond this is refused, in every form: 1 MiB. */
export const MAX_BYTES = 1 << 20;

export type Node =
  | MessageNode
  | { readonly kind: "list"; readonly at: number; readonly items: readonly Node[] }
  | ScalarNode;

export interface MessageNode {
  readonly kind: "message";
  readonly at: number;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly name: string;
  readonly at: number;
  readonly value: Node;
}

export type ScalarNode =
  /** Something in quotes (in YAML and JS any string). */
  | { readonly kind: "string"; readonly at: number; readonly value: string }
  /** A bare word of text format: `true`, `PRIORITY`, `-inf`. */
  | { readonly kind: "word"; readonly at: number; readonly value: string }
  /** An integer that is exact; `text` is how it was written. */
  | { readonly kind: "int"; readonly at: number; readonly value: bigint; readonly text: string }
  /** Any other number. */
  | { readonly kind: "float"; readonly at: number; readonly value: number; readonly text: string }
  | { readonly kind: "bool"; readonly at: number; readonly value: boolean }
  | { readonly kind: "null"; readonly at: number };

/** The form that a tree came from; they differ in what they take for a bool, an enum or a 64-bit integer. */
export type Dialect = "text" | "json" | "yaml" | "object";

/** An input and how to point into it. */
export interface Source {
  readonly dialect: Dialect;
  /** `spec` or the name of the file. */
  readonly name: string;
  /** For people: `spec:1:24`, or `spec.cpu.limit` where there is no text. */
  place(at: number, path: string): string;
}

/** A source with text, whose offsets become lines and columns (both from 1, columns in characters). */
export class TextSource implements Source {
  readonly dialect: Dialect;
  readonly name: string;
  readonly text: string;

  constructor(dialect: Dialect, name: string, text: string) {
    this.dialect = dialect;
    this.name = name;
    this.text = text;
  }

  place(at: number): string {
    const before = this.text.slice(0, at);
    const lineStart = before.lastIndexOf("\n") + 1;
    let line = 1;
    for (let i = before.indexOf("\n"); i !== -1; i = before.indexOf("\n", i + 1)) line++;
    return `${this.name}:${line}:${[...before.slice(lineStart)].length + 1}`;
  }
}

/** The error of every front end: INVALID_ARGUMENT, with the place. */
export function specError(
  source: Source,
  at: number,
  message: string,
  hint?: string,
  path = "",
): LmctfyError {
  const place = source.place(at, path);
  return new LmctfyError("INVALID_ARGUMENT", message, hint === undefined ? { place } : { place, hint });
}

/** Refuses input that is too large before any work is done on it. */
export function checkSize(name: string, input: string | Uint8Array, limit = MAX_BYTES): void {
  const size = typeof input === "string" ? Buffer.byteLength(input) : input.length;
  if (size <= limit) return;
  throw new LmctfyError("INVALID_ARGUMENT", `the input has ${size} bytes, expected at most ${limit}`, {
    place: name,
  });
}

/** A piece of input as an error message shows it: in quotes, and cut when it is long. */
export function quoted(text: string): string {
  return JSON.stringify(shortened(text));
}

export function shortened(text: string): string {
  const characters = text.length > 80 ? [...text.slice(0, 120)] : [...text];
  return characters.length <= 40 ? text : `${characters.slice(0, 39).join("")}…`;
}

/** A node as an error message shows it. */
export function describe(node: Node): string {
  switch (node.kind) {
    case "message":
      return "{ }";
    case "list":
      return "[ ]";
    case "string":
      return quoted(node.value);
    case "word":
      return shortened(node.value);
    case "int":
    case "float":
      return shortened(node.text);
    case "bool":
      return String(node.value);
    case "null":
      return "null";
    default:
      return node satisfies never;
  }
}
