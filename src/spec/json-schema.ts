/** Descriptors → JSON Schema, for editors that complete and check specs in JSON and YAML. */
import type { Enum, Field, Message, Scalar } from "./descriptor.ts";
import { INTEGER_RANGES } from "./scalar.ts";

type Schema = Record<string, unknown>;

/** The schema of a message, in draft 2020-12; the messages in it are definitions. */
export function jsonSchema(type: Message, title: string): Schema {
  const definitions = new Map<string, Schema>();
  const root = messageSchema(type, definitions);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    ...root,
    $defs: Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function messageSchema(type: Message, definitions: Map<string, Schema>): Schema {
  const required = type.list.filter(field => field.label === "required").map(field => field.name);
  return {
    description: type.doc,
    type: "object",
    properties: Object.fromEntries(type.list.map(field => [field.name, fieldSchema(field, definitions)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function fieldSchema(field: Field, definitions: Map<string, Schema>): Schema {
  const description = [
    field.doc,
    field.unit && `Unit: ${field.unit}.`,
    field.default && `Default: ${field.default}.`,
  ]
    .filter(Boolean)
    .join(" ");
  const note = field.unserved === undefined ? {} : { $comment: `Not served: ${field.unserved}.` };
  const value = valueSchema(field, definitions);
  const schema = field.label === "repeated" ? { type: "array", items: value } : value;
  return { description, ...note, ...schema };
}

function valueSchema(field: Field, definitions: Map<string, Schema>): Schema {
  const { type } = field;
  if (typeof type !== "object") return scalarSchema(type, field);
  if (!definitions.has(type.name)) {
    // Taken at once, because the fields below may need the same definition.
    definitions.set(type.name, {});
    definitions.set(type.name, type.kind === "enum" ? enumSchema(type) : messageSchema(type, definitions));
  }
  return { $ref: `#/$defs/${type.name}` };
}

function scalarSchema(type: Scalar, field: Field): Schema {
  switch (type) {
    case "bool":
      return { type: "boolean" };
    case "string":
      return { type: "string" };
    case "double":
      return { type: "number" };
    case "int32":
    case "uint32":
      return { type: "integer", ...bounds(INTEGER_RANGES[type], field) };
    case "int64":
    case "uint64":
      // Digits in quotes for what a JSON number cannot hold exactly.
      return {
        anyOf: [
          { type: "integer", ...bounds(INTEGER_RANGES[type], field) },
          { type: "string", pattern: type === "int64" ? "^-?[0-9]+$" : "^[0-9]+$" },
        ],
      };
    default:
      return type satisfies never;
  }
}

function bounds([min, max]: readonly [bigint, bigint], field: Field): Schema {
  const [minimum, maximum] = field.range ?? [Number(min), Number(max)];
  return {
    ...(Number.isSafeInteger(minimum) && { minimum }),
    ...(Number.isSafeInteger(maximum) && { maximum }),
  };
}

function enumSchema(type: Enum): Schema {
  return {
    description: `${type.doc} ${type.values.map(value => `${value.name}: ${value.doc}`).join(" ")}`,
    enum: [...type.values.map(value => value.name), ...type.values.map(value => value.number)],
  };
}
