/** What `memory` of a spec does, beyond the limits that limits.test.ts shows. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLayout } from "../../src/cgroup/layout.ts";
import { writeControl } from "../../src/cgroup/steps.ts";
import type { Container } from "../../src/index.ts";
import { collectStats } from "../../src/resources/index.ts";
import { eventually, Rig, TOOL } from "../rig/rig.ts";
import { Subtree } from "./cgroup-rig.ts";

const v2 = readLayout().hierarchies.some(
  ({ version, controllers }) => version === 2 && controllers.includes("memory"),
);
const skip = v2 ? false : "the memory controller is on version 1";

async function shell(container: Container, script: string) {
  const command = await container.run(["sh", "-c", script], { stdio: "ignore" });
  return command.exited;
}

test("limit with max_limit: above the one it gives back and goes on, above the other it is killed", {
  skip,
}, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { limit: 20_000_000, max_limit: 80_000_000 } });
  const scratch = mkdtempSync(join(tmpdir(), "lmctfy-memory-"));
  try {
    const { exitCode } = await shell(
      container,
      `dd if=/dev/zero of=${scratch}/file bs=1M count=60 conv=fsync 2>/dev/null`,
    );
    assert.equal(exitCode, 0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const { memory } = await container.stats();
  assert.ok(memory!.max_usage === undefined || memory!.max_usage < 60_000_000n, `used ${memory!.max_usage}`);
  assert.ok(memory!.usage! < 40_000_000n, `uses ${memory!.usage}`);
  assert.equal(memory!.oom_kill_count, 0n);
  // Memory that cannot be given back is had slowly (two seconds for 256 kB), and not beyond the other limit.
  await container.update({ memory: { limit: 60_000_000, max_limit: 60_500_000 } });
  const hog = await rig.tool(container, "memhog", "200000000");
  assert.equal(hog.reason, "oom");
});

test("max_limit alone is the limit at which a task is killed; -1 takes it away", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { max_limit: 30_000_000 } });
  assert.equal((await rig.tool(container, "memhog", "100000000")).reason, "oom");
  await container.update({ memory: { max_limit: -1 } });
  assert.equal((await rig.tool(container, "memhog", "100000000")).exitCode, 0);
});

test("oom_group: all die together", { skip }, async () => {
  await using rig = Rig.create();
  const script = `sleep 1000 & '${TOOL}' memhog 100000000; sleep 1000`;
  for (const [oom_group, left] of [
    [false, 2],
    [true, 0],
  ] as const) {
    const container = await rig.create("/a", { memory: { limit: 30_000_000, oom_group } });
    const command = await container.run(["sh", "-c", script], { stdio: "ignore" });
    await eventually(
      async () => ({
        kills: (await container.stats()).memory!.oom_kill_count!,
        pids: (await container.pids()).length,
      }),
      ({ kills, pids }) => kills > 0n && pids === left + (left > 0 ? 1 : 0),
      "who has to die has died",
    );
    await container.destroy({ force: true });
    await command.exited;
  }
});

test("a strict reservation is kept even when there is nothing else to take", {
  skip: v2 ? false : "the memory controller is on version 1",
}, async t => {
  const layout = readLayout();
  await using subtree = new Subtree(layout, "/sub");
  const unified = layout.hierarchies.find(({ version }) => version === 2)!;
  const reclaim = `${unified.mountPoint}/${subtree.top}/memory.reclaim`;
  if (!existsSync(reclaim)) return t.skip("this kernel cannot be told to reclaim memory (before 5.19)");
  const scratch = mkdtempSync(join(tmpdir(), "lmctfy-reclaim-"));
  const cache = (name: string) =>
    Number(collectStats(subtree.cgroups, name, "full").memory!.hierarchical_data!.cache!);
  try {
    for (const [name, reservation_strict] of [
      ["/strict", true],
      ["/loose", false],
    ] as const) {
      subtree.create(name, { memory: { reservation: 26_000_000n, reservation_strict } });
      const write = `dd if=/dev/zero of=${scratch}${name} bs=1M count=24 conv=fsync 2>/dev/null`;
      await (await subtree.start(name, ["sh", "-c", write])).ended;
    }
    for (let bite = 0; bite < 100 && cache("/loose") > 4e6; bite++) {
      try {
        writeControl(reclaim, "1M");
      } catch {
        // EAGAIN: there is nothing more that it takes
      }
    }
    assert.ok(cache("/strict") > 23e6, `kept ${cache("/strict")}`);
    assert.ok(cache("/loose") < 16e6, `taken ${cache("/loose")}`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test("reservations at the top add up, come and go", { skip }, async () => {
  await using rig = Rig.create();
  const low = async (name: string) => (await (await rig.lmctfy.get(name)).stats()).memory!.reservation;
  await Promise.all([1, 2, 3, 4].map(n => rig.create(`/c${n}`, { memory: { reservation: n * 4_096_000 } })));
  assert.equal(await low("/"), 40_960_000n, "four at once");
  await (await rig.lmctfy.get("/c4")).destroy();
  assert.equal(await low("/"), 24_576_000n);
  await (await rig.lmctfy.get("/c3")).update({ memory: { reservation: 0 } });
  assert.equal(await low("/"), 12_288_000n);
});
