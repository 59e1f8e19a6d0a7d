import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { repository } from "../host/image.ts";
import { type ChildOptions, runChild } from "./child.ts";
import { marker } from "./leftovers.ts";
import { parseJunit, parseResults, parseTap, type Result } from "./result.ts";

export interface Suite {
  readonly name: string;
  /** Runs of the same tests: one that is skipped in all of them is tested nowhere, which is a failure. */
  readonly tests?: "unit" | "integration";
  /** `background`: while the others run; `alone`: after all others, for it needs the machine's time. @default one by one */
  readonly when?: "background" | "alone";
  run(options: ChildOptions): Promise<Result[]>;
}

export const suites: readonly Suite[] = [
  {
    name: "integration (test host)",
    tests: "integration",
    when: "background",
    run: options => inTestHost([], ["--alone"], testsBelow("test/integration"), options),
  },
  check("format and lint", ["node_modules/.bin/biome", "ci", "--colors=off", "."]),
  check("generated files", ["node", "build/src/spec/generate.js", "--check"]),
  tap("native", ["make", "--no-print-directory", "-C", "native", "test"]),
  tap("native, fuzzed", ["make", "--no-print-directory", "-C", "native", "fuzz-smoke"]),
  {
    name: "unit (node)",
    tests: "unit",
    run: options => nodeTests(["--test-concurrency=2", "--test-timeout=120000"], unitTests(), options),
  },
  { name: "unit (bun)", tests: "unit", run: bunTests },
  {
    name: "systemd (test host)",
    run: options => inTestHost(["--systemd"], [], testsBelow("test/systemd"), options),
  },
  { name: "integration (here)", tests: "integration", run: integrationHere },
  {
    name: "package",
    run: options => nodeTests(["--test-concurrency=1"], testsBelow("test/package"), options),
  },
  { ...check("make try", ["node", "build/examples/try/main.js"]), when: "alone" },
];

/** Seconds for one file of integration tests. */
const fileLimit = { here: 240, testHost: 600 };

function unitTests(): string[] {
  return ["src", "bench", "test/run"].flatMap(testsBelow);
}

/** Compiled test files, by their sources: an output whose source is gone is not a test. */
function testsBelow(directory: string): string[] {
  return readdirSync(join(repository, directory), { recursive: true, encoding: "utf8" })
    .filter(path => path.endsWith(".test.ts"))
    .sort()
    .map(path => join("build", directory, path.replace(/\.ts$/, ".js")));
}

/** A command that is right or wrong as a whole. */
function check(name: string, argv: readonly string[]): Suite {
  return {
    name,
    run: async options => {
      const { trouble, output, left } = await runChild(argv, options);
      const result: Result =
        trouble === undefined
          ? { kind: "passed", name }
          : { kind: "failed", name, details: `${output}\n${trouble}` };
      return [result, ...left];
    },
  };
}

/** A command that may report its tests one by one. */
function tap(name: string, argv: readonly string[]): Suite {
  return {
    name,
    run: async options => {
      const { trouble, output, left } = await runChild(argv, options);
      const results = parseTap(output);
      // How native/Makefile says that it left something out.
      for (const [, reason = "", what = ""] of output.matchAll(/^native: (no .*?): (.*)$/gm)) {
        results.push({ kind: "skipped", name: what, reason });
      }
      if (results.length === 0 && trouble === undefined) results.push({ kind: "passed", name });
      return [...results, ...unexplained(name, results, trouble, output), ...left];
    },
  };
}

const reporter = relative(repository, fileURLToPath(new URL("reporter.js", import.meta.url)));

async function nodeTests(
  words: readonly string[],
  files: string[],
  options: ChildOptions,
): Promise<Result[]> {
  const reporting = [`--test-reporter=./${reporter}`, "--test-reporter-destination=stdout"];
  const argv = [process.execPath, "--test", ...words, ...reporting, ...files];
  const { trouble, stdout, output, left } = await runChild(argv, options);
  const results = parseResults(stdout);
  return [...results, ...unexplained("node --test", results, trouble, output), ...left];
}

async function bunTests(options: ChildOptions): Promise<Result[]> {
  const report = options.log.replace(/\.log$/, ".xml");
  rmSync(report, { force: true });
  const bun = readdirSync(join(repository, "node_modules/@oven"))
    .map(name => join("node_modules/@oven", name, "bin/bun"))
    .concat("node_modules/.bin/bun")
    .find(path => existsSync(join(repository, path)))!;
  const words = ["test", "--timeout=120000", "--reporter=junit", `--reporter-outfile=${report}`];
  const files = unitTests().map(path => `./${path}`);
  const { trouble, output, left } = await runChild([bun, ...words, ...files], options);
  const results = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : [];
  return [...results, ...unexplained("bun test", results, trouble, output), ...left];
}

const inside = relative(repository, fileURLToPath(new URL("inside.js", import.meta.url)));

async function integrationHere(options: ChildOptions): Promise<Result[]> {
  const argv = [process.execPath, inside, String(fileLimit.here), ...testsBelow("test/integration")];
  const { trouble, stdout, output, left } = await runChild(argv, options);
  const results = parseResults(stdout);
  return [...results, ...unexplained("integration tests", results, trouble, output), ...left];
}

async function inTestHost(
  how: readonly string[],
  alone: readonly string[],
  files: readonly string[],
  options: ChildOptions,
): Promise<Result[]> {
  const host = [process.execPath, "build/test/host/main.js", "run", ...how];
  const limits = [`--timeout=${options.timeout / 1000 - 60}`, `--env=${marker}=${options.mark}`];
  const tests = ["node", inside, ...alone, String(fileLimit.testHost), ...files];
  const { trouble, stdout, output, left } = await runChild([...host, ...limits, "--", ...tests], options);
  const results = parseResults(stdout);
  return [...results, ...unexplained("test host", results, trouble, output), ...left];
}

/** A command that failed although none of its tests did, or that ran none. */
function unexplained(name: string, results: Result[], trouble: string | undefined, output: string): Result[] {
  if (results.length === 0) trouble ??= "no test ran";
  if (trouble === undefined) return [];
  // Node's runner exits with 1 for a failed test: that is told already.
  if (trouble.startsWith("exit code") && results.some(result => result.kind === "failed")) return [];
  return [{ kind: "failed", name, details: `${output.slice(-8000)}\n${trouble}` }];
}
