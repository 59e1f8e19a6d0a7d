/** Bytes in whatever form → value, and back: the door for everything that reads or writes specs and statistics. */
import { LmctfyError } from "../errors.ts";
import type { Message, Resolved } from "./descriptor.ts";
import { parseJsonTree } from "./json.ts";
import { ContainerSpec, type ContainerSpecInput } from "./messages/container.ts";
import { objectTree } from "./object.ts";
import { resolve } from "./resolve.ts";
import { parseTextTree } from "./text.ts";
import { checkSize } from "./tree.ts";

/** A form that a spec is read in. */
export type SpecFormat = "text" | "json" | "yaml" | "binary";

export interface ParseOptions {
  /** What to call the input in errors, the name of the file; it also tells the form in doubt. Default: `spec`. */
  readonly source?: string | undefined;
  /** The form of the input. Default: `auto`, found out. */
  readonly format?: SpecFormat | "auto" | undefined;
}

/** Reads the spec of a container. */
export function parseSpec(input: string | Uint8Array, options?: ParseOptions): Promise<ContainerSpec> {
  return parseMessage(ContainerSpec, input, options);
}

/** Checks a spec that was written as an object, and makes what the library works with of it. */
export function specFromObject(input: ContainerSpecInput): ContainerSpec {
  return fromObject(ContainerSpec, input);
}

/** `specFromObject` for any message. */
export function fromObject<M extends Message>(type: M, input: unknown, source?: string): Resolved<M> {
  const parsed = objectTree(input, source);
  return resolve(type, parsed.tree, parsed.source);
}

/** Reads text format, without waiting. */
export function parseText<M extends Message>(type: M, text: string, source?: string): Resolved<M> {
  const parsed = parseTextTree(text, source);
  return resolve(type, parsed.tree, parsed.source);
}

/** Reads JSON, without waiting. */
export function parseJson<M extends Message>(type: M, text: string, source?: string): Resolved<M> {
  const parsed = parseJsonTree(text, source);
  return resolve(type, parsed.tree, parsed.source);
}

/** Reads any message. */
export async function parseMessage<M extends Message>(
  type: M,
  input: string | Uint8Array,
  options: ParseOptions = {},
): Promise<Resolved<M>> {
  const source = options.source ?? "spec";
  checkSize(source, input);
  const format = options.format ?? "auto";
  if (format !== "auto") return parseAs(type, format, input, source);

  const text = asText(input);
  // The empty spec is empty in every form.
  if (text?.trim() === "") return parseText(type, "", source);
  const [first, ...others] = candidates(text, source);
  try {
    return await parseAs(type, first!, input, source);
  } catch (error) {
    for (const other of others) {
      try {
        return await parseAs(type, other, input, source);
      } catch {
        // The first form is the likely one, so its error is the useful one.
      }
    }
    throw error;
  }
}

/** The forms that the input may be in, the most likely first. */
function candidates(text: string | undefined, source: string): SpecFormat[] {
  if (text === undefined) return ["binary"];
  const byName = formatOfName(source);
  if (byName !== undefined && byName !== "text") return [byName, "text"];
  if (/^\ufeff?\s*\{\s*["}]/.test(text)) return ["json", "text"];
  return ["text"];
}

function formatOfName(source: string): SpecFormat | undefined {
  const extension = /\.([a-z]+)$/i.exec(source)?.[1]?.toLowerCase();
  switch (extension) {
    case "json":
      return "json";
    case "yaml":
    case "yml":
      return "yaml";
    case "pb":
    case "bin":
      return "binary";
    default:
      return undefined;
  }
}

/** The input as text; undefined when it holds what no text holds. */
function asText(input: string | Uint8Array): string | undefined {
  let text = input;
  if (typeof text !== "string") {
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
    } catch {
      return undefined;
    }
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\x00-\x08\x0e-\x1f]/.test(text) ? undefined : text;
}

async function parseAs<M extends Message>(
  type: M,
  format: SpecFormat,
  input: string | Uint8Array,
  source: string,
): Promise<Resolved<M>> {
  if (format === "binary") {
    const { parseBinary } = await import("./binary.ts");
    return parseBinary(type, typeof input === "string" ? Buffer.from(input) : input, source);
  }
  const text = typeof input === "string" ? input : decode(input, format, source);
  switch (format) {
    case "text":
      return parseText(type, text, source);
    case "json":
      return parseJson(type, text, source);
    case "yaml": {
      const { parseYamlTree } = await import("./yaml.ts");
      const parsed = parseYamlTree(text, source);
      return resolve(type, parsed.tree, parsed.source);
    }
    default:
      return format satisfies never;
  }
}

function decode(input: Uint8Array, format: SpecFormat, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
  } catch {
    throw new LmctfyError("INVALID_ARGUMENT", `not valid UTF-8, expected a spec in ${format} form`, {
      place: source,
    });
  }
}
