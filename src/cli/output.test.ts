import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LmctfyError } from "../errors.ts";
import { escapeC, formatError, formatPairs } from "./output.ts";

test("the three styles, as the original prints them", () => {
  const pairs = [
    ["name", "/a"],
    ["pid", 12],
  ] as const;
  assert.equal(formatPairs("pairs", pairs), 'name="/a"\npid="12"\n');
  assert.equal(formatPairs("auto", pairs), 'name="/a"\npid="12"\n');
  assert.equal(formatPairs("values", pairs), "/a\n12\n");
  assert.equal(formatPairs("long", pairs), "name                 | /a\n\npid                  | 12\n\n");
  assert.equal(formatPairs("pairs", []), "");
});

test("C escapes", () => {
  assert.equal(escapeC('v"3"'), 'v\\"3\\"');
  assert.equal(escapeC("a\n\t\r\\'"), "a\\n\\t\\r\\\\\\'");
  assert.equal(escapeC("\x01é€😀"), "\\001\\303\\251\\342\\202\\254\\360\\237\\230\\200");
});

test("property: an escaped text is printable, and reads back", () => {
  const readBack = (text: string): string => {
    const bytes: number[] = [];
    const named: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
    for (const [, octal, char, plain] of text.matchAll(/\\([0-7]{3})|\\(.)|(.)/g)) {
      if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
      else bytes.push((char === undefined ? plain! : (named[char] ?? char)).charCodeAt(0));
    }
    return Buffer.from(bytes).toString();
  };
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), text => {
      assert.match(escapeC(text), /^[ -~]*$/);
      assert.equal(readBack(escapeC(text)), text);
    }),
  );
});

test("an error says where, what, its code and what to do", () => {
  const error = new LmctfyError("INVALID_ARGUMENT", "unknown field", {
    place: "spec:1:2",
    hint: "Try\nthat.",
  });
  assert.equal(
    formatError(error, false),
    "lmctfy: error: spec:1:2: unknown field (INVALID_ARGUMENT, exit 3)\n  Try\n  that.\n",
  );
  assert.ok(formatError(error, true).startsWith("lmctfy: \x1b[1;31merror:\x1b[0m spec"));
  assert.match(formatError(new LmctfyError("NOT_FOUND", "x"), false, 127), /\(NOT_FOUND, exit 127\)\n$/);
});
