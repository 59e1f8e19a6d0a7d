/** The tokens of protobuf's text format. */
import { unescapeLiteral } from "./text-string.ts";
import { quoted, specError, type TextSource } from "./tree.ts";

export type Token =
  | { readonly kind: "word"; readonly at: number; readonly text: string }
  | { readonly kind: "int"; readonly at: number; readonly text: string; readonly value: bigint }
  | { readonly kind: "float"; readonly at: number; readonly text: string; readonly value: number }
  | {
      readonly kind: "string";
      readonly at: number;
      readonly text: string;
      readonly bytes: Uint8Array | string;
    }
  | { readonly kind: "symbol"; readonly at: number; readonly text: string }
  | { readonly kind: "end"; readonly at: number; readonly text: "" };

const SPACE = /[ \t\n\v\f\r]+/y;
const COMMENT = /#[^\n]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
/** Whatever starts like a number, up to the next character that cannot belong to one. */
const NUMBER = /\.?[0-9](?:[eE][+-]|[A-Za-z0-9_.])*/y;
const SYMBOL = /[-{}<>[\]:,;/.]/y;
const STRING = /"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'/y;

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;
const OCTAL = /^0[0-7]+$/;
const HEX = /^0[xX][0-9a-fA-F]+$/;
const FLOAT =
  /^(?:(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?:0|[1-9][0-9]*)(?:[eE][+-]?[0-9]+|(?=[fF]$)))[fF]?$/;

/** Larger numbers fit no type, and arithmetic with millions of digits is slow. */
const MAX_DIGITS = 400;

/** Reads tokens one by one; `peek` is the next one, read no sooner than it is asked for. */
export class Lexer {
  readonly source: TextSource;
  #position = 0;
  #peeked: Token | undefined;

  constructor(source: TextSource) {
    this.source = source;
    if (source.text.startsWith("\ufeff")) this.#position = 1;
  }

  get peek(): Token {
    this.#peeked ??= this.#read();
    return this.#peeked;
  }

  /** Takes the next token. */
  next(): Token {
    const token = this.peek;
    this.#peeked = undefined;
    return token;
  }

  /** Takes the next token if it is this symbol. */
  take(symbol: string): boolean {
    if (this.peek.kind !== "symbol" || this.peek.text !== symbol) return false;
    this.next();
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.source.text)?.[0];
    if (found === undefined) return undefined;
    this.#position += found.length;
    return found;
  }

  #read(): Token {
    while (this.#match(SPACE) !== undefined || this.#match(COMMENT) !== undefined);
    const at = this.#position;
    if (at >= this.source.text.length) return { kind: "end", at, text: "" };
    const word = this.#match(WORD);
    if (word !== undefined) return { kind: "word", at, text: word };
    const number = this.#match(NUMBER);
    if (number !== undefined) return this.#number(number, at);
    const string = this.#match(STRING);
    if (string !== undefined) {
      return { kind: "string", at, text: string, bytes: unescapeLiteral(string, at + 1, this.source) };
    }
    const symbol = this.#match(SYMBOL);
    if (symbol !== undefined) return { kind: "symbol", at, text: symbol };
    const character = String.fromCodePoint(this.source.text.codePointAt(at)!);
    if (character === '"' || character === "'") {
      throw specError(
        this.source,
        at,
        `text that starts with ${character} does not end on its line, expected ${character}`,
      );
    }
    throw specError(
      this.source,
      at,
      `unexpected character ${quoted(character)}, expected a field name or a value`,
    );
  }

  #number(text: string, at: number): Token {
    if (text.length <= MAX_DIGITS) {
      if (DECIMAL.test(text) || HEX.test(text)) return { kind: "int", at, text, value: BigInt(text) };
      if (OCTAL.test(text)) return { kind: "int", at, text, value: BigInt(`0o${text.slice(1)}`) };
      if (FLOAT.test(text)) return { kind: "float", at, text, value: Number(text.replace(/[fF]$/, "")) };
    }
    const hint = /^[0-9]+[kKMGT]/.test(text) ? "numbers have no suffix, write bytes in full" : undefined;
    throw specError(this.source, at, `malformed number ${quoted(text)}, expected digits`, hint);
  }
}
