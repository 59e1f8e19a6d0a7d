/** Value → any form. */
import type { Message, Resolved } from "./descriptor.ts";
import { formatJson } from "./json-print.ts";
import { ContainerSpec } from "./messages/container.ts";
import type { SpecFormat } from "./parse.ts";
import { formatText } from "./text-print.ts";

/** Writes the spec of a container: bytes in binary form, a string otherwise. */
export function formatSpec(spec: ContainerSpec, format: "binary"): Promise<Uint8Array>;
export function formatSpec(spec: ContainerSpec, format: Exclude<SpecFormat, "binary">): Promise<string>;
export function formatSpec(spec: ContainerSpec, format: SpecFormat): Promise<string | Uint8Array>;
export function formatSpec(spec: ContainerSpec, format: SpecFormat): Promise<string | Uint8Array> {
  return formatMessage(ContainerSpec, spec, format);
}

/** Writes any message. */
export function formatMessage<M extends Message>(
  type: M,
  value: Resolved<M>,
  format: "binary",
): Promise<Uint8Array>;
export function formatMessage<M extends Message>(
  type: M,
  value: Resolved<M>,
  format: Exclude<SpecFormat, "binary">,
): Promise<string>;
export function formatMessage<M extends Message>(
  type: M,
  value: Resolved<M>,
  format: SpecFormat,
): Promise<string | Uint8Array>;
export async function formatMessage<M extends Message>(
  type: M,
  value: Resolved<M>,
  format: SpecFormat,
): Promise<string | Uint8Array> {
  switch (format) {
    case "text":
      return formatText(type, value);
    case "json":
      return formatJson(type, value);
    case "yaml":
      return (await import("./yaml.ts")).formatYaml(type, value);
    case "binary":
      return (await import("./binary.ts")).formatBinary(type, value);
    default:
      return format satisfies never;
  }
}
