/** Statistics of many containers, and again and again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerReading, LmctfyError } from "../../src/index.ts";
import { Rig } from "../rig/rig.ts";

const names = (readings: readonly ContainerReading[]): string[] => readings.map(({ name }) => name);

test("the statistics of many in one call: all, those below, those directly below, those named", async () => {
  await using rig = Rig.create();
  for (const name of ["/b", "/a", "/a/x", "/a/x/y"]) await rig.create(name, { pids: { limit: 7 } });
  const { lmctfy } = rig;
  const all = await lmctfy.stats();
  assert.deepEqual(names(all), ["/a", "/a/x", "/a/x/y", "/b"]);
  for (const { stats, time } of all) {
    assert.equal(stats.pids?.limit, 7n);
    assert.ok(Math.abs(time.getTime() - Date.now()) < 3_600_000);
  }
  assert.deepEqual(names(await lmctfy.stats({ below: "/a" })), ["/a/x", "/a/x/y"]);
  assert.deepEqual(names(await lmctfy.stats({ below: "/a", recursive: false })), ["/a/x"]);
  const named = await lmctfy.stats({ names: ["/b", "/a/x"], level: "summary" });
  assert.deepEqual(names(named), ["/b", "/a/x"]);
  assert.equal(named[0]?.stats.pids?.peak, undefined, "a summary has no more than what one watches");
  const one = await (await lmctfy.get("/b")).stats("full");
  assert.deepEqual(Object.keys(all[3]!.stats), Object.keys(one));
});

test("the statistics of many: no such container, no such name, given up", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  await assert.rejects(rig.lmctfy.stats({ names: ["/a", "/none"] }), { code: "NOT_FOUND" });
  await assert.rejects(rig.lmctfy.stats({ below: "/none" }), { code: "NOT_FOUND" });
  await assert.rejects(rig.lmctfy.stats({ names: ["/a//../_x"] }), { code: "INVALID_ARGUMENT" });
  const reason = new Error("enough");
  await assert.rejects(rig.lmctfy.stats({ signal: AbortSignal.abort(reason) }), reason);
});

test("watchStats reads again and again: what a loop used shows between two readings", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/loop");
  const command = await container.run(["sh", "-c", "while :; do :; done"], { stdio: "ignore" });
  let first: bigint | undefined;
  for await (const { name, stats } of container.watchStats({ intervalMs: 20, level: "summary" })) {
    assert.equal(name, "/loop");
    const used = stats.cpu?.usage?.total ?? 0n;
    first ??= used;
    if (used > first + 20_000_000n) break;
  }
  let rounds = 0;
  for await (const readings of rig.lmctfy.watchStats({ intervalMs: 1 })) {
    assert.deepEqual(names(readings), ["/loop"]);
    if (++rounds === 3) break;
  }
  await command.kill("SIGKILL");
  await command.exited;
});

test("watchStats ends with the signal's reason, with the container, and before a bad interval", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/short");
  const controller = new AbortController();
  const reason = new Error("enough");
  const watching = container.watchStats({ intervalMs: 100_000, signal: controller.signal });
  assert.equal((await watching.next()).value.name, "/short");
  const second = watching.next();
  controller.abort(reason);
  await assert.rejects(second, reason);
  for (const intervalMs of [0, -1, Number.NaN, 1e12])
    await assert.rejects(container.watchStats({ intervalMs }).next(), { code: "INVALID_ARGUMENT" });

  const other = container.watchStats({ intervalMs: 1 });
  await other.next();
  await container.destroy();
  await assert.rejects(other.next(), error => error instanceof LmctfyError && error.code === "NOT_FOUND");
});
