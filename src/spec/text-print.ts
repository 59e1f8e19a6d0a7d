/** Value → protobuf's text format, laid out as protobuf lays it out. */
import type { Field, Message, Resolved } from "./descriptor.ts";
import { escapeLiteral } from "./text-string.ts";

/** Prints a message, one field a line, in the order of the field numbers; the empty message is the empty string. */
export function formatText<M extends Message>(type: M, value: Resolved<M>): string {
  const lines: string[] = [];
  printFields(type, value, "", lines);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function printFields(type: Message, value: object, indent: string, lines: string[]): void {
  for (const field of type.list) {
    const content = (value as Record<string, unknown>)[field.name];
    if (content === undefined) continue;
    for (const item of field.label === "repeated" ? (content as unknown[]) : [content]) {
      if (typeof field.type === "object" && field.type.kind === "message") {
        lines.push(`${indent}${field.name} {`);
        printFields(field.type, item as object, `${indent}  `, lines);
        lines.push(`${indent}}`);
      } else {
        lines.push(`${indent}${field.name}: ${printScalar(field, item)}`);
      }
    }
  }
}

function printScalar(field: Field, value: unknown): string {
  if (field.type === "string") return escapeLiteral(value as string);
  if (field.type === "double") return printDouble(value as number);
  return String(value);
}

function printDouble(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
