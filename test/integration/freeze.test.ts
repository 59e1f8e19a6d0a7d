/** Pausing: what runs stands still, what is started waits, and all of it can still be killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readLayout } from "../../src/cgroup/layout.ts";
import type { Container } from "../../src/index.ts";
import { COMMAND, eventually, Rig, TOOL } from "../rig/rig.ts";
import { Subtree } from "./cgroup-rig.ts";

/** Clock ticks of CPU time that a process has had. */
const ticksOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
};

const spin = (container: Container) => container.run([TOOL, "spin", "1000"], { stdio: "ignore" });

/** Whether processes get CPU time, told by one beside them that certainly does: no clock decides. */
async function stands(pids: number[], beside: number): Promise<boolean> {
  const before = pids.map(ticksOf);
  const begin = ticksOf(beside);
  await eventually(
    () => ticksOf(beside) - begin,
    ticks => ticks > 20,
    "nobody gets CPU time",
  );
  const after = pids.map(ticksOf);
  return after.every((ticks, i) => ticks === before[i]);
}

test("freeze stops a container and all below it, thaw lets it go on", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  const beside = await spin(await rig.create("/beside"));
  assert.equal(await outer.state(), "empty");
  const pids = [(await spin(outer)).pid, (await spin(inner)).pid];
  assert.deepEqual([await outer.state(), await inner.state()], ["running", "running"]);
  assert.equal(await stands(pids, beside.pid), false);

  await outer.freeze();
  assert.deepEqual([await outer.state(), await inner.state()], ["frozen", "frozen"]);
  assert.equal(await stands(pids, beside.pid), true);
  await outer.freeze();
  assert.equal(await outer.state(), "frozen");

  await assert.rejects(inner.thaw(), { code: "FAILED_PRECONDITION", path: "/a" });
  await outer.thaw();
  await outer.thaw();
  assert.deepEqual([await outer.state(), await inner.state()], ["running", "running"]);
  for (const pid of pids) {
    const before = ticksOf(pid);
    await eventually(
      () => ticksOf(pid),
      ticks => ticks > before,
      "it does not go on",
    );
  }
});

test("what is paused by itself stays so when the container above is resumed", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  await spin(inner);
  await inner.freeze();
  assert.deepEqual([await outer.state(), await inner.state()], ["running", "frozen"]);
  await outer.freeze();
  await outer.thaw();
  assert.deepEqual([await outer.state(), await inner.state()], ["running", "frozen"]);
  await inner.thaw();
  assert.equal(await inner.state(), "running");
});

test("a command that is run in a paused container waits, and can give up", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  const other = await rig.create("/other");
  await outer.freeze();
  assert.equal(await outer.state(), "frozen");
  const waiting = inner.run([TOOL, "exit", "7"], { stdio: "ignore" });
  const given = assert.rejects(inner.run(["true"], { signal: AbortSignal.timeout(50) }), {
    name: "TimeoutError",
  });
  const command = rig.command(["run", "/a/b", TOOL, "exit", "8"]);
  const background = rig.command(["run", "-n", "/a", TOOL, "exit", "9"]);
  const interrupted = spawn(COMMAND, ["run", "/a/b", "true"], {
    env: { ...process.env, LMCTFY_ROOT: rig.root },
    stdio: "ignore",
  });
  const ended = once(interrupted, "exit");
  await given;
  // the same executor still serves everybody else
  assert.equal((await rig.tool(other, "exit", "3")).exitCode, 3);
  assert.deepEqual(await outer.pids({ recursive: true }), []);
  interrupted.kill("SIGINT");
  assert.deepEqual(await ended, [null, "SIGINT"]);
  await outer.thaw();
  assert.equal((await (await waiting).exited).exitCode, 7);
  assert.equal((await command).code, 8);
  assert.equal((await background).code, 0);
});

