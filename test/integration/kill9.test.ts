/** kill -9 of create, run and destroy at random points: nothing is lost, and the next command leaves nothing behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { COMMAND, eventually, Rig, TOOL } from "../rig/rig.ts";

/** Fewer where everything takes ten times as long. */
const POINTS = Number(process.env.LMCTFY_KILL_POINTS ?? (existsSync("/host/exchange") ? 80 : 200));
const SPEC =
  "cpu:{max_limit:500} memory:{limit:50000000} pids:{limit:20} device:{isolated:true} monitoring:{enable_perf_counters:true}";

/** Starts the command and kills it after a part of its usual time; whether it was killed before its end. */
async function killed(rig: Rig, args: readonly string[], delay: number): Promise<boolean> {
  const child = spawn(COMMAND, args, { env: { ...process.env, LMCTFY_ROOT: rig.root }, stdio: "ignore" });
  const exit = once(child, "exit");
  await Promise.race([exit, sleep(delay)]);
  child.kill("SIGKILL");
  const [code, signal] = await exit;
  assert.ok(
    signal === "SIGKILL" || code === 0 || (code === 137 && args[0] === "run"),
    `${args.join(" ")}: ${code}`,
  );
  return signal === "SIGKILL";
}

/** How long the command takes here, in milliseconds. */
async function duration(rig: Rig, args: readonly string[]): Promise<number> {
  const begin = performance.now();
  const { code, stderr } = await rig.command(args);
  assert.equal(code, 0, stderr);
  return performance.now() - begin;
}

/**
 * What the next command finds, whatever it is: names that exist, and no cgroup or file of any other.
 *
 * @param counts whether the victim, if it exists, has performance counters
 */
async function assertConsistent(rig: Rig, point: string, { counts = false } = {}): Promise<string[]> {
  const { code, stdout, stderr } = await rig.command(["list", "-v", "/"]);
  assert.deepEqual([code, stderr], [0, ""], point);
  const names = stdout.split("\n").filter(Boolean);
  const foreign = (path: string): boolean =>
    !["victim", "keeper"].some(name => names.includes(`/${name}`) && path.includes(`/${name}`));
  const cgroups = rig.cgroups().filter(path => /\/(victim|keeper)(\/|$)/.test(path));
  assert.deepEqual(cgroups.filter(foreign), [], `${point}: cgroups are left`);
  const files = rig.files().filter(path => foreign(`/${path}`));
  const counting = files.filter(path => path.startsWith("run/counting/"));
  assert.deepEqual(
    files.filter(path => !counting.includes(path)),
    [],
    `${point}: files are left`,
  );
  const counted = names.filter(name => name === "/keeper" || counts);
  assert.equal(counting.length, counted.length, `${point}: counters are left`);
  assert.ok(names.includes("/keeper"), `${point}: another container was lost`);
  return names;
}

test(`kill -9 at ${POINTS} random points`, { timeout: 900_000 }, async t => {
  await using rig = Rig.create();
  await rig.command(["create", "/keeper", SPEC]);
  const times = {
    create: await duration(rig, ["create", "/victim", SPEC]),
    run: await duration(rig, ["run", "/victim", TOOL, "exit", "0"]),
    slowRun: await duration(rig, ["run", "-w", "/", "/victim", TOOL, "exit", "0"]),
    destroy: await duration(rig, ["destroy", "/victim"]),
  };
  let hits = 0;
  for (let point = 0; point < POINTS; point++) {
    const random = (time: number): number => Math.random() * time * 1.1;
    const what = `point ${point}`;
    switch (point % 4) {
      case 0: {
        if (await killed(rig, ["create", "/victim", SPEC], random(times.create))) hits++;
        const names = await assertConsistent(rig, `${what}, create`, { counts: true });
        if (names.includes("/victim")) await (await rig.lmctfy.get("/victim")).destroy();
        break;
      }
      case 1: {
        const container = await rig.create("/victim");
        if (await killed(rig, ["run", "/victim", TOOL, "memhog", "1000000", "1000"], random(times.run * 3)))
          hits++;
        await eventually(
          () => container.pids(),
          pids => pids.length === 0,
          `${what}, run: a process is left`,
        );
        await assertConsistent(rig, `${what}, run`);
        await container.destroy();
        break;
      }
      case 2: {
        const container = await rig.create("/victim");
        if (
          await killed(
            rig,
            ["run", "-w", "/", "/victim", TOOL, "memhog", "1000000", "1000"],
            random(times.slowRun * 2),
          )
        )
          hits++;
        await eventually(
          () => container.pids(),
          pids => pids.length === 0,
          `${what}, slow run: a process is left`,
        );
        await assertConsistent(rig, `${what}, slow run`);
        await container.destroy();
        break;
      }
      default: {
        const spec = { memory: { limit: 50_000_000n }, monitoring: { enable_perf_counters: true } };
        const container = await rig.create("/victim", spec);
        const command = await container.run(["sleep", "1000"], { stdio: "ignore" });
        if (await killed(rig, ["destroy", "-f", "/victim"], random(times.destroy))) hits++;
        const names = await assertConsistent(rig, `${what}, destroy`, { counts: true });
        // it is whole or it is gone
        if (names.includes("/victim")) {
          assert.deepEqual(await container.spec(), spec);
          assert.equal((await rig.tool(container, "exit", "7")).exitCode, 7);
          await container.destroy({ force: true });
        }
        await command.exited;
      }
    }
  }
  await (await rig.lmctfy.get("/keeper")).destroy();
  rig.assertClean();
  t.diagnostic(`${hits} of ${POINTS} were killed before their end`);
  assert.ok(hits > POINTS / 4, `only ${hits} of ${POINTS} were killed before their end`);
});
