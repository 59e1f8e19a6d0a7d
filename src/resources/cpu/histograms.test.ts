import assert from "node:assert/strict";
import { test } from "node:test";
import { tableOf } from "../../cli/commands/histograms.ts";
import { BOUNDS, histogramProgram, parseHistograms, READY } from "./histograms.ts";

test("the program names what it follows", () => {
  const program = histogramProgram({ cgroups: [12n, 345_678_901_234n], tids: [7], seconds: 3 });
  for (const line of ["@in[12] = 1;", "@in[345678901234] = 1;", "@task[7] = 1;", "interval:s:3 { exit(); }"])
    assert.ok(program.includes(line), line);
});

test("what bpftrace prints comes to five histograms, also what it never counted", () => {
  const histograms = parseHistograms(
    `{"type": "attached_probes", "data": {"probes": 8}}
{"type": "printf", "data": "${READY}\\n"}

{"type": "map", "data": {"@oncpu": {"0": 3, "7": 2}}}
{"type": "map", "data": {"@self": {"4": 9}}}
`,
  );
  assert.deepEqual(
    histograms.map(({ type }) => type),
    ["SERVE", "ONCPU", "SLEEP", "QUEUE_SELF", "QUEUE_OTHER"],
  );
  const [serve, oncpu, , self] = histograms;
  assert.ok(serve!.stat!.every(({ value }) => value === 0n));
  assert.deepEqual(oncpu!.stat![0], { bucket: 1000, value: 3n });
  assert.deepEqual(oncpu!.stat!.at(-1), { bucket: 2_147_483_647, value: 2n });
  assert.deepEqual(self!.stat![4], { bucket: 10_000_000, value: 9n });
  assert.equal(oncpu!.stat!.length, BOUNDS.length + 1);
  const table = tableOf(oncpu!);
  assert.match(table, /^ONCPU \(running in one stretch\)\n {4}<= 1 us {9}3 {2}#{40}\n/);
  assert.match(table, /\n {6}> 1 s {9}2 {2}#{27}\n$/);
});
