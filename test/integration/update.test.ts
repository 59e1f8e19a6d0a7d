/** Updates: what running processes notice of them, and that they are whole or not at all. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { placesOf } from "../../src/container/places.ts";
import { programFile } from "../../src/container/store.ts";
import type { Container, ContainerSpecInput, LmctfyError } from "../../src/index.ts";
import { LoopDevice } from "../rig/loop-device.ts";
import { randomSpecs } from "../rig/random-spec.ts";
import { COMMAND, eventually, execute, Rig, TOOL, textOf } from "../rig/rig.ts";
import { controlFiles, everythingOf } from "../rig/settings.ts";

const UNLIMITED = 2n ** 64n - 1n;

const cgroupsOf = (rig: Rig) => openCgroups({ subtree: placesOf(rig.root).subtree });

test("pids.limit: raised it lets forks through, lowered it refuses them and ends nothing", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { pids: { limit: 5 } });
  assert.equal((await rig.tool(container, "forks", "20")).stdout, "4 EAGAIN\n");
  await container.update({ pids: { limit: 30 } });
  assert.equal((await rig.tool(container, "forks", "20")).stdout, "20 -\n");
  await container.run([TOOL, "forkbomb"], { stdio: "ignore" });
  const counted = (isSo: (n: number) => boolean) =>
    eventually(async () => (await container.pids()).length, isSo, "number of processes");
  await counted(n => n === 30);
  await container.update({ pids: { limit: 60 } });
  await counted(n => n === 60);
  await container.update({ pids: { limit: 3 } });
  assert.equal((await container.pids()).length, 60);
  await container.killAll();
  // those whom nobody waited for yet still count
  await eventually(
    async () => (await rig.tool(container, "forks", "20")).stdout,
    said => said === "2 EAGAIN\n",
    "what the limit of 3 lets through",
  );
  await container.update({ pids: { limit: -1 } });
  assert.equal((await rig.tool(container, "forks", "100")).stdout, "100 -\n");
});

test("cpu.max_limit: a running loop is throttled, and no more when it is removed", {
  timeout: 120_000,
}, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await container.run([TOOL, "spin", "1000"], { stdio: "ignore" });
  const throttled = async () =>
    Number((await container.stats()).cpu!.throttling_data?.throttled_periods ?? 0n);
  const used = async () => Number((await container.stats()).cpu!.usage!.total!);
  const start = await used();
  await eventually(used, now => now > start + 3e8, "the loop runs");
  assert.equal(await throttled(), 0);
  await container.update({ cpu: { max_limit: 100 } });
  await eventually(throttled, n => n > 3, "periods that were throttled");
  await container.update({ cpu: { max_limit: UNLIMITED } });
  const before = await throttled();
  const then = await used();
  await eventually(used, now => now > then + 5e8, "the loop runs on");
  assert.equal(await throttled(), before);
});

test("memory.limit: raised it makes room, lowered it is refused while more is in use", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { limit: 50_000_000 } });
  assert.equal((await rig.tool(container, "memhog", "80000000")).reason, "oom");
  await container.update({ memory: { limit: 150_000_000 } });
  assert.equal((await rig.tool(container, "memhog", "80000000")).exitCode, 0);
  await using holder = await container.run([TOOL, "memhog", "80000000", "1000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout!, "data");
  const before = everythingOf(rig.root, "/a");
  await assert.rejects(
    container.update({ memory: { limit: 60_000_000 }, cpu: { max_limit: 500 }, pids: { limit: 9 } }),
    { code: "FAILED_PRECONDITION", hint: /uses more and cannot give it back/ },
  );
  assert.deepEqual(everythingOf(rig.root, "/a"), before);
  assert.deepEqual(await container.pids(), [holder.pid]);
  assert.deepEqual(await container.spec(), { memory: { limit: 150_000_000n } });
  await container.update({ memory: { limit: 100_000_000 } });
  await holder.kill("SIGKILL");
  await holder.exited;
  await container.update({ memory: { limit: 40_000_000 } });
  assert.equal((await rig.tool(container, "memhog", "60000000")).reason, "oom");
});

test("memory.limit: what is only cached is taken back", async t => {
  await using rig = Rig.create();
  const type = (await execute("stat", ["-f", "-c", "%T", "/var/tmp"])).stdout.trim();
  if (type === "tmpfs" || type === "ramfs")
    return t.skip(`/var/tmp is ${type}: its files cannot be given back`);
  const container = await rig.create("/a", { memory: { limit: 200_000_000 } });
  const file = `/var/tmp/lmctfy-cached-${process.pid}`;
  try {
    const dd = ["dd", "if=/dev/zero", `of=${file}`, "bs=1M", "count=60", "conv=fsync", "status=none"];
    const command = await container.run(dd, { stdio: "ignore" });
    assert.equal((await command.exited).exitCode, 0);
    assert.ok((await container.stats()).memory!.usage! > 50_000_000n);
    await container.update({ memory: { limit: 20_000_000 } });
    assert.ok((await container.stats()).memory!.usage! <= 20_000_000n);
  } finally {
    await execute("rm", ["-f", file]);
  }
});

test("replace: what is not named goes back to its default", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", {
    owner: 65534,
    cpu: { limit: 100, max_limit: 500, scheduling_latency: "BEST_EFFORT", mask: { data: [1] } },
    memory: { limit: 50_000_000, swap_limit: 60_000_000, reservation: 1_000_000, eviction_priority: 1000 },
    pids: { limit: 5 },
  });
  await rig.create("/plain");
  assert.notDeepEqual(controlFiles(rig.root, "/a"), controlFiles(rig.root, "/plain"));
  await container.update({ pids: { limit: 30 } }, { mode: "replace" });
  assert.deepEqual(await container.spec(), { pids: { limit: 30n } });
  assert.equal((await rig.tool(container, "memhog", "80000000")).exitCode, 0);
  assert.equal((await rig.tool(container, "forks", "20")).stdout, "20 -\n");
  const score = await container.run(["cat", "/proc/self/oom_score_adj"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.equal(await textOf(score.stdout), "0\n");
  await container.update({}, { mode: "replace" });
  assert.deepEqual(controlFiles(rig.root, "/a"), controlFiles(rig.root, "/plain"));
});

test("cpu.mask: running processes move, and so do those below that have no mask of their own", async t => {
  if (availableParallelism() < 2) return t.skip("one CPU: no mask excludes any");
  await using rig = Rig.create();
  const outer = await rig.create("/a", { cpu: { mask: { data: [2] } } });
  const inner = await rig.create("/a/b");
  const deep = await rig.create("/a/b/c");
  const { pid } = await deep.run(["sleep", "1000"], { stdio: "ignore" });
  const cpus = () => /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  assert.equal(cpus(), "1");
  await outer.update({ cpu: { mask: { data: [1] } } });
  assert.equal(cpus(), "0");
  await outer.update({ cpu: { mask: { data: [3] } } });
  assert.equal(cpus(), "0-1");
  await inner.update({ cpu: { mask: { data: [2] } } });
  assert.equal(cpus(), "1");
  const before = [everythingOf(rig.root, "/a"), everythingOf(rig.root, "/a/b")];
  await assert.rejects(outer.update({ cpu: { mask: { data: [1] } } }), {
    code: "FAILED_PRECONDITION",
    path: "/a/b",
  });
  assert.deepEqual([everythingOf(rig.root, "/a"), everythingOf(rig.root, "/a/b")], before);
  await inner.update({}, { mode: "replace" });
  assert.equal(cpus(), "0-1");
  await outer.update({ cpu: { mask: { data: [1] } } });
  assert.equal(cpus(), "0");
  await outer.update({}, { mode: "replace" });
  assert.equal(cpus(), `0-${availableParallelism() - 1}`);
});

test("a container does not get less than one below it has, nor more than one above", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a", { cpu: { max_limit: 1000 }, memory: { reservation: 20_000_000 } });
  const inner = await rig.create("/a/b", { cpu: { max_limit: 500 }, memory: { reservation: 10_000_000 } });
  await assert.rejects(outer.update({ cpu: { max_limit: 400 } }), {
    code: "FAILED_PRECONDITION",
    message: "cpu.max_limit 400 is less than that of `/a/b`, which is 500",
  });
  await assert.rejects(inner.update({ cpu: { max_limit: 1100 } }), { code: "OUT_OF_RANGE" });
  if (cgroupsOf(rig).version("memory") === 2) {
    await assert.rejects(outer.update({ memory: { reservation: 5_000_000 } }), {
      code: "FAILED_PRECONDITION",
      path: "/a/b",
    });
  }
  await outer.update({ cpu: { max_limit: 500 }, memory: { reservation: 10_000_000 } });
  await outer.update({ cpu: { max_limit: UNLIMITED } });
  await inner.update({ cpu: { max_limit: 1100 } });
});

test("owner and eviction_priority", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { eviction_priority: 1000 } });
  const old = await container.run(["sleep", "1000"], { stdio: "ignore" });
  const score = (pid: number) => readFileSync(`/proc/${pid}/oom_score_adj`, "utf8");
  await container.update({ owner: 65534, owner_group: 65533, memory: { eviction_priority: 2000 } });
  for (const path of rig.cgroups().filter(each => each.endsWith("/a")))
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [65534, 65533], path);
  const young = await container.run(["sleep", "1000"], { stdio: "ignore" });
  assert.deepEqual([score(old.pid), score(young.pid)], ["800\n", "600\n"]);
  // the compiled program too
  const said = await rig.command(["run", "/a", "cat", "/proc/self/oom_score_adj"]);
  assert.equal(said.stdout, "600\n");
  await container.update({ memory: { eviction_priority: 2000 } }, { mode: "replace" });
  for (const path of rig.cgroups().filter(each => each.endsWith("/a")))
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [0, 0], path);
});

test("what makes no sense is refused before anything is changed", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { limit: 50_000_000, swap_limit: 60_000_000 } });
  const before = everythingOf(rig.root, "/a");
  const refused: [ContainerSpecInput, string][] = [
    [{ memory: { limit: 70_000_000 } }, "INVALID_ARGUMENT"], // more than memory and swap together
    [{ memory: { limit: -1 } }, "INVALID_ARGUMENT"],
    [{ pids: { limit: 0 }, cpu: { limit: 1000 } }, "INVALID_ARGUMENT"],
    [{ network: {} }, "UNIMPLEMENTED"],
    [{ cpu: { mask: { data: [1n << 63n] } } }, "INVALID_ARGUMENT"],
    [{ memroy: {} } as ContainerSpecInput, "INVALID_ARGUMENT"],
  ];
  for (const [spec, code] of refused) {
    await assert.rejects(container.update(spec), { code });
    assert.deepEqual(everythingOf(rig.root, "/a"), before);
  }
  await assert.rejects(container.update({}, { mode: "add" as "diff" }), { code: "INVALID_ARGUMENT" });
  await assert.rejects((await rig.lmctfy.get("/")).update({}), { code: "FAILED_PRECONDITION" });
  await container.update({});
  assert.deepEqual(everythingOf(rig.root, "/a"), before);
  await container.destroy();
  await assert.rejects(container.update({}), { code: "NOT_FOUND" });
  rig.assertClean();
});

test("a failure half way changes nothing", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", {
    cpu: { scheduling_latency: "BEST_EFFORT", max_limit: 500 },
    memory: { limit: 50_000_000, swap_limit: 60_000_000, reservation: 10_000_000 },
    pids: { limit: 5 },
  });
  const before = everythingOf(rig.root, "/a");
  // written last, and read-only from now on
  const file = cgroupsOf(rig).controllerFile("/a", "pids", "pids.max")!;
  const mount = async (...args: string[]) => assert.equal((await execute("mount", args)).code, 0);
  await mount("--bind", file, file);
  try {
    await mount("-o", "remount,bind,ro", file);
    for (const spec of [
      {
        cpu: { scheduling_latency: "PREMIER" as const, max_limit: 250 },
        memory: { limit: 90_000_000, swap_limit: 90_000_000, reservation: 0 },
        pids: { limit: 7 },
      },
      { pids: { limit: 7 }, memory: { limit: 40_000_000, swap_limit: -1 } },
    ]) {
      for (const mode of ["diff", "replace"] as const) {
        await assert.rejects(container.update(spec, { mode }), { errno: "EROFS", path: file });
        assert.deepEqual(everythingOf(rig.root, "/a"), before);
      }
    }
  } finally {
    assert.equal((await execute("umount", [file])).code, 0);
  }
  assert.deepEqual(await rig.lmctfy.recover(), []);
  await container.update({ pids: { limit: 7 } });
  assert.equal((await container.spec()).pids!.limit, 7n);
});

test("updates at the same time: none is lost; a paused container can be updated", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await container.freeze();
  await Promise.all([
    container.update({ pids: { limit: 7 } }),
    container.update({ cpu: { limit: 100 } }),
    container.update({ cpu: { max_limit: 500 } }),
    container.update({ memory: { limit: 50_000_000 } }),
    container.update({ memory: { eviction_priority: 4000 } }),
    rig.command(["update", "/a", "cpu { scheduling_latency: NORMAL }"]),
  ]);
  assert.deepEqual(await container.spec(), {
    cpu: { limit: 100n, max_limit: 500n, scheduling_latency: "NORMAL" },
    memory: { limit: 50_000_000n, eviction_priority: 4000 },
    pids: { limit: 7n },
  });
  assert.equal(await container.state(), "frozen");
  await container.thaw();
  await assertLikeNew(rig, container);
});

/** A container has the settings that one has which is created with its spec. */
async function assertLikeNew(rig: Rig, container: Container, what = ""): Promise<void> {
  const twin = await rig.create("/twin", await container.spec());
  assert.deepEqual(controlFiles(rig.root, container.name), controlFiles(rig.root, "/twin"), what);
  await twin.destroy();
}

