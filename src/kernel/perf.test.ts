import assert from "node:assert/strict";
import { test } from "node:test";
import { groupSize, perfAttr, readGroup } from "./perf.ts";

const group = (enabled: bigint, running: bigint, ...values: bigint[]): Buffer => {
  const data = Buffer.alloc(groupSize(values.length));
  for (const [i, value] of [BigInt(values.length), enabled, running, ...values].entries())
    data.writeBigUInt64LE(value, 8 * i);
  return data;
};

test("what a group counted, and what it would have, had it had the CPU's counters all the time", () => {
  assert.deepEqual(readGroup(group(100n, 100n, 7n, 9n)), [7n, 9n]);
  assert.deepEqual(readGroup(group(100n, 25n, 10n, 3n)), [40n, 12n]);
  assert.equal(readGroup(group(100n, 0n, 0n)), undefined);
  assert.deepEqual(readGroup(group(0n, 0n, 0n)), [0n]); // nothing ran yet
});

test("struct perf_event_attr", () => {
  const attr = Buffer.from(perfAttr("context_switches"));
  assert.deepEqual([attr.readUInt32LE(0), attr.readUInt32LE(4), attr.length], [1, 64, 64]);
  assert.deepEqual(
    [attr.readBigUInt64LE(8), attr.readBigUInt64LE(32), attr.readBigUInt64LE(40)],
    [3n, 11n, 0n],
  );
});
