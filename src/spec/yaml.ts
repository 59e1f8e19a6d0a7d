/** YAML → tree, and value → YAML. Imported only when YAML is read or written. */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type ParsedNode,
  Parser,
  type Scalar,
  stringify,
  type YAMLMap,
} from "yaml";
import type { Message, Resolved } from "./descriptor.ts";
import { toJson } from "./json-print.ts";
import {
  checkSize,
  type Entry,
  MAX_DEPTH,
  type MessageNode,
  type Node,
  quoted,
  specError,
  TextSource,
} from "./tree.ts";

/** The library takes up to 5 seconds for 1 MiB, too long for a daemon to stand still. */
const MAX_YAML_BYTES = 1 << 18;

/** How many values aliases may stand for, all together: enough for people, too few for a bomb. */
const MAX_ALIASED = 10_000;

/** Parses YAML 1.2: one document, a mapping. */
export function parseYamlTree(text: string, name = "spec"): { tree: MessageNode; source: TextSource } {
  checkSize(name, text, MAX_YAML_BYTES);
  const source = new TextSource("yaml", name, text);
  const document = compose(source);
  const { contents } = document;
  if (contents === null || (isScalar(contents) && isBlank(contents))) {
    return { tree: { kind: "message", at: 0, entries: [] }, source };
  }
  const tree = new Walker(source).node(contents, 0);
  if (tree.kind !== "message") throw specError(source, tree.at, "wrong value, expected fields");
  return { tree, source };
}

/** Prints a message as YAML: the same values as in JSON. */
export function formatYaml<M extends Message>(type: M, value: Resolved<M>): string {
  return stringify(toJson(type, value), { lineWidth: 0 });
}

function compose(source: TextSource): Document.Parsed<ParsedNode> {
  // Duplicate keys are found later, and with the words of the other forms.
  const composer = new Composer({
    intAsBigInt: true,
    uniqueKeys: false,
    merge: false,
    schema: "core",
    prettyErrors: false,
  });
  const [document, another] = composer.compose(tokens(source), true, source.text.length);
  if (document === undefined) throw specError(source, 0, "wrong value, expected fields");
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw specError(source, problem.pos[0], `malformed YAML: ${problem.message.replace(/\s+/g, " ")}`);
  }
  if (another !== undefined) {
    throw specError(source, another.range[0], "another document starts here, expected one");
  }
  return document as Document.Parsed<ParsedNode>;
}

/** The library composes recursively, so what is nested too deeply must not reach it. */
function* tokens(source: TextSource) {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(source.text)) {
    yield* parser.next(lexeme);
    // A mapping in a list, or a block in a mapping, takes up to two entries a level.
    if (parser.stack.length > 2 * MAX_DEPTH)
      throw tooDeep(source, Math.min(parser.offset, source.text.length));
  }
  yield* parser.end();
}

function tooDeep(source: TextSource, at: number): Error {
  return specError(source, at, `nested too deeply, expected at most ${MAX_DEPTH} levels`);
}

class Walker {
  readonly #source: TextSource;
  readonly #anchors = new Map<string, ParsedNode>();
  #aliased = 0;
  #inAlias = 0;

  constructor(source: TextSource) {
    this.#source = source;
  }

  node(node: ParsedNode, depth: number): Node {
    const at = node.range[0];
    if (depth > MAX_DEPTH) throw tooDeep(this.#source, at);
    if (this.#inAlias > 0 && ++this.#aliased > MAX_ALIASED) {
      throw specError(this.#source, at, `aliases stand for too much, expected at most ${MAX_ALIASED} values`);
    }
    if (isAlias(node)) return this.#alias(node as Alias.Parsed, depth);
    if (node.anchor !== undefined && this.#inAlias === 0) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node as YAMLMap.Parsed, depth);
    if (isSeq(node)) {
      const items = node.items.map(item => this.node(item as ParsedNode, depth + 1));
      return { kind: "list", at, items };
    }
    return this.#scalar(node as Scalar.Parsed);
  }

  #alias(alias: Alias.Parsed, depth: number): Node {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      throw specError(
        this.#source,
        alias.range[0],
        `unknown alias ${quoted(alias.source)}, expected an anchor before it`,
      );
    }
    this.#inAlias++;
    const node = this.node(target, depth + 1);
    this.#inAlias--;
    return node;
  }

  #map(map: YAMLMap.Parsed, depth: number): MessageNode {
    const entries: Entry[] = [];
    for (const { key, value } of map.items) {
      const at = key?.range[0] ?? map.range[0];
      if (!isScalar(key) || typeof key.value !== "string") {
        throw specError(this.#source, at, "wrong key, expected the name of a field");
      }
      if (value === null || (isScalar(value) && isBlank(value))) {
        const hint = "an empty section is written {}, and null leaves a field out";
        throw specError(this.#source, at, `${quoted(key.value)} has no value`, hint);
      }
      entries.push({ name: key.value, at, value: this.node(value as ParsedNode, depth + 1) });
    }
    return { kind: "message", at: map.range[0], entries };
  }

  #scalar(scalar: Scalar.Parsed): Node {
    const at = scalar.range[0];
    const value: unknown = scalar.value;
    const text = scalar.source;
    switch (typeof value) {
      case "string":
        return { kind: "string", at, value };
      case "boolean":
        return { kind: "bool", at, value };
      case "bigint":
        return text === "-0" ? { kind: "float", at, value: -0, text } : { kind: "int", at, value, text };
      case "number":
        return { kind: "float", at, value, text };
      default:
        if (value === null && !isBlank(scalar)) return { kind: "null", at };
        throw specError(this.#source, at, "wrong value, expected text, a number, true or false");
    }
  }
}

/** Nothing at all, where YAML reads null. */
function isBlank(scalar: Scalar): boolean {
  return scalar.value === null && (scalar.source ?? "") === "";
}
