import assert from "node:assert/strict";
import { test } from "node:test";
import { formatResult, parseJunit, parseResults, parseTap, type Result } from "./result.ts";

test("results survive their lines, and lines of others are left out", () => {
  const results: Result[] = [
    { kind: "passed", name: "a" },
    { kind: "failed", name: "b", details: "line\nline" },
    { kind: "skipped", name: "c", reason: "no root" },
  ];
  assert.deepEqual(parseResults(`noise\n${results.map(formatResult).join("more noise\n")}`), results);
});

test("TAP: comments after a failure are its details", () => {
  assert.deepEqual(
    parseTap("ok 1 - a\nnot ok 2 - b\n# got 1\n# not 2\nok 3 - c # SKIP no emulator\nnoise\n"),
    [
      { kind: "passed", name: "a" },
      { kind: "failed", name: "b", details: "# got 1\n# not 2" },
      { kind: "skipped", name: "c", reason: "no emulator" },
    ],
  );
});

test("JUnit as bun writes it", () => {
  const xml = `<testsuites><testsuite name="build/src/a.test.js">
    <testcase name="a &amp; b" classname="" file="build/src/a.test.js" line="2" />
    <testcase name="s" classname="deep &gt; suite" file="build/src/a.test.js"><skipped /></testcase>
    <testcase name="bad" classname="" file="build/src/a.test.js">
      <failure type="Error" message="x">Error: 1&#10;2</failure>
    </testcase></testsuite></testsuites>`;
  assert.deepEqual(parseJunit(xml), [
    { kind: "passed", name: "src/a.test.ts: a & b" },
    { kind: "skipped", name: "src/a.test.ts: suite > deep > s", reason: "" },
    { kind: "failed", name: "src/a.test.ts: bad", details: "Error: 1\n2" },
  ]);
});
