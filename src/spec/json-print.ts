/** Value → JSON. */
import type { Field, Message, Resolved } from "./descriptor.ts";

/**
 * Prints a message as JSON, in the order of the field numbers. Names are those of the text format; a 64-bit integer
 * is a number where that is exact and a string of digits where it is not.
 */
export function formatJson<M extends Message>(type: M, value: Resolved<M>, indent = 2): string {
  return `${JSON.stringify(toJson(type, value), null, indent)}\n`;
}

/** The object that `formatJson` prints: JSON values only. */
export function toJson<M extends Message>(type: M, value: Resolved<M>): Record<string, unknown> {
  return messageToJson(type, value);
}

function messageToJson(type: Message, value: object): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const field of type.list) {
    const content = (value as Record<string, unknown>)[field.name];
    if (content === undefined) continue;
    result[field.name] =
      field.label === "repeated"
        ? (content as unknown[]).map(item => valueToJson(field, item))
        : valueToJson(field, content);
  }
  return result;
}

function valueToJson(field: Field, value: unknown): unknown {
  if (typeof field.type === "object" && field.type.kind === "message") {
    return messageToJson(field.type, value as object);
  }
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  // JSON has no such numbers; protobuf writes them as strings.
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return Object.is(value, -0) ? "-0" : value;
}
