/** Tree + descriptor → value: names, types, ranges of the wire types, and errors that point at the place. */
import type { Field, Message, Resolved } from "./descriptor.ts";
import { resolveScalar } from "./scalar.ts";
import { nearest } from "./suggest.ts";
import { describe, type Entry, type MessageNode, type Node, quoted, type Source, specError } from "./tree.ts";

/** Checks a tree against a message type and makes the value of it. */
export function resolve<M extends Message>(type: M, tree: MessageNode, source: Source): Resolved<M> {
  return resolveMessage(type, tree, source, "") as Resolved<M>;
}

function resolveMessage(type: Message, node: MessageNode, source: Source, path: string): object {
  const value: Record<string, unknown> = {};
  const seen = new Map<Field, Entry>();
  for (const entry of node.entries) {
    const field = findField(type, entry, source, path);
    const fieldPath = path === "" ? field.name : `${path}.${field.name}`;
    const first = seen.get(field);
    // Text format repeats the name for every element; the other forms have lists.
    if (first !== undefined && (field.label !== "repeated" || source.dialect !== "text")) {
      const hint = `it was first given at ${source.place(first.at, fieldPath)}`;
      throw specError(source, entry.at, `${fieldPath} is given twice, expected it once`, hint, fieldPath);
    }
    seen.set(field, entry);
    if (entry.value.kind === "null") continue;
    if (field.label === "repeated") {
      const items = resolveList(
        field,
        entry.value,
        source,
        fieldPath,
        value[field.name] as unknown[] | undefined,
      );
      if (items.length > 0) value[field.name] = items;
    } else {
      value[field.name] = resolveValue(field, entry.value, source, fieldPath);
    }
  }
  for (const field of type.list) {
    if (field.label === "required" && value[field.name] === undefined) {
      const where = path === "" ? type.name : path;
      throw specError(source, node.at, `${where} lacks ${field.name}, which is required`, undefined, path);
    }
  }
  return value;
}

function resolveList(
  field: Field,
  node: Node,
  source: Source,
  path: string,
  before: unknown[] = [],
): unknown[] {
  if (node.kind === "list") {
    node.items.forEach((item, i) => {
      before.push(resolveValue(field, item, source, `${path}[${i}]`));
    });
  } else if (source.dialect === "text") {
    before.push(resolveValue(field, node, source, path));
  } else {
    throw specError(
      source,
      node.at,
      `wrong value ${describe(node)} for ${path}, expected a list`,
      undefined,
      path,
    );
  }
  return before;
}

function resolveValue(field: Field, node: Node, source: Source, path: string): unknown {
  const { type } = field;
  if (typeof type === "object" && type.kind === "message") {
    if (node.kind === "message") return resolveMessage(type, node, source, path);
    const fields = type.list.length === 0 ? "" : `, with ${fieldNames(type)} in it`;
    const what = `wrong value ${describe(node)} for ${path}, expected { }${fields}`;
    throw specError(source, node.at, what, undefined, path);
  }
  if (node.kind === "message" || node.kind === "list") {
    const what = `wrong value ${describe(node)} for ${path}, expected a single value`;
    throw specError(source, node.at, what, undefined, path);
  }
  return resolveScalar(field, type, node, source, path);
}

function findField(type: Message, entry: Entry, source: Source, path: string): Field {
  const field =
    type.byName.get(entry.name) ?? (source.dialect === "text" ? undefined : type.byJsonName.get(entry.name));
  if (field !== undefined) return field;
  const inside = path === "" ? "" : ` in ${path}`;
  const guess = nearest(entry.name, type.byName.keys());
  const proposal = guess === undefined ? "" : `, did you mean ${quoted(guess)}?`;
  const owner = path === "" ? "" : ` of ${path}`;
  const hint =
    type.list.length === 0
      ? `${path || type.name} has no fields`
      : `the fields${owner} are ${fieldNames(type)}`;
  const fieldPath = path === "" ? entry.name : `${path}.${entry.name}`;
  throw specError(
    source,
    entry.at,
    `unknown field ${quoted(entry.name)}${inside}${proposal}`,
    hint,
    fieldPath,
  );
}

function fieldNames(type: Message): string {
  return Object.keys(type.fields).join(", ");
}
