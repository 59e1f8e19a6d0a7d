/**
 * `make bench`: measures lmctfy beside others, in one run, interleaved.
 *
 *   node build/bench/main.js [--quick] [--rounds N] [GROUP…]     groups: isolated exec sandbox run security start library scale memory system
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { readLayout } from "../src/cgroup/layout.ts";
import type { Context, Goal, GroupResult } from "./group.ts";
import { exec } from "./groups/exec.ts";
import { isolated } from "./groups/isolated.ts";
import { library } from "./groups/library.ts";
import { memory } from "./groups/memory.ts";
import { run } from "./groups/run.ts";
import { sandbox } from "./groups/sandbox.ts";
import { scale } from "./groups/scale.ts";
import { security } from "./groups/security.ts";
import { start } from "./groups/start.ts";
import { system } from "./groups/system.ts";
import { leftovers, takeSnapshot } from "./leftovers.ts";
import { BUILD } from "./paths.ts";
import { prepare } from "./prepare.ts";
import { formatTable } from "./report.ts";

const GROUPS = { isolated, exec, sandbox, run, security, start, library, scale, memory, system };

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: "boolean", default: false }, rounds: { type: "string" } },
    allowPositionals: true,
  });
  const unknown = positionals.filter(name => !Object.hasOwn(GROUPS, name));
  const rounds = Number(values.rounds ?? (values.quick ? 15 : 60));
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    console.error(
      `Usage: node build/bench/main.js [--quick] [--rounds N] [${Object.keys(GROUPS).join("|")}]...`,
    );
    return 2;
  }
  if (process.getuid?.() !== 0) {
    console.error("The bench makes namespaces and cgroups: run it as root.");
    return 1;
  }

  const failures: string[] = [];
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  const context: Context = {
    prepared: prepare(),
    rounds,
    warmUp: values.quick ? 3 : 8,
    quick: values.quick,
    signal: stop.signal,
    fail: what => failures.push(what),
  };
  const layout = readLayout();
  const machine = {
    kernel: release(),
    cpus: cpus().length,
    model: cpus()[0]?.model.trim(),
    cgroups: layout.kind,
    hierarchies: layout.hierarchies.length,
    load: loadavg()[0],
  };
  console.log(
    `Linux ${machine.kernel}, ${machine.cpus} CPUs (${machine.model}), cgroup ${machine.cgroups} with ` +
      `${machine.hierarchies} hierarchies, load ${machine.load?.toFixed(2)}. ${rounds} rounds after ${context.warmUp} ` +
      "to warm up; every round runs each contender once, in random order. Ratios are medians of the rounds' ratios.\n",
  );

  const before = takeSnapshot();
  const results: GroupResult[] = [];
  for (const [name, group] of Object.entries(GROUPS)) {
    if (stop.signal.aborted) break;
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    try {
      for (const result of await group(context)) {
        console.log(describe(result));
        results.push(result);
      }
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      console.log(`${name} failed.\n`);
    }
  }
  const goals = results.flatMap(result => result.goals);
  console.log(`Goals\n${formatTable(goals.map(goalRow))}\n`);
  const left = leftovers(before);
  failures.push(...left.slice(0, 5).map(each => `left behind: ${each}`));
  if (left.length > 5) failures.push(`left behind: ${left.length - 5} more`);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  writeFileSync(
    `${BUILD}/results.json`,
    `${JSON.stringify({ machine, rounds, goals: goals.map(judged), results, failures }, null, 1)}\n`,
  );
  console.log("All samples: build/bench/results.json");
  return failures.length === 0 ? 0 : 1;
}

function describe({ title, rows, notes }: GroupResult): string {
  return `${title}\n${formatTable(rows)}\n${notes.map(note => `  ${note}\n`).join("")}`;
}

const judged = (goal: Goal): Goal & { met: boolean | undefined } => ({ ...goal, met: isMet(goal) });

function isMet({ value, limit, sense }: Goal): boolean | undefined {
  if (value === undefined) return undefined;
  return sense === "at most" ? value <= limit : value >= limit;
}

function goalRow(goal: Goal): string[] {
  const digits = goal.limit < 10 ? 2 : goal.limit < 30 ? 1 : 0;
  const met = isMet(goal);
  return [
    goal.text,
    goal.value?.toFixed(digits) ?? "?",
    `${goal.sense} ${goal.limit.toFixed(digits)}`,
    met === undefined ? "not measured" : met ? "met" : "NOT MET",
  ];
}

process.exitCode = await main();
