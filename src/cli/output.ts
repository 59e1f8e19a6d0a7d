/** What goes to standard output and standard error, and in which form. */
import { fstatSync, writeSync } from "node:fs";
import { fromSystemError, LmctfyError } from "../errors.ts";
import type { Style } from "./model.ts";

export const STDOUT = 1;
export const STDERR = 2;

/** Whoever read the output has enough (`lmctfy list | head -1`): no failure, but no reason to go on. */
export class OutputClosed extends Error {}

/**
 * Writes all of it. Synchronous, because that is the cheapest way to write at the start of a process, and because
 * nothing is lost when the process exits right after.
 */
export function writeAll(fd: number, content: string | Uint8Array): void {
  let rest = typeof content === "string" ? Buffer.from(content) : content;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") {
        // Another process made the pipe or terminal non-blocking, and it is full.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      } else if (code === "EPIPE") {
        throw new OutputClosed();
      } else {
        throw fromSystemError(error, "write", fd === STDOUT ? "standard output" : "standard error");
      }
    }
  }
}

/** Prints a result. */
export const print = (content: string | Uint8Array): void => writeAll(STDOUT, content);

/** Prints a remark on standard error; that nobody can read it is no failure. */
export function remark(text: string): void {
  try {
    writeAll(STDERR, text);
  } catch {
    // There is nowhere left to say so.
  }
}

export const printJson = (value: unknown): void => print(`${JSON.stringify(value)}\n`);

/** Keys and values, in the order they are printed. */
export type Pairs = readonly (readonly [key: string, value: string | number])[];

/** Prints keys and values, or with `--json` the value that says the same. */
export function printPairs(style: Style, pairs: Pairs, json: unknown): void {
  if (style === "json") printJson(json);
  else print(formatPairs(style, pairs));
}

/** Keys and values the way the original prints them. */
export function formatPairs(style: Style, pairs: Pairs): string {
  switch (style) {
    case "values":
      return pairs.map(([, value]) => `${value}\n`).join("");
    case "long":
      return pairs.map(([key, value]) => `${key.padEnd(20)} | ${value}\n\n`).join("");
    default:
      return pairs.map(([key, value]) => `${key}="${escapeC(String(value))}"\n`).join("");
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "'": "\\'",
  "\\": "\\\\",
};

/** A text as inside a C string literal; what is not printable ASCII becomes its bytes in octal. */
export function escapeC(text: string): string {
  return text.replace(/[^ -~]|["'\\]/gu, char => {
    const known = ESCAPES[char];
    if (known !== undefined) return known;
    return Array.from(Buffer.from(char), byte => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  });
}

/** Whether to colour what goes to a descriptor: a terminal that has colours, and nobody objects (no-color.org). */
export function colours(fd: number): boolean {
  if (process.env.NO_COLOR || process.env.TERM === "dumb") return false;
  try {
    // A character device may still be /dev/null, where colours hurt nobody. Asking node:tty costs more.
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

/** An error as people read it: what failed, its code, and what to do. */
export function formatError(
  error: LmctfyError,
  coloured: boolean,
  exitCode: number = error.exitCode,
): string {
  const word = coloured ? "\x1b[1;31merror:\x1b[0m" : "error:";
  const place = error.place === undefined ? "" : `${error.place}: `;
  const hint = error.hint === undefined ? "" : `  ${error.hint.replaceAll("\n", "\n  ")}\n`;
  return `lmctfy: ${word} ${place}${error.message} (${error.code}, exit ${exitCode})\n${hint}`;
}

/** Reports an error on standard error, and gives the code to exit with: the error's own, unless told otherwise. */
export function report(thrown: unknown, style: Style, exitCode?: number): number {
  const error = asLmctfyError(thrown);
  const code = exitCode ?? error.exitCode;
  remark(
    style === "json"
      ? `${JSON.stringify({ error: { ...error.toJSON(), exit_code: code } })}\n`
      : formatError(error, colours(STDERR), code),
  );
  return code;
}

function asLmctfyError(thrown: unknown): LmctfyError {
  if (thrown instanceof LmctfyError) return thrown;
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return new LmctfyError(
    "INTERNAL",
    `unexpected: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    {
      hint: `This is a defect of lmctfy.${stack === undefined ? "" : `\n${stack}`}`,
      cause: thrown,
    },
  );
}
