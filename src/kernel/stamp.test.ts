import assert from "node:assert/strict";
import { test } from "node:test";
import { fnv1a64 } from "./stamp.ts";

test("FNV-1a 64 gives the published values", () => {
  assert.equal(fnv1a64(""), 0xcbf29ce484222325n);
  assert.equal(fnv1a64("a"), 0xaf63dc4c8601ec8cn);
  assert.equal(fnv1a64("foobar"), 0x85944171f73967e8n);
});
