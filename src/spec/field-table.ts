/** Descriptors → the tables of fields in the documentation. */
import type { Field, Message } from "./descriptor.ts";

/** A Markdown table of all fields of a message and of the messages in it, by path. */
export function fieldTable(type: Message): string {
  const rows = ["| Field | Number | Type | Meaning |", "|---|---|---|---|"];
  addRows(type, "", rows, true);
  return `${rows.join("\n")}\n`;
}

function addRows(type: Message, prefix: string, rows: string[], served: boolean): void {
  for (const field of Object.keys(type.fields).map(name => type.byName.get(name)!)) {
    const path = `${prefix}${field.name}${field.label === "repeated" ? "[]" : ""}`;
    const works = served && field.unserved === undefined;
    rows.push(`| \`${path}\`${works ? "" : " ✗"} | ${field.number} | ${typeOf(field)} | ${meaning(field)} |`);
    if (typeof field.type === "object" && field.type.kind === "message") {
      addRows(field.type, `${path}.`, rows, works);
    }
  }
}

function typeOf(field: Field): string {
  if (typeof field.type === "string") return field.type;
  if (field.type.kind === "message") return "{ }";
  return field.type.values.map(value => `\`${value.name}\``).join(" ");
}

function meaning(field: Field): string {
  const notes = [field.doc];
  if (field.unit !== undefined) notes.push(`In ${field.unit}.`);
  if (field.range !== undefined) notes.push(`From ${field.range[0]} to ${field.range[1]}.`);
  if (field.label === "required") notes.push("Must be given.");
  if (field.default !== undefined) notes.push(`Default: ${field.default}.`);
  if (field.unserved !== undefined) notes.push(`Not served: ${field.unserved}.`);
  return notes.join(" ").replaceAll("|", "\\|");
}
