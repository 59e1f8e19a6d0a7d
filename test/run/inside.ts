/**
 * Runs integration tests on whatever host this is, one file after the other, and writes a Result per line:
 *
 *     node build/test/run/inside.js [--alone] SECONDS FILE…
 *
 * With `--alone` nobody else works on this host: every mount, cgroup or process that is there afterwards and was not
 * before is a failure.
 */
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { takeSnapshot } from "./leftovers.ts";
import { formatResult, type Result } from "./result.ts";

const alone = process.argv[2] === "--alone";
const [seconds, ...files] = process.argv.slice(alone ? 3 : 2);

const before = new Set(takeSnapshot());
const words = ["--test", "--test-concurrency=1", `--test-timeout=${Number(seconds) * 1000}`];
const reporter = fileURLToPath(new URL("reporter.js", import.meta.url));
const tests = spawn(
  process.execPath,
  [...words, `--test-reporter=${reporter}`, "--test-reporter-destination=stdout", ...files],
  { stdio: ["ignore", "inherit", "inherit"] },
);
process.exitCode = await new Promise<number>((resolve, reject) => {
  tests.on("error", reject);
  tests.on("exit", code => resolve(code ?? 1));
});

if (alone) {
  const result = await nothingIsLeft();
  process.stdout.write(formatResult(result));
  if (result.kind === "failed") process.exitCode = 1;
}

async function nothingIsLeft(): Promise<Result> {
  const name = "nothing is left: no mount, no cgroup, no process";
  const added = () => takeSnapshot().filter(line => !before.has(line));
  for (let tries = 0; added().length > 0 && tries < 50; tries++) await sleep(100);
  const left = added();
  return left.length === 0 ? { kind: "passed", name } : { kind: "failed", name, details: left.join("\n") };
}
