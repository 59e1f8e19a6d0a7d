/**
 * Runs all suites, or those whose names contain one of the given words, and counts:
 *
 *     node build/test/run/main.js [WORD…]
 *
 * Logs go to build/log. The last line is `N passed, N failed, N skipped`.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../host/image.ts";
import type { Result } from "./result.ts";
import { type Ran, skippedEverywhere } from "./skipped.ts";
import { type Suite, suites } from "./suites.ts";

const logs = join(repository, "build/log");
const limit = 20 * 60_000;

async function run(suite: Suite, signal: AbortSignal): Promise<Ran> {
  const start = performance.now();
  const log = join(logs, `${suite.name.replaceAll(/[^a-z]+/g, "-").replace(/-$/, "")}.log`);
  const mark = `${process.pid}-${suite.name.replaceAll(/[^a-z]+/g, "-")}`;
  let results: Result[];
  try {
    results = await suite.run({ mark, log, timeout: limit, signal });
  } catch (error) {
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
    results = [{ kind: "failed", name: suite.name, details }];
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`${suite.name.padEnd(26)}${count(results).padEnd(36)}${seconds.padStart(7)} s`);
  for (const result of results) {
    if (result.kind === "failed") say(`\nFAILED ${suite.name}: ${result.name}\n${indent(result.details)}\n`);
  }
  return { suite, results };
}

async function main(words: readonly string[]): Promise<number> {
  const chosen = suites.filter(({ name }) => words.length === 0 || words.some(word => name.includes(word)));
  if (chosen.length === 0) {
    console.error(
      `No suite's name has any of these words. The suites: ${suites.map(s => s.name).join(", ")}`,
    );
    return 2;
  }
  process.chdir(repository);
  if (words.length === 0) rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });

  const abort = new AbortController();
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => abort.abort(new Error(`stopped by ${signal}`)));
  }
  const background = chosen
    .filter(suite => suite.when === "background")
    .map(suite => run(suite, abort.signal));
  const runs: Ran[] = [];
  for (const suite of chosen.filter(suite => !suite.when)) runs.push(await run(suite, abort.signal));
  runs.push(...(await Promise.all(background)));
  for (const suite of chosen.filter(suite => suite.when === "alone"))
    runs.push(await run(suite, abort.signal));

  say("");
  const everywhere = skippedEverywhere(runs, suites);
  for (const { suite, results } of runs) {
    for (const result of results) {
      if (result.kind === "skipped") {
        say(`skipped: ${suite.name}: ${result.name}${result.reason === "" ? "" : `: ${result.reason}`}`);
      }
    }
  }
  for (const { suite, results } of runs) {
    for (const result of results) if (result.kind === "failed") say(`failed: ${suite.name}: ${result.name}`);
  }
  for (const { name } of everywhere) say(name);

  const all = [...runs.flatMap(({ results }) => results), ...everywhere];
  say(count(all));
  return all.some(result => result.kind === "failed") || abort.signal.aborted ? 1 : 0;
}

function count(results: readonly Result[]): string {
  const number = (kind: Result["kind"]) => results.filter(result => result.kind === kind).length;
  return `${number("passed")} passed, ${number("failed")} failed, ${number("skipped")} skipped`;
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    ");
}

function say(line: string): void {
  console.log(line);
}

process.exitCode = await main(process.argv.slice(2));
