/** Descriptors → a .proto file, for those who use protobuf's own tools. */
import type { Enum, Field, FieldNotes, Message } from "./descriptor.ts";

const HEADER = `// Generated from the descriptors in src/spec/messages by src/spec/generate.ts. Do not edit.

syntax = "proto2";

package containers.lmctfy;
`;

/** The text of a .proto file with these types; a dotted name is nested in the message before its last dot. */
export function protoFile(types: readonly (Message | Enum)[]): string {
  const top = types.filter(type => !type.name.includes("."));
  return `${HEADER}${top.map(type => `\n${definition(type, types, "")}`).join("")}`;
}

function definition(type: Message | Enum, types: readonly (Message | Enum)[], indent: string): string {
  const name = type.name.slice(type.name.lastIndexOf(".") + 1);
  const inner = `${indent}  `;
  const parts: string[] = [];
  if (type.kind === "enum") {
    for (const value of type.values) {
      parts.push(`${comment(value.doc, inner)}${inner}${value.name} = ${value.number};\n`);
    }
  } else {
    for (const nested of types.filter(other => parentOf(other) === type.name)) {
      parts.push(definition(nested, types, inner));
    }
    for (const field of type.list) {
      const line = `${field.label} ${typeName(field, type)} ${field.name} = ${field.number};`;
      parts.push(`${comment(fieldComment(field), inner)}${inner}${line}\n`);
    }
  }
  const body = parts.length === 0 ? "{}" : `{\n${parts.join("\n")}${indent}}`;
  return `${comment(type.doc, indent)}${indent}${type.kind} ${name} ${body}\n`;
}

function parentOf(type: Message | Enum): string {
  return type.name.slice(0, Math.max(0, type.name.lastIndexOf(".")));
}

/** Names inside the message itself are written without its name. */
function typeName(field: Field, owner: Message): string {
  if (typeof field.type === "string") return field.type;
  const { name } = field.type;
  return name.startsWith(`${owner.name}.`) ? name.slice(owner.name.length + 1) : name;
}

function fieldComment(field: FieldNotes & { doc: string }): string {
  const notes = [field.doc];
  if (field.unit !== undefined) notes.push(`Unit: ${field.unit}.`);
  if (field.range !== undefined) notes.push(`Range: ${field.range[0]} to ${field.range[1]}.`);
  if (field.default !== undefined) notes.push(`Default: ${field.default}.`);
  if (field.unserved !== undefined) notes.push(`Not served: ${field.unserved}.`);
  return notes.join(" ");
}

function comment(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + 4 + line.length + word.length > 100) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map(content => `${indent}// ${content}\n`).join("");
}
