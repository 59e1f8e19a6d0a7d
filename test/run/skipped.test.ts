import assert from "node:assert/strict";
import { test } from "node:test";
import type { Result } from "./result.ts";
import { skippedEverywhere } from "./skipped.ts";

const here = { name: "integration (here)", tests: "integration" } as const;
const testHost = { name: "integration (test host)", tests: "integration" } as const;
const suites = [here, testHost, { name: "package" }];
const skipped = (name: string, reason: string): Result => ({ kind: "skipped", name, reason });

test("a test that was skipped on both hosts is a failure with both reasons", () => {
  const runs = [
    { suite: here, results: [skipped("a", "no v1"), skipped("b", "no v2"), { kind: "passed", name: "c" }] },
    {
      suite: testHost,
      results: [{ kind: "passed", name: "a" }, skipped("b", "no swap"), skipped("c", "no v1")],
    },
  ] as const;
  const name = "skipped on both hosts: b: no v2; no swap";
  assert.deepEqual(skippedEverywhere(runs, suites), [{ kind: "failed", name, details: "" }]);
});

test("where only one host was asked for, a skipped test is none", () => {
  assert.deepEqual(skippedEverywhere([{ suite: here, results: [skipped("a", "no v1")] }], suites), []);
});
