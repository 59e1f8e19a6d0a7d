/** Performance counters: what a container does is counted, by a process that outlives whoever made it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { placesOf } from "../../src/container/places.ts";
import { type Container, type ContainerStats, Lmctfy } from "../../src/index.ts";
import { eventually, Rig } from "../rig/rig.ts";

const counting = { monitoring: { enable_perf_counters: true } };

async function counted(container: Container): Promise<NonNullable<ContainerStats["monitoring"]>> {
  const { monitoring } = await container.stats();
  assert.ok(monitoring, "nothing is counted");
  return monitoring;
}

const directory = (rig: Rig) => join(placesOf(rig.root).runtime, "counting");

/** The processes that keep counters. */
function keepers(rig: Rig): number[] {
  if (!existsSync(directory(rig))) return [];
  return readdirSync(directory(rig)).map(file =>
    Number.parseInt(readFileSync(join(directory(rig), file), "latin1"), 10),
  );
}

/** Ended; reaped it is by whoever its parent is now. */
function gone(pid: number): Promise<unknown> {
  const state = () =>
    existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] : "Z";
  return eventually(state, now => now === "Z", "the keeper lives on");
}

test("who computes has more counted than who sleeps; a container has what those below it have", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/outer", counting);
  const busy = await rig.create("/outer/busy", counting);
  const idle = await rig.create("/outer/idle", counting);
  for (const [container, script] of [
    [busy, "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"],
    [idle, "sleep 0.1"],
  ] as const) {
    const command = await container.run(["sh", "-c", script], { stdio: "ignore" });
    assert.equal((await command.exited).exitCode, 0);
  }
  const [all, much, little] = [await counted(outer), await counted(busy), await counted(idle)];
  assert.ok(much.cpu_clock! > little.cpu_clock! * 3n, `${much.cpu_clock} and ${little.cpu_clock}`);
  // Each counts by itself, so that they differ by what it takes to start and stop counting.
  const parts = much.cpu_clock! + little.cpu_clock!;
  assert.ok(all.cpu_clock! * 10n >= parts * 8n, `${all.cpu_clock} of ${parts}`);
  assert.ok(little.context_switches! > 0n);
  // What the machine counts is there, and what it does not is said.
  const { hardware } = (await rig.lmctfy.features()).perf_events;
  if (hardware === "yes") assert.ok(much.instructions! > little.instructions!);
  else assert.deepEqual(much.uncounted, ["cycles", "instructions", "cache_misses", "branch_misses"]);
  const before = much.page_faults!;
  await rig.tool(busy, "memhog", String(400 * 4096));
  assert.ok((await counted(busy)).page_faults! >= before + 400n);
  assert.equal((await busy.stats("summary")).monitoring, undefined);
  assert.equal((await rig.lmctfy.stats()).filter(({ stats }) => stats.monitoring).length, 3);
});

test("counters outlive their maker, start and stop with an update, and go with the container", async () => {
  await using rig = Rig.create();
  const made = await rig.command(["create", "/a", "monitoring:{enable_perf_counters:true}"]);
  assert.deepEqual([made.stderr, made.code], ["", 0]);
  const container = await rig.lmctfy.get("/a");
  await rig.tool(container, "spin", "0.05");
  const { cpu_clock } = await counted(container);
  assert.ok(cpu_clock! > 10_000_000n, `${cpu_clock}`);
  const [keeper] = keepers(rig);
  await container.update({ pids: { limit: 100 } });
  assert.deepEqual(keepers(rig), [keeper]); // it counts on
  assert.ok((await counted(container)).cpu_clock! >= cpu_clock!);
  await container.update({ monitoring: { enable_perf_counters: false } });
  assert.equal((await container.stats()).monitoring, undefined);
  await gone(keeper!);
  await container.update(counting);
  assert.ok((await counted(container)).cpu_clock! < cpu_clock!);
  const second = keepers(rig)[0]!;
  await container.destroy();
  assert.deepEqual(keepers(rig), []);
  await gone(second);
});

test("a keeper that is killed is told of, and the next update counts anew", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", counting);
  process.kill(keepers(rig)[0]!, "SIGKILL");
  const stats = await eventually(
    () => counted(container),
    ({ interrupted }) => interrupted === true,
    "it counts on",
  );
  assert.deepEqual(stats, { interrupted: true });
  await container.update(counting);
  await rig.tool(container, "spin", "0.05");
  assert.ok((await counted(container)).cpu_clock! > 10_000_000n);
});

test("after a restart of the machine init counts again", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", counting);
  const [keeper] = keepers(rig);
  process.kill(keeper!, "SIGKILL");
  rmSync(placesOf(rig.root).runtime, { recursive: true });
  assert.equal((await container.stats()).monitoring, undefined);
  assert.equal((await rig.command(["init"])).code, 0);
  await rig.tool(container, "spin", "0.05");
  assert.ok((await counted(container)).cpu_clock! > 10_000_000n);
});

test("who starts a keeper and is killed leaves none", async () => {
  await using rig = Rig.create();
  for (let i = 0; i < 10; i++) {
    const lmctfy = new Lmctfy({ root: rig.root });
    const making = lmctfy.create("/a", counting).catch(() => {});
    await new Promise(resolve => setTimeout(resolve, i));
    lmctfy.close(); // its executor is gone, wherever it was
    await making;
    await eventually(
      async () => {
        await rig.lmctfy.recover(); // it lets be what somebody still works on
        await (await rig.lmctfy.get("/a").catch(() => undefined))?.destroy();
        return keepers(rig);
      },
      left => left.length === 0,
      "a keeper is left",
    );
  }
});
