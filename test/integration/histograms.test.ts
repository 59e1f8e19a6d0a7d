/** How tasks are scheduled, as bpftrace sees it: who waits for whom. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Container, HistogramMap } from "../../src/index.ts";
import { Rig, TOOL } from "../rig/rig.ts";

const skip = spawnSync("bpftrace", ["--version"]).error ? "bpftrace is not installed" : false;

const MS = 1_000_000;

/** How many were counted, of those that took longer than some milliseconds. */
function longer(histograms: HistogramMap[], type: HistogramMap["type"], ms: number): number {
  const { stat = [] } = histograms.find(each => each.type === type)!;
  return stat.filter(({ bucket }) => bucket > ms * MS).reduce((sum, { value }) => sum + Number(value), 0);
}

const spin = (container: Container) => container.run([TOOL, "spin", "1000"], { stdio: "ignore" });

test("tasks that share a CPU wait for their own container, or for another; who sleeps does neither", {
  skip,
}, async () => {
  await using rig = Rig.create();
  const cpu = { cpu: { cpus: "0" } };
  const [one, two] = [await rig.create("/one", cpu), await rig.create("/two", cpu)];
  let begun = 0;
  let self = 0;
  {
    await using _first = await spin(one);
    await using _second = await spin(one);
    const seen = await one.histograms({ started: () => begun++ });
    self = longer(seen, "QUEUE_SELF", 1);
    assert.ok(self > 10, `${self} waits`);
    assert.ok(longer(seen, "ONCPU", 1) > 10);
  }
  {
    await using _first = await spin(one);
    await using _second = await spin(two);
    const seen = await one.histograms();
    // Whatever else the machine has to do: nobody of its own is in its way.
    const waits = [longer(seen, "QUEUE_OTHER", 1), longer(seen, "QUEUE_SELF", 1)] as const;
    assert.ok(waits[0] > 10 && waits[1] < self / 3, `${waits.join(" and ")} waits, before ${self}`);
  }
  await using _sleeper = await two.run(["sh", "-c", "while :; do sleep 0.02; done"], { stdio: "ignore" });
  const said = await rig.command(["stats", "histograms", "-s", "1", "--json", "/two"]);
  assert.equal(said.code, 0, said.stderr);
  const seen: HistogramMap[] = JSON.parse(said.stdout).histograms;
  assert.ok(longer(seen, "SLEEP", 10) > 5, said.stdout);
  assert.equal(longer(seen, "ONCPU", 100), 0);
  assert.equal(begun, 1);
  assert.match((await rig.command(["stats", "histograms", "/two"])).stdout, /^SERVE .*\n( .*\n){8}\nONCPU /);
});

test("it ends when it is told to, and says what it lacks", { skip }, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const end = new AbortController();
  const counting = container.histograms({
    seconds: 1000,
    signal: end.signal,
    started: () => end.abort(new Error("enough")),
  });
  await assert.rejects(counting, { message: "enough" });
  for (const seconds of [0, 1.5, -1])
    await assert.rejects(container.histograms({ seconds }), { code: "INVALID_ARGUMENT" });
  const without = await rig.command(["stats", "histograms", "/a"], { env: { PATH: "/nowhere" } });
  assert.match(without.stderr, /bpftrace, which is not installed/);
  assert.match(without.stderr, /apt-get install bpftrace/);
});
