import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cpusOfMask, formatList, maskOfCpus, parseList } from "./list.ts";

test("the last word of a mask holds CPU 0 to 63", () => {
  assert.deepEqual(cpusOfMask([0b1_0000_1111n]), [0, 1, 2, 3, 8]);
  assert.deepEqual(cpusOfMask([1n, 2n]), [1, 64]);
  assert.deepEqual(cpusOfMask([1n << 63n, 0n, 1n]), [0, 191]);
  assert.deepEqual(cpusOfMask([]), []);
  assert.deepEqual(cpusOfMask([0n, 0n]), []);
});

test("lists are written as the kernel writes them, and read as people write them", () => {
  assert.equal(formatList([0, 1, 2, 3, 8]), "0-3,8");
  assert.equal(formatList([5]), "5");
  assert.equal(formatList([]), "");
  assert.deepEqual(parseList("0-3,8\n"), [0, 1, 2, 3, 8]);
  assert.deepEqual(parseList("\n"), []);
  assert.deepEqual(parseList("8, 2-3,0-2"), [0, 1, 2, 3, 8]);
});

test("what is no list is none", () => {
  for (const text of [
    "x",
    "1-",
    "-1",
    "3-2",
    "1,,2",
    "1;2",
    "0-99999",
    "0-4294967295",
    "1.5",
    "0x1",
    "0-3:2",
  ])
    assert.equal(parseList(text), undefined, text);
});

test("mask, list and numbers are the same set", () => {
  const set = fc
    .uniqueArray(fc.nat({ max: 1023 }), { maxLength: 80 })
    .map(cpus => cpus.sort((a, b) => a - b));
  fc.assert(
    fc.property(set, cpus => {
      assert.deepEqual(cpusOfMask(maskOfCpus(cpus)), cpus);
      assert.deepEqual(parseList(formatList(cpus)), cpus);
      assert.ok(maskOfCpus(cpus).every(word => word >= 0n && word < 1n << 64n));
    }),
  );
});
