/** Refusing what nothing serves: never ignored, always by name. */
import { LmctfyError } from "../errors.ts";
import { type Field, type Message, NOT_YET } from "../spec/descriptor.ts";
import { ContainerSpec } from "../spec/index.ts";

/** Throws UNIMPLEMENTED for the sections and fields of a spec that the table of messages calls unserved. */
export function refuseUnserved(spec: ContainerSpec): void {
  const all = unservedIn(ContainerSpec, spec, "");
  if (all.length === 0) return;
  throw new LmctfyError("UNIMPLEMENTED", `unimplemented: ${all.join(", ")}`, {
    hint: `Served now: ${servedNow().join(", ")}.`,
  });
}

function unservedIn(type: Message, value: object, prefix: string): string[] {
  return Object.entries(value).flatMap(([name, content]) => {
    const field = type.byName.get(name)!;
    if (field.unserved !== undefined) return [prefix + withReason(field)];
    const inner = messageOf(field);
    if (inner === undefined) return [];
    const items: object[] = Array.isArray(content) ? content : [content];
    return items.flatMap(item => unservedIn(inner, item, `${prefix}${name}.`));
  });
}

/** A field, with the reason why nothing serves it when it is another than that its time has not come. */
function withReason({ name, unserved }: Field): string {
  return unserved === NOT_YET ? name : `${name} (${unserved})`;
}

function servedNow(): string[] {
  return servedFields(ContainerSpec).map(field => {
    const inner = messageOf(field);
    if (inner === undefined) return field.name;
    return `${field.name} (${servedFields(inner)
      .map(each => each.name)
      .join(", ")})`;
  });
}

function servedFields(type: Message): Field[] {
  return type.list.filter(field => field.unserved === undefined);
}

function messageOf({ type }: Field): Message | undefined {
  return typeof type === "object" && type.kind === "message" ? type : undefined;
}
