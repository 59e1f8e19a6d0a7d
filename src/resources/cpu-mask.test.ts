import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cpusOfMask, formatCpuList, maskOfCpus, parseCpuList } from "./cpu-mask.ts";

test("the last word of a mask holds CPU 0 to 63", () => {
  assert.deepEqual(cpusOfMask([0b1_0000_1111n]), [0, 1, 2, 3, 8]);
  assert.deepEqual(cpusOfMask([1n, 2n]), [1, 64]);
  assert.deepEqual(cpusOfMask([1n << 63n, 0n, 1n]), [0, 191]);
  assert.deepEqual(cpusOfMask([]), []);
  assert.deepEqual(cpusOfMask([0n, 0n]), []);
});

test("lists are written as the kernel writes them", () => {
  assert.equal(formatCpuList([0, 1, 2, 3, 8]), "0-3,8");
  assert.equal(formatCpuList([5]), "5");
  assert.equal(formatCpuList([]), "");
  assert.deepEqual(parseCpuList("0-3,8\n"), [0, 1, 2, 3, 8]);
  assert.deepEqual(parseCpuList("\n"), []);
});

test("mask, list and numbers are the same set", () => {
  const set = fc
    .uniqueArray(fc.nat({ max: 1023 }), { maxLength: 80 })
    .map(cpus => cpus.sort((a, b) => a - b));
  fc.assert(
    fc.property(set, cpus => {
      assert.deepEqual(cpusOfMask(maskOfCpus(cpus)), cpus);
      assert.deepEqual(parseCpuList(formatCpuList(cpus)), cpus);
      assert.ok(maskOfCpus(cpus).every(word => word >= 0n && word < 1n << 64n));
    }),
  );
});