test("pausing and running at the same time: every command runs", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  const runs = Array.from({ length: 30 }, async (_, i) => {
    await sleep(i * 5);
    const { exited } = await inner.run([TOOL, "exit", "0"], { stdio: "ignore" });
    return (await exited).exitCode;
  });
  for (let round = 0; round < 10; round++) {
    await outer.freeze();
    assert.equal(await inner.state(), "frozen");
    await sleep(5);
    await outer.thaw();
  }
  assert.deepEqual(new Set(await Promise.all(runs)), new Set([0]));
});

test("killAll and destroy work on what is paused", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  const commands = [await spin(outer), await spin(inner)];
  await inner.freeze();
  await outer.freeze();
  await outer.killAll();
  for (const command of commands) assert.equal((await command.exited).signal, "SIGKILL");
  assert.deepEqual([await outer.state(), await inner.state()], ["empty", "empty"]);
  assert.equal((await rig.tool(inner, "exit", "4")).exitCode, 4);
  const last = await spin(inner);
  await inner.freeze();
  await outer.freeze();
  await outer.destroy({ force: true });
  assert.equal((await last.exited).signal, "SIGKILL");
  rig.assertClean();
});

test("a fork bomb is paused", { timeout: 60_000 }, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/bomb", { pids: { limit: 200 }, cpu: { max_limit: 1000 } });
  await container.run([TOOL, "forkbomb"], { stdio: "ignore" });
  await container.freeze();
  const before = await container.pids();
  assert.equal(await container.state(), "frozen");
  await sleep(50);
  assert.deepEqual(await container.pids(), before);
});

test("pause and resume, the commands", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await spin(container);
  const quiet = { code: 0, signal: null, stdout: "", stderr: "" };
  assert.deepEqual(await rig.command(["pause", "/a"]), quiet);
  assert.deepEqual(await rig.command(["pause", "/a"]), quiet);
  assert.equal(
    (await rig.command(["list", "--json"])).stdout,
    '{"containers":[{"name":"/a","state":"frozen"}]}\n',
  );
  assert.deepEqual(await rig.command(["resume", "--json", "/a"]), { ...quiet, stdout: '{"name":"/a"}\n' });
  assert.equal(
    (await rig.command(["list", "--json"])).stdout,
    '{"containers":[{"name":"/a","state":"running"}]}\n',
  );
  for (const word of ["pause", "resume"]) {
    assert.equal((await rig.command([word, "/"])).code, 9);
    assert.equal((await rig.command([word, "/nope"])).code, 5);
  }
  assert.deepEqual(await rig.command(["pause", "/a"]), quiet);
  assert.deepEqual(await rig.command(["destroy", "-f", "/a"]), quiet);
  assert.equal((await command.exited).signal, "SIGKILL");
  rig.assertClean();
});

test("version 1 alone: paused with all below, resumed, and killed while paused", async t => {
  const layout = readLayout();
  const hierarchies = layout.hierarchies.filter(({ version }) => version === 1);
  if (!hierarchies.some(({ controllers }) => controllers.includes("freezer")))
    return t.skip("no v1 freezer on this machine");
  await using subtree = new Subtree({ ...layout, kind: "v1", hierarchies });
  const { cgroups } = subtree;
  subtree.create("/a");
  subtree.create("/a/b");
  subtree.create("/beside");
  const child = await subtree.start("/a/b", [TOOL, "spin", "1000"]);
  const beside = await subtree.start("/beside", [TOOL, "spin", "1000"]);
  assert.equal(cgroups.isPopulated("/a"), true);
  await cgroups.freeze("/a");
  assert.deepEqual([cgroups.isFrozen("/a"), cgroups.isFrozen("/a/b")], [true, true]);
  assert.equal(await stands([child.pid], beside.pid), true);
  await assert.rejects(cgroups.thaw("/a/b"), { code: "FAILED_PRECONDITION", path: "/a" });
  await cgroups.thaw("/a");
  assert.deepEqual([cgroups.isFrozen("/a"), cgroups.isFrozen("/a/b")], [false, false]);
  assert.equal(await stands([child.pid], beside.pid), false);
  await cgroups.freeze("/a/b");
  await cgroups.freeze("/a");
  await cgroups.kill("/a");
  assert.equal((await child.ended).signal, "SIGKILL");
  await cgroups.kill("/beside");
});
