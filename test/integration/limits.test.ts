/** Limits bite: what a process in a container meets, not what was written to a file. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { readLayout } from "../../src/cgroup/layout.ts";
import { Rig, TOOL, textOf } from "../rig/rig.ts";

test("memory.limit: a process that wants more is killed, and said to be out of memory", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/greedy", { memory: { limit: 100_000_000 } });
  const modest = await rig.tool(container, "memhog", "50000000");
  assert.deepEqual([modest.reason, modest.exitCode, modest.stdout], ["exited", 0, "used 50000000\n"]);
  assert.ok(modest.usage.maxRssBytes > 45_000_000, `max rss ${modest.usage.maxRssBytes}`);
  const greedy = await rig.tool(container, "memhog", "300000000");
  assert.deepEqual([greedy.reason, greedy.signal, greedy.oom], ["oom", "SIGKILL", true]);
  const stats = await container.stats();
  assert.ok(stats.memory!.max_usage! >= 90_000_000n, `max usage ${stats.memory!.max_usage}`);
  assert.ok(stats.memory!.max_usage! <= 100_000_000n, `max usage ${stats.memory!.max_usage}`);
});

test("memory.limit counts for subcontainers too", async () => {
  await using rig = Rig.create();
  await rig.create("/outer", { memory: { limit: 60_000_000 } });
  const inner = await rig.create("/outer/inner", { memory: { limit: 200_000_000 } });
  const result = await rig.tool(inner, "memhog", "150000000");
  assert.deepEqual([result.reason, result.oom], ["oom", true]);
  const plain = await rig.create("/outer/plain");
  assert.equal((await rig.tool(plain, "memhog", "150000000")).reason, "oom");
});

test("a kill by somebody else is not taken for a lack of memory", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { limit: 100_000_000 } });
  const result = await rig.tool(container, "die", "9");
  assert.deepEqual([result.reason, result.signal, result.oom], ["signalled", "SIGKILL", false]);
});

test("cpu.max_limit: a busy loop gets its share and is throttled", async () => {
  await using rig = Rig.create();
  // So small a share that a busy machine does not give less by itself.
  const container = await rig.create("/tenth", { cpu: { max_limit: 100 } });
  const { stdout } = await rig.tool(container, "spin", "3");
  const share = Number(stdout) / 3000;
  // One more period's quota (25 ms) may be used at the end.
  assert.ok(share <= 0.13, `got ${share} of a CPU`);
  assert.ok(share > 0.02, `got ${share} of a CPU`);
  const { cpu } = await container.stats();
  assert.ok(cpu!.throttling_data!.throttled_periods! > 0n, "no period was throttled");
  const total = Number(cpu!.usage!.total!) / 1e6;
  assert.ok(Math.abs(total - Number(stdout)) < 250, `stats say ${total} ms, the process ${stdout}`);
});

test("cpu.limit and scheduling_latency decide who gets a contended CPU", { timeout: 120_000 }, async () => {
  await using rig = Rig.create();
  /** CPU milliseconds that two busy loops on one CPU get. */
  const race = async (name: string, a: object, b: object): Promise<[number, number]> => {
    const mask = { data: [1n] };
    await rig.create(`/${name}`, { cpu: { mask } });
    const one = await rig.create(`/${name}/one`, { cpu: { ...a } });
    const two = await rig.create(`/${name}/two`, { cpu: { ...b } });
    // Both run long before the part that counts begins: who starts first gains nothing.
    const start = Date.now() / 1000 + 3;
    const window = [String(start), String(start + 3)];
    const [x, y] = await Promise.all([rig.tool(one, "race", ...window), rig.tool(two, "race", ...window)]);
    return [Number(x.stdout), Number(y.stdout)];
  };
  const [large, small] = await race("weight", { limit: 2000 }, { limit: 200 });
  assert.ok(large > 3 * small, `limit 2000 got ${large} ms, limit 200 got ${small} ms`);
  const [premier, normal] = await race(
    "latency",
    { scheduling_latency: "PREMIER" },
    { scheduling_latency: "NORMAL" },
  );
  assert.ok(premier > 3 * normal, `PREMIER got ${premier} ms, NORMAL got ${normal} ms`);
  const [priority, besteffort] = await race(
    "effort",
    { scheduling_latency: "PRIORITY" },
    { scheduling_latency: "BEST_EFFORT" },
  );
  assert.ok(priority > 10 * besteffort, `PRIORITY got ${priority} ms, BEST_EFFORT got ${besteffort} ms`);
});

test("cpu.mask: processes run on those CPUs only", async t => {
  if (availableParallelism() < 2) return t.skip("one CPU: no mask excludes any");
  await using rig = Rig.create();
  const container = await rig.create("/second", { cpu: { mask: { data: [2n] } } });
  const { stdout } = await rig.tool(container, "status", "Cpus_allowed_list");
  assert.equal(stdout, "Cpus_allowed_list:\t1\n");
});

test("pids.limit: fork is refused beyond it, and so is one more command", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/few", { pids: { limit: 5 } });
  const { stdout } = await rig.tool(container, "forks", "20");
  assert.equal(stdout, "4 EAGAIN\n");
  await using holder = await container.run([TOOL, "forks", "20", "hold"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise(resolve => holder.stdout!.once("data", resolve));
  if (
    readLayout().hierarchies.some(({ version, controllers }) => version === 2 && controllers.includes("pids"))
  ) {
    await assert.rejects(container.run([TOOL, "exit", "0"]), { code: "RESOURCE_EXHAUSTED" });
  } else {
    // Version 1 lets a process that is born elsewhere in; what it cannot do is fork.
    assert.equal((await rig.tool(container, "forks", "20")).stdout, "0 EAGAIN\n");
  }
});

test("memory.eviction_priority: the processes carry it", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/victim", { memory: { eviction_priority: 1000 } });
  const command = await container.run(["cat", "/proc/self/oom_score_adj"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.equal(await textOf(command.stdout), "800\n");
  assert.equal(readFileSync("/proc/self/oom_score_adj", "utf8"), "0\n");
});

test("a fork bomb is killed with its container, and nothing is left", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/bomb", { pids: { limit: 200 }, cpu: { max_limit: 1000 } });
  await container.run([TOOL, "forkbomb"], { stdio: "ignore" });
  await new Promise(resolve => setTimeout(resolve, 300));
  await container.destroy({ force: true });
  rig.assertClean();
});
