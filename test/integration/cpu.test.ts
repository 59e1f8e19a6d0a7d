/** What `cpu` of a spec does to processes, beyond the limits that limits.test.ts shows. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Container } from "../../src/index.ts";
import { eventually, Rig, TOOL } from "../rig/rig.ts";

async function allowed(rig: Rig, container: Container, field: string): Promise<string> {
  return (await rig.tool(container, "status", field)).stdout.split("\t").at(-1)!.trim();
}

test("one CPU weighs what no limit does, and twice the limit twice as much", async () => {
  await using rig = Rig.create();
  const race = async (name: string, a: object, b: object): Promise<number> => {
    const one = await rig.create(`/${name}-a`, { cpu: { cpus: "0", ...a } });
    const two = await rig.create(`/${name}-b`, { cpu: { cpus: "0", ...b } });
    const start = Date.now() / 1000 + 1;
    const window = [String(start), String(start + 2)];
    const [x, y] = await Promise.all([rig.tool(one, "race", ...window), rig.tool(two, "race", ...window)]);
    return Number(x.stdout) / Math.max(1, Number(y.stdout));
  };
  const equal = await race("equal", { limit: 1000 }, {});
  assert.ok(equal > 0.6 && equal < 1.7, `${equal}`);
  const double = await race("double", { limit: 2000 }, { limit: 1000 });
  assert.ok(double > 1.4 && double < 2.9, `${double}`);
});

test("cpus and mems bind, here and below, and follow an update", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { cpu: { cpus: "0", mems: "0" } });
  const below = await rig.create("/a/b");
  assert.equal(await allowed(rig, container, "Cpus_allowed_list"), "0");
  assert.equal(await allowed(rig, below, "Cpus_allowed_list"), "0");
  assert.equal(await allowed(rig, container, "Mems_allowed_list"), "0");
  const online = readFileSync("/sys/devices/system/cpu/online", "utf8").trim();
  await container.update({ cpu: { cpus: online } });
  assert.equal(await allowed(rig, below, "Cpus_allowed_list"), online);
  await container.update({ cpu: { cpus: "" } });
  assert.equal(await allowed(rig, container, "Cpus_allowed_list"), online);
  for (const [cpu, message] of [
    [{ cpus: "4000" }, /cpu\.cpus names CPU 4000, which this machine does not have/],
    [{ mems: "70" }, /cpu\.mems names memory node 70/],
    [{ cpus: "0-" }, /cpu\.cpus "0-" is no list of numbers/],
    [{ cpus: "0", mask: { data: [1] } }, /both say which CPUs/],
  ] as const) {
    await assert.rejects(container.update({ cpu }, { mode: "replace" }), {
      code: "INVALID_ARGUMENT",
      message,
    });
  }
});

test("burst: what was left unused is used at once", async () => {
  await using rig = Rig.create();
  const limits = { max_limit: 200, burst: 200 };
  const container = await rig.create("/a", { cpu: limits });
  // Idle for some periods of a quarter of a second, then more than the 50 ms that it may use in one.
  const script = `for i in 1 2 3 4; do sleep 0.6; '${TOOL}' spin 0.09 >/dev/null; done`;
  await (await container.run(["sh", "-c", script], { stdio: "ignore" })).exited;
  const { bursts = 0n, burst_time = 0n } = (await container.stats()).cpu?.throttling_data ?? {};
  assert.ok(bursts > 0n && burst_time > 0n, `${bursts} bursts of ${burst_time} ns`);
  await container.update({ cpu: { burst: 0 } });
  // The kernel counts the last one at the start of the next period.
  await rig.tool(container, "spin", "0.6");
  const counted = (await container.stats()).cpu?.throttling_data?.bursts;
  await (await container.run(["sh", "-c", script], { stdio: "ignore" })).exited;
  assert.equal((await container.stats()).cpu?.throttling_data?.bursts, counted, "none any more");
  await assert.rejects(rig.create("/b", { cpu: { burst: 100 } }), { message: /burst needs cpu\.max_limit/ });
  await assert.rejects(rig.create("/b", { cpu: { max_limit: 100, burst: 101 } }), {
    code: "INVALID_ARGUMENT",
  });
});

test("load: the tasks that want a CPU now", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { cpu: { cpus: "0" } });
  const sleeper = await container.run(["sleep", "1000"], { stdio: "ignore" });
  const load = async () => (await container.stats()).cpu?.load;
  await eventually(load, seen => seen === 0, "it sleeps");
  const busy = await Promise.all(
    [1, 2].map(() => container.run([TOOL, "spin", "1000"], { stdio: "ignore" })),
  );
  await eventually(load, seen => seen === 2, "two want it");
  assert.equal((await container.stats("summary")).cpu?.load, undefined, "the summary does not look for it");
  for (const each of [sleeper, ...busy]) await each.kill("SIGKILL");
});

test("where the kernel counts by CPU, it is told", {
  skip: existsSync("/sys/fs/cgroup/cpuacct") ? false : "cgroup v2 does not count by CPU",
}, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { cpu: { cpus: "0" } });
  await rig.tool(container, "spin", "0.2");
  const [first = 0n, ...others] = (await container.stats()).cpu?.usage?.per_cpu ?? [];
  assert.ok(first > 10_000_000n, `${first} ns on CPU 0`);
  // Its first instant may have been on another.
  assert.ok(others.every(each => each < first / 2n));
});
