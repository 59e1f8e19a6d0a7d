/** JSON → tree. An own reader, because JSON.parse knows no places, forgets duplicate names and rounds integers. */

import type { MessageNode } from "./tree.ts";
import { checkSize, type Entry, MAX_DEPTH, type Node, quoted, specError, TextSource } from "./tree.ts";

/** Parses JSON; the outermost value must be an object. */
export function parseJsonTree(text: string, name = "spec"): { tree: MessageNode; source: TextSource } {
  checkSize(name, text);
  const source = new TextSource("json", name, text);
  return { tree: new Reader(source).read(), source };
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const NUMBER = /-?[0-9][0-9a-zA-Z_.+-]*/y;
const WORD = /[A-Za-z_]+/y;
const STRICT_NUMBER = /^-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

class Reader {
  readonly #source: TextSource;
  readonly #text: string;
  #position: number;
  #depth = 0;

  constructor(source: TextSource) {
    this.#source = source;
    this.#text = source.text;
    this.#position = source.text.startsWith("\ufeff") ? 1 : 0;
  }

  read(): MessageNode {
    if (this.#next() !== "{") throw this.#unexpected('"{"');
    const tree = this.#object();
    if (this.#next() !== "") throw this.#unexpected("the end");
    return tree;
  }

  /** Skips blanks and returns the next character without taking it; empty at the end. */
  #next(): string {
    this.#match(SPACE);
    return this.#text.charAt(this.#position);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#position += found.length;
    return found;
  }

  #value(): Node {
    const next = this.#next();
    const at = this.#position;
    if (next === "{") return this.#object();
    if (next === "[") return this.#array();
    if (next === '"') return { kind: "string", at, value: this.#string() };
    if (/[-0-9]/.test(next)) return this.#number();
    const word = this.#match(WORD);
    if (word === "true" || word === "false") return { kind: "bool", at, value: word === "true" };
    if (word === "null") return { kind: "null", at };
    this.#position = at;
    throw this.#unexpected("a value");
  }

  #object(): MessageNode {
    const at = this.#enter();
    const entries: Entry[] = [];
    if (this.#next() === "}") return this.#leave({ kind: "message", at, entries });
    for (;;) {
      if (this.#next() !== '"') throw this.#unexpected("a name in quotes");
      const nameAt = this.#position;
      const name = this.#string();
      if (this.#next() !== ":") throw this.#unexpected('":"');
      this.#position++;
      entries.push({ name, at: nameAt, value: this.#value() });
      const next = this.#next();
      if (next === "}") return this.#leave({ kind: "message", at, entries });
      if (next !== ",") throw this.#unexpected('"," or "}"');
      this.#position++;
    }
  }

  #array(): Node {
    const at = this.#enter();
    const items: Node[] = [];
    if (this.#next() === "]") return this.#leave({ kind: "list", at, items });
    for (;;) {
      items.push(this.#value());
      const next = this.#next();
      if (next === "]") return this.#leave({ kind: "list", at, items });
      if (next !== ",") throw this.#unexpected('"," or "]"');
      this.#position++;
    }
  }

  #enter(): number {
    if (++this.#depth > MAX_DEPTH) {
      throw specError(
        this.#source,
        this.#position,
        `nested too deeply, expected at most ${MAX_DEPTH} levels`,
      );
    }
    return this.#position++;
  }

  #leave<N extends Node>(node: N): N {
    this.#position++;
    this.#depth--;
    return node;
  }

  #string(): string {
    const at = this.#position;
    const literal = this.#match(STRING);
    if (literal === undefined) throw specError(this.#source, at, 'text does not end, expected "');
    try {
      return JSON.parse(literal) as string;
    } catch {
      const hint = "line breaks and tabs are written \\n and \\t, a backslash \\\\";
      throw specError(this.#source, at, `malformed text ${quoted(literal)}, expected JSON's escapes`, hint);
    }
  }

  #number(): Node {
    const at = this.#position;
    const text = this.#match(NUMBER) ?? this.#text.charAt(at);
    const parts = STRICT_NUMBER.exec(text);
    if (parts === null)
      throw specError(this.#source, at, `malformed number ${quoted(text)}, expected digits`);
    const value = Number(text);
    if (parts[1] === undefined && parts[2] === undefined && Number.isSafeInteger(value) && text !== "-0") {
      return { kind: "int", at, value: BigInt(value), text };
    }
    return { kind: "float", at, value, text };
  }

  #unexpected(expected: string): Error {
    this.#next();
    const at = this.#position;
    const code = this.#text.codePointAt(at);
    const found = code === undefined ? "end of text" : quoted(String.fromCodePoint(code));
    return specError(this.#source, at, `unexpected ${found}, expected ${expected}`);
  }
}
