/** Text in quotes, in protobuf's text format: escapes in and out. */
import { quoted, specError, type TextSource } from "./tree.ts";

const SIMPLE: ReadonlyMap<string, number> = new Map(
  Object.entries({ a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "?": 63, "\\": 92, "'": 39, '"': 34 }),
);

const ESCAPE = /\\(?:[0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/gsu;

/**
 * The contents of a literal that includes its quotes. Escapes denote bytes, and characters may be cut between two
 * adjacent literals, so the result is bytes; a literal without escapes stays a string.
 */
export function unescapeLiteral(literal: string, at: number, source: TextSource): Uint8Array | string {
  const body = literal.slice(1, -1);
  if (!body.includes("\\")) return body;
  const chunks: Uint8Array[] = [];
  let done = 0;
  for (const match of body.matchAll(ESCAPE)) {
    if (match.index < done) continue;
    chunks.push(Buffer.from(body.slice(done, match.index)));
    done = match.index + match[0].length;
    let code = codeOf(match[0], at + match.index, source);
    if (code >= 0xd800 && code < 0xdc00) {
      // Two escapes may denote one character, as in JSON.
      const low = /^\\u[dD][c-fC-F][0-9a-fA-F]{2}/.exec(body.slice(done))?.[0];
      if (low !== undefined) {
        code = 0x10000 + ((code - 0xd800) << 10) + (Number.parseInt(low.slice(2), 16) - 0xdc00);
        done += low.length;
      }
    }
    const isByte = /^\\[0-7xX]/.test(match[0]);
    if (!isByte && ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff)) {
      throw specError(source, at + match.index, `${match[0]} is not a character, expected up to \\U0010ffff`);
    }
    chunks.push(isByte ? Uint8Array.of(code) : Buffer.from(String.fromCodePoint(code)));
  }
  chunks.push(Buffer.from(body.slice(done)));
  return Buffer.concat(chunks);
}

function codeOf(sequence: string, at: number, source: TextSource): number {
  const kind = sequence[1]!;
  if (/[0-7]/.test(kind)) {
    const code = Number.parseInt(sequence.slice(1), 8);
    if (code <= 255) return code;
    throw specError(source, at, `escape ${sequence} is more than a byte, expected up to \\377`);
  }
  if (/[xXuU]/.test(kind) && sequence.length > 2) return Number.parseInt(sequence.slice(2), 16);
  const code = SIMPLE.get(kind);
  if (code !== undefined) return code;
  throw specError(source, at, `unknown escape ${quoted(sequence)}`, "a backslash itself is written \\\\");
}

/** Adjacent literals are one value, which must be UTF-8. */
export function joinLiterals(
  parts: readonly (Uint8Array | string)[],
  at: number,
  source: TextSource,
): string {
  if (parts.every(part => typeof part === "string")) return parts.join("");
  const bytes = Buffer.concat(parts.map(part => (typeof part === "string" ? Buffer.from(part) : part)));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw specError(source, at, "text is not valid UTF-8, expected characters or escapes of UTF-8 bytes");
  }
}

const NAMED: ReadonlyMap<number, string> = new Map([
  [9, "\\t"],
  [10, "\\n"],
  [13, "\\r"],
  [34, '\\"'],
  [39, "\\'"],
  [92, "\\\\"],
]);

/** A string as protobuf prints it: in double quotes, everything but printable ASCII as octal bytes. */
export function escapeLiteral(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !/["'\\]/.test(text)) return `"${text}"`;
  let result = '"';
  for (const byte of Buffer.from(text)) {
    const named = NAMED.get(byte);
    if (named !== undefined) result += named;
    else if (byte >= 0x20 && byte < 0x7f) result += String.fromCharCode(byte);
    else result += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `${result}"`;
}
