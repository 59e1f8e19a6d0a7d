/** Protobuf's text format → tree: what the command line speaks (`memory:{limit:100000000}`). */
import { Lexer, type Token } from "./text-lexer.ts";
import { joinLiterals } from "./text-string.ts";
import {
  checkSize,
  type Entry,
  MAX_DEPTH,
  type MessageNode,
  type Node,
  quoted,
  type ScalarNode,
  specError,
  TextSource,
} from "./tree.ts";

/** Parses text format; nothing is known about fields yet. */
export function parseTextTree(text: string, name = "spec"): { tree: MessageNode; source: TextSource } {
  checkSize(name, text);
  const source = new TextSource("text", name, text);
  return { tree: new Parser(source).parse(), source };
}

class Parser {
  readonly #lexer: Lexer;
  readonly #source: TextSource;
  #depth = 0;

  constructor(source: TextSource) {
    this.#source = source;
    this.#lexer = new Lexer(source);
  }

  parse(): MessageNode {
    const entries = this.#fields("");
    return { kind: "message", at: 0, entries };
  }

  /** The fields up to the closing bracket, or to the end. */
  #fields(close: "" | "}" | ">", opened?: Token): Entry[] {
    const entries: Entry[] = [];
    for (;;) {
      const { peek } = this.#lexer;
      if (peek.kind === "end") {
        if (close === "") return entries;
        throw this.#error(peek, `the text ends, expected ${quoted(close)}`, opened && this.#openedAt(opened));
      }
      if (close !== "" && this.#lexer.take(close)) return entries;
      if (opened !== undefined && peek.kind === "symbol" && /[}>\]]/.test(peek.text)) {
        throw this.#error(
          peek,
          `unexpected ${show(peek)}, expected ${quoted(close)}`,
          this.#openedAt(opened),
        );
      }
      entries.push(this.#field());
      if (!this.#lexer.take(",")) this.#lexer.take(";");
    }
  }

  #field(): Entry {
    const name = this.#lexer.next();
    if (name.kind === "symbol" && name.text === "[") {
      throw this.#error(name, "extensions and Any are not supported, expected a field name");
    }
    if (name.kind !== "word") {
      const hint =
        name.text === "{" ? "JSON has its names in quotes, text format no outer braces" : undefined;
      throw this.#error(name, `unexpected ${show(name)}, expected a field name`, hint);
    }
    const colon = this.#lexer.take(":");
    const { peek } = this.#lexer;
    const opens = peek.kind === "symbol" && /[{<[]/.test(peek.text);
    if (!colon && !opens) {
      throw this.#error(peek, `unexpected ${show(peek)} after ${quoted(name.text)}, expected ":" or "{"`);
    }
    const value = opens && peek.text === "[" ? this.#list(name.text, colon) : this.#value(name.text);
    return { name: name.text, at: name.at, value };
  }

  #list(name: string, colon: boolean): Node {
    const open = this.#lexer.next();
    const items: Node[] = [];
    if (this.#lexer.take("]")) return { kind: "list", at: open.at, items };
    for (;;) {
      const { peek } = this.#lexer;
      if (!colon && !(peek.kind === "symbol" && /[{<]/.test(peek.text))) {
        throw this.#error(peek, `unexpected ${show(peek)}, expected ":" before a list of values`);
      }
      items.push(this.#value(name));
      if (this.#lexer.take(",")) continue;
      if (this.#lexer.take("]")) return { kind: "list", at: open.at, items };
      const found = this.#lexer.peek;
      throw this.#error(
        found,
        `unexpected ${show(found)} in a list, expected "," or "]"`,
        this.#openedAt(open),
      );
    }
  }

  #value(name: string): Node {
    const token = this.#lexer.next();
    switch (token.kind) {
      case "symbol":
        if (token.text === "{" || token.text === "<") return this.#message(token);
        if (token.text === "-") return this.#negative(token);
        break;
      case "string":
        return this.#string(token);
      case "word":
        return { kind: "word", at: token.at, value: token.text };
      case "int":
      case "float":
        return token;
      case "end":
        break;
      default:
        return token satisfies never;
    }
    throw this.#error(token, `unexpected ${show(token)}, expected a value for ${quoted(name)}`);
  }

  #message(open: Token): MessageNode {
    if (++this.#depth > MAX_DEPTH) {
      throw this.#error(open, `nested too deeply, expected at most ${MAX_DEPTH} levels`);
    }
    const entries = this.#fields(open.text === "{" ? "}" : ">", open);
    this.#depth--;
    return { kind: "message", at: open.at, entries };
  }

  #negative(minus: Token): ScalarNode {
    const token = this.#lexer.next();
    const { at } = minus;
    if (token.kind === "int") return { kind: "int", at, value: -token.value, text: `-${token.text}` };
    if (token.kind === "float") return { kind: "float", at, value: -token.value, text: `-${token.text}` };
    if (token.kind === "word" && /^(?:inf|infinity|nan)$/i.test(token.text)) {
      return { kind: "word", at, value: `-${token.text}` };
    }
    throw this.#error(token, `unexpected ${show(token)} after "-", expected a number`);
  }

  #string(first: Token & { kind: "string" }): ScalarNode {
    const parts = [first.bytes];
    while (this.#lexer.peek.kind === "string") {
      parts.push(this.#lexer.peek.bytes);
      this.#lexer.next();
    }
    return { kind: "string", at: first.at, value: joinLiterals(parts, first.at, this.#source) };
  }

  #openedAt(open: Token): string {
    return `${quoted(open.text)} was opened at ${this.#source.place(open.at)}`;
  }

  #error(token: Token, message: string, hint?: string): Error {
    return specError(this.#source, token.at, message, hint);
  }
}

function show(token: Token): string {
  if (token.kind === "end") return "end of text";
  return token.kind === "string" ? token.text : quoted(token.text);
}