const text = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}` : v));

/** Control files, and of a cpuset what counts: where there are processes, version 2 lets none become empty again. */
function settingsOf(rig: Rig, name: string): Record<string, string> {
  const files = controlFiles(rig.root, name);
  for (const key of Object.keys(files).filter(each => /cpuset\.(cpus|mems)$/.test(each))) {
    const path = `${key.replace(" ", `/${placesOf(rig.root).subtree}${name}/`)}.effective`;
    if (existsSync(path)) files[key] = readFileSync(path, "utf8");
  }
  return files;
}

/** What a command in a container may do and has, beyond what control files say. */
async function insideOf(container: Container): Promise<string> {
  const script = [
    "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; ulimit -Sl; ulimit -Hs; cat /proc/self/oom_score_adj",
    "grep -E 'Cap|NoNew|Seccomp:' /proc/self/status",
    "for d in zero full; do (: < /dev/$d) && echo r; (: > /dev/$d) && echo w; done",
  ].join("; ");
  const command = await container.run(["sh", "-c", script], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  await command.exited;
  return out + error;
}

const REFUSALS = [
  "UNIMPLEMENTED",
  "INVALID_ARGUMENT",
  "OUT_OF_RANGE",
  "FAILED_PRECONDITION",
  "NOT_FOUND",
  "PERMISSION_DENIED",
];

test("many random updates: kernel and spec agree afterwards, or the old state stands", {
  timeout: 300_000,
}, async t => {
  await using rig = Rig.create();
  await using disk = await LoopDevice.create();
  await rig.create("/outer", { cpu: { cpus: "0" }, memory: { reservation: 60_000_000 } });
  const containers = [await rig.create("/a"), await rig.create("/outer/a")];
  await using _busy = await containers[1]!.run(["sleep", "1000"], { stdio: "ignore" });
  const count = Number(process.env.LMCTFY_UPDATES ?? (existsSync("/host/exchange") ? 80 : 2000));
  const seed = Number(process.env.LMCTFY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const specs = fc.sample(randomSpecs(disk.path), { seed, numRuns: count });
  const refused = new Map<string, number>();
  for (const [i, spec] of specs.entries()) {
    const container = containers[i % 2]!;
    const { name } = container;
    // Everything at once is hardly ever right: some change only a part.
    const mode = i % 5 === 0 ? "replace" : "diff";
    const given = i % 3 === 0 ? spec : Object.fromEntries(Object.entries(spec).slice(i % 4, (i % 4) + 2));
    const before = everythingOf(rig.root, name);
    const what = `LMCTFY_SEED=${seed}, update ${i} of ${name}: ${mode} ${text(given)} on ${before.spec}`;
    try {
      await container.update(given, { mode });
    } catch (error) {
      const { code } = error as LmctfyError;
      refused.set(code, (refused.get(code) ?? 0) + 1);
      assert.ok(REFUSALS.includes(code), `${what}: ${error}`);
      assert.deepEqual(everythingOf(rig.root, name), before, what);
      continue;
    }
    const twin = await rig.create(`${name}-twin`, await container.spec());
    assert.deepEqual(settingsOf(rig, name), settingsOf(rig, twin.name), what);
    if (i % 5 === 0) assert.equal(await insideOf(container), await insideOf(twin), what);
    await twin.destroy();
  }
  const total = [...refused.values()].reduce((sum, each) => sum + each, 0);
  t.diagnostic(`${total} of ${count} were refused: ${text(Object.fromEntries(refused))}`);
  assert.ok(total > count / 20 && total < count * 0.8, `${total} of ${count} were refused`);
});

test("kill -9 of update at random points: spec and cgroups agree after the next command", {
  timeout: 300_000,
}, async t => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const points = Number(process.env.LMCTFY_KILL_POINTS ?? 60);
  const specs = [
    "cpu:{limit:100 max_limit:500 scheduling_latency:PREMIER} memory:{limit:50000000 swap_limit:60000000} pids:{limit:5}",
    "cpu:{scheduling_latency:BEST_EFFORT} memory:{limit:80000000 reservation:1000000 eviction_priority:3000} owner:65534",
  ];
  let usual = Number.POSITIVE_INFINITY;
  for (const spec of [...specs, ...specs]) {
    const begin = performance.now();
    assert.equal((await rig.command(["update", "replace", "/a", spec])).code, 0);
    usual = Math.min(usual, performance.now() - begin);
  }
  const seen = new Set<string>();
  let hits = 0;
  for (let point = 0; point < points; point++) {
    const args = ["update", "replace", "/a", specs[(point + 1) % 2]!];
    const child = spawn(COMMAND, args, { env: { ...process.env, LMCTFY_ROOT: rig.root }, stdio: "ignore" });
    const exit = once(child, "exit");
    await Promise.race([exit, sleep(Math.random() * usual)]);
    child.kill("SIGKILL");
    const [code, signal] = await exit;
    assert.ok(signal === "SIGKILL" || code === 0, `point ${point}: ${code}`);
    if (signal === "SIGKILL") hits++;
    // the next command, whichever it is: the hot path, or one that looks
    if (point % 2) {
      const said = await rig.command(["run", "/a", "cat", "/proc/self/oom_score_adj"]);
      const priority = (await container.spec()).memory?.eviction_priority ?? 5000;
      assert.deepEqual([said.stdout, said.stderr], [`${(5000 - priority) / 5}\n`, ""], `point ${point}`);
    } else assert.deepEqual((await rig.command(["list"])).stderr, "");
    await assertLikeNew(rig, container, `point ${point}`);
    assert.deepEqual(readdirSync(join(rig.root, "lib/pending")), []);
    assert.ok(statSync(programFile(placesOf(rig.root), "/a")).size > 0);
    seen.add(text(await container.spec()));
    // half of the next ones change something again
    if (point % 4 === 3) await container.update({}, { mode: "replace" });
  }
  t.diagnostic(`${hits} of ${points} were killed before their end; ${seen.size} states`);
});

test("update, the command", async () => {
  await using rig = Rig.create();
  const quiet = { code: 0, signal: null, stdout: "", stderr: "" };
  await rig.create("/a", { pids: { limit: 5 } });
  assert.deepEqual(await rig.command(["update", "/a", "memory:{limit:50000000}"]), quiet);
  assert.deepEqual(await rig.command(["update", "diff", "/a", "pids:{limit:6}"]), quiet);
  const shown = (await rig.command(["spec", "/a"])).stdout;
  assert.equal(shown, "memory {\n  limit: 50000000\n}\npids {\n  limit: 6\n}\n");
  const said = await rig.command(["update", "replace", "/a", "-c", "-", "--json"], {
    input: "pids { limit: 7 }",
  });
  assert.deepEqual(said, { ...quiet, stdout: '{"name":"/a"}\n' });
  assert.equal((await rig.command(["spec", "/a"])).stdout, "pids {\n  limit: 7\n}\n");
  assert.equal((await rig.command(["run", "/a", TOOL, "forks", "20"])).stdout, "6 EAGAIN\n");
});
