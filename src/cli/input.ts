/** Specs from the command line: inline, from a file, or from standard input. */
import { closeSync, openSync, readSync } from "node:fs";
import { fromSystemError, LmctfyError } from "../errors.ts";
import type { Flags } from "./model.ts";

/** More than any spec may have: what goes on for ever (/dev/zero) must not be read for ever. */
const MAX_BYTES = 8 << 20;

/** The text or bytes of a spec, and what to call it in errors. */
export interface SpecInput {
  readonly content: string | Uint8Array;
  readonly source: string | undefined;
}

/** The spec as an argument or in the file of -c; undefined when there is neither. */
export function readSpecInput(inline: string | undefined, flags: Flags): SpecInput | undefined {
  if (flags.config === undefined)
    return inline === undefined ? undefined : { content: inline, source: undefined };
  if (inline !== undefined) {
    throw new LmctfyError("INVALID_ARGUMENT", "there are two specs: an argument and a file", {
      hint: "Give the spec either as an argument or with -c FILE.",
    });
  }
  if (flags.config === "-") return { content: readAll(0, "standard input"), source: "standard input" };
  return { content: readFile(flags.config), source: flags.config };
}

function readFile(path: string): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw fromSystemError(error, "open", path, "It was to hold the spec (-c).");
  }
  try {
    return readAll(fd, path);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let size = 0; ; ) {
    const chunk = Buffer.alloc(1 << 16);
    const length = readSome(fd, chunk, name);
    if (length === 0) return Buffer.concat(chunks);
    size += length;
    if (size > MAX_BYTES)
      throw new LmctfyError("INVALID_ARGUMENT", `${name} is too long for a spec`, { path: name });
    chunks.push(chunk.subarray(0, length));
  }
}

function readSome(fd: number, chunk: Buffer, name: string): number {
  for (;;) {
    try {
      return readSync(fd, chunk);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw fromSystemError(error, "read", name);
      // standard input may be a terminal or pipe that somebody made non-blocking
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
