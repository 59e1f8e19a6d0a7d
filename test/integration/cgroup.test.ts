/** The cgroup drivers on this machine's kernel: what processes meet. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseOomKills } from "../../src/cgroup/driver.ts";
import { type CgroupLayout, readLayout } from "../../src/cgroup/layout.ts";
import { applySteps, writeControl } from "../../src/cgroup/steps.ts";
import { collectStats } from "../../src/resources/index.ts";
import { eventually, TOOL } from "../rig/rig.ts";
import { Subtree } from "./cgroup-rig.ts";

/** The version 1 part of this machine; undefined where there is none. */
function v1Only(): CgroupLayout | undefined {
  const layout = readLayout();
  const hierarchies = layout.hierarchies.filter(hierarchy => hierarchy.version === 1);
  return hierarchies.length === 0 ? undefined : { ...layout, kind: "v1", hierarchies };
}

const NO_V1 = "no cgroup v1 hierarchy on this machine";
const SLEEP = ["sleep", "1000"];

test("a process in a container is in it in every hierarchy, and found there", async () => {
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  subtree.create("/a");
  subtree.create("/a/b");
  const child = await subtree.start("/a/b", SLEEP);
  const lines = readFileSync(`/proc/${child.pid}/cgroup`, "utf8").split("\n");
  for (const { version, controllers } of cgroups.layout.hierarchies) {
    const mine = lines.find(line =>
      version === 2 ? line.startsWith("0::") : line.split(":")[1]?.split(",").includes(controllers[0]!),
    );
    const path = `/${cgroups.subtree}/a/b${version === 2 ? "/_tasks" : ""}`;
    assert.ok(mine?.endsWith(path), `${controllers}: ${mine}`);
  }
  assert.equal(cgroups.detect(child.pid), "/a/b");
  assert.equal(cgroups.detect("self"), "/");
  assert.deepEqual(cgroups.pids("/a/b"), [child.pid]);
  assert.deepEqual(cgroups.tids("/a/b"), [child.pid]);
  assert.deepEqual(cgroups.pids("/a"), []);
  assert.deepEqual(cgroups.pids("/a", { recursive: true }), [child.pid]);
  assert.deepEqual(cgroups.children("/"), ["/a"]);
  await cgroups.kill("/a");
  assert.deepEqual(cgroups.pids("/a", { recursive: true }), []);
  assert.equal((await child.ended).signal, "SIGKILL");
  await cgroups.kill("/a");
});

test("memory.limit: the hog is killed, and counted", async () => {
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  subtree.create("/a", { memory: { limit: 50_000_000n } });
  const kills = () => parseOomKills(readFileSync(cgroups.oomFile("/a")!, "utf8"));
  assert.equal((await subtree.tool("/a", "memhog", "20000000")).stdout, "used 20000000\n");
  assert.equal(kills(), 0);
  assert.equal((await subtree.tool("/a", "memhog", "200000000")).signal, "SIGKILL");
  assert.equal(kills(), 1);
  const { memory } = collectStats(cgroups, "/a", "full");
  assert.equal(memory!.oom_kill_count, 1n);
  assert.ok(memory!.fail_count! > 0n);
  assert.ok(memory!.limit! > 49_000_000n && memory!.limit! <= 50_000_000n);
  assert.equal(memory!.effective_limit, memory!.limit);
  if (memory!.max_usage !== undefined) assert.ok(memory!.max_usage > 45_000_000n);
});

test("a container above limits those below, also while it runs tasks of its own", async () => {
  await using subtree = new Subtree();
  subtree.create("/a", { memory: { limit: 50_000_000n }, pids: { limit: 10n } });
  await subtree.start("/a", SLEEP);
  subtree.create("/a/b", { memory: { limit: 500_000_000n }, pids: { limit: 500n } });
  assert.equal((await subtree.tool("/a/b", "memhog", "200000000")).signal, "SIGKILL");
  assert.match((await subtree.tool("/a/b", "forks", "20")).stdout, /^8 EAGAIN$/m);
  const { memory } = collectStats(subtree.cgroups, "/a/b", "summary");
  assert.ok(memory!.effective_limit! <= 50_000_000n, `effective limit ${memory!.effective_limit}`);
});

test("memory.swap_limit, or a word on why not", async t => {
  await using subtree = new Subtree();
  const spec = { memory: { limit: 50_000_000n, swap_limit: 60_000_000n } };
  try {
    subtree.create("/a", spec);
  } catch (error) {
    assert.equal((error as { code: string }).code, "FAILED_PRECONDITION");
    assert.match((error as { hint: string }).hint, /swapaccount=1/);
    return t.skip("this kernel does not count swap");
  }
  const limit = collectStats(subtree.cgroups, "/a", "full").memory!.swap_limit!;
  assert.ok(limit > 59_000_000n && limit <= 60_000_000n, `swap limit ${limit}`);
});

test("memory.reservation: what is reserved stays when memory is reclaimed", { timeout: 60_000 }, async t => {
  const layout = readLayout();
  await using subtree = new Subtree(layout, "/sub");
  const { cgroups } = subtree;
  const unified = layout.hierarchies.find(({ version }) => version === 2);
  // Above the subtree, as when the whole machine is short of memory, but without the rest of the machine.
  const reclaim = `${unified?.mountPoint}/${subtree.top}/memory.reclaim`;
  if (!existsSync(reclaim))
    return t.skip("this kernel cannot be told to reclaim memory (v1, or before 5.19)");
  const scratch = mkdtempSync(join(tmpdir(), "lmctfy-reclaim-"));
  try {
    const megabytes = 24;
    // Hardly more than is used, for the kernel may share out what is reserved and not used (memory_recursiveprot).
    subtree.create("/kept", { memory: { reservation: 26_000_000n } });
    subtree.create("/taken");
    for (const name of ["/kept", "/taken"]) {
      const write = `dd if=/dev/zero of=${scratch}${name} bs=1M count=${megabytes} conv=fsync 2>/dev/null`;
      await (await subtree.start(name, ["sh", "-c", write])).ended;
    }
    const cache = (name: string) =>
      Number(collectStats(cgroups, name, "full").memory!.hierarchical_data!.cache!);
    if (cache("/kept") < megabytes * 1e6)
      return t.skip(`${scratch} is on a file system without a page cache`);
    // In small bites: what is reserved is taken too when there is nothing else left.
    for (let bite = 0; bite < 100 && cache("/taken") > (megabytes * 1e6) / 2; bite++) {
      writeControl(reclaim, "1M");
    }
    assert.ok(cache("/kept") > megabytes * 1e6, `kept ${cache("/kept")}`);
    assert.ok(cache("/taken") < (megabytes * 1e6) / 2, `taken ${cache("/taken")}`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test("pids.limit: fork is refused, and counted", async () => {
  await using subtree = new Subtree();
  subtree.create("/a", { pids: { limit: 6n } });
  assert.equal((await subtree.tool("/a", "forks", "20")).stdout, "5 EAGAIN\n");
  const { pids } = collectStats(subtree.cgroups, "/a", "full");
  assert.equal(pids!.limit, 6n);
  assert.ok(pids!.fail_count! >= 1n);
});

test("cpu.max_limit: a busy loop is throttled, and its time is counted", async () => {
  await using subtree = new Subtree();
  subtree.create("/a", { cpu: { max_limit: 200n } });
  // What the shell used on its way into the container does not count: it is over when the part that counts begins.
  const start = Date.now() / 1000 + 1.5;
  const { stdout } = await subtree.tool("/a", "race", String(start), String(start + 1.5));
  assert.ok(Number(stdout) < 1.5 * 0.45 * 1000, `got ${stdout} ms of 1500`);
  const { cpu } = collectStats(subtree.cgroups, "/a", "full");
  assert.ok(cpu!.throttling_data!.throttled_periods! >= 2n);
  assert.ok(cpu!.throttling_data!.throttled_time! > 0n);
  const milliseconds = Number(cpu!.usage!.total! / 1_000_000n);
  assert.ok(milliseconds > Number(stdout) - 50, `${milliseconds} ms counted, ${stdout} ms used`);
});

test("cpu.mask: below a container that has one CPU there is no other", async () => {
  await using subtree = new Subtree();
  subtree.create("/a", { cpu: { mask: { data: [1n] } } });
  subtree.create("/a/b");
  for (const name of ["/a", "/a/b"]) {
    assert.match((await subtree.tool(name, "status", "Cpus_allowed_list")).stdout, /:\t0$/m);
  }
  assert.throws(() => subtree.create("/a/c", { cpu: { mask: { data: [2n] } } }), {
    code: "INVALID_ARGUMENT",
  });
  assert.equal(subtree.cgroups.exists("/a/c"), false);
});

test("scheduling_latency: the kernel takes all four", async () => {
  await using subtree = new Subtree();
  for (const scheduling_latency of ["BEST_EFFORT", "NORMAL", "PRIORITY", "PREMIER"] as const) {
    subtree.create(`/${scheduling_latency}`, { cpu: { scheduling_latency, limit: 100_000n } });
  }
  const idle = subtree.cgroups.controllerFile("/BEST_EFFORT", "cpu", "cpu.idle")!;
  if (existsSync(idle)) assert.equal(readFileSync(idle, "utf8"), "1\n");
});

test("a parent that does not exist is named, and nothing is left", async () => {
  await using subtree = new Subtree();
  assert.throws(() => subtree.create("/no/child"), {
    code: "FAILED_PRECONDITION",
    hint: "Its parent `/no` does not exist.",
  });
  assert.deepEqual(subtree.cgroups.strays(), []);
  subtree.create("/a");
  assert.throws(() => subtree.create("/a"), { code: "ALREADY_EXISTS" });
  assert.deepEqual(subtree.cgroups.strays(), ["/a"]);
});

test("a value that the kernel refuses undoes the container", async () => {
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  const path = cgroups.controllerFile("/a", "pids", "pids.max")!;
  const bad = { op: "write", path, value: "many", stage: "setting pids.limit" } as const;
  assert.throws(() => applySteps([...cgroups.directorySteps("/a"), bad]), {
    code: "UNAVAILABLE",
    message: `write \`${path}\` "many": EINVAL (while setting pids.limit)`,
  });
  assert.deepEqual(cgroups.strays(), []);
});

test("v2: processes where none may be are told from other trouble", async t => {
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  const hierarchy = cgroups.layout.hierarchies.find(({ version }) => version === 2);
  if (cgroups.version("pids") !== 2)
    return t.skip("the v2 hierarchy of this machine has no controllers to give");
  subtree.create("/a");
  const child = await subtree.start("/a", SLEEP);
  writeControl(`${hierarchy!.mountPoint}/${cgroups.subtree}/a/cgroup.procs`, String(child.pid));
  assert.throws(() => subtree.create("/a/b"), { code: "FAILED_PRECONDITION", hint: /move the processes/ });
});

for (const [where, layout] of [
  ["as the machine is", readLayout()],
  ["with version 1 only", v1Only()],
] as const) {
  test(`a fork bomb dies (${where})`, { timeout: 60_000 }, async t => {
    if (layout === undefined) return t.skip(NO_V1);
    await using subtree = new Subtree(layout);
    subtree.create("/a", { pids: { limit: 300n } });
    subtree.create("/a/b");
    await subtree.start("/a/b", [TOOL, "forkbomb"]);
    await eventually(
      () => subtree.cgroups.pids("/a/b").length,
      count => count > 200,
      "the bomb grows",
    );
    await subtree.cgroups.kill("/a");
    assert.deepEqual(subtree.cgroups.pids("/a", { recursive: true }), []);
    await subtree.cgroups.remove("/a");
    assert.deepEqual(subtree.cgroups.strays(), []);
  });

  test(`a paused container can be killed (${where})`, async t => {
    if (layout === undefined) return t.skip(NO_V1);
    await using subtree = new Subtree(layout);
    const { cgroups } = subtree;
    subtree.create("/a");
    subtree.create("/a/b");
    const child = await subtree.start("/a/b", SLEEP);
    for (const name of ["/a", "/a/b"]) {
      const frozen1 = cgroups.controllerFile(name, "freezer", "freezer.state");
      const frozen2 = cgroups.unifiedFile(name, "cgroup.freeze");
      if (frozen1) writeControl(frozen1, "FROZEN");
      if (frozen2) writeControl(frozen2, "1");
    }
    await cgroups.kill("/a");
    assert.equal((await child.ended).signal, "SIGKILL");
  });
}

test("v1: what a paused container above keeps from dying is said", async t => {
  const layout = v1Only();
  if (layout === undefined) return t.skip(NO_V1);
  await using subtree = new Subtree(layout);
  const { cgroups } = subtree;
  subtree.create("/a");
  subtree.create("/a/b");
  const child = await subtree.start("/a/b", SLEEP);
  writeControl(cgroups.controllerFile("/a", "freezer", "freezer.state")!, "FROZEN");
  await assert.rejects(cgroups.kill("/a/b", { timeout: 200 }), {
    code: "FAILED_PRECONDITION",
    message: new RegExp(`${child.pid} \\(\\w+, .+\\)`), // sh, or already sleep
    hint: "A container above it is paused, and the frozen cannot die: resume that one.",
  });
});

test("a process that is in one hierarchy only is killed as well", async t => {
  const layout = readLayout();
  const memory = layout.hierarchies.find(
    ({ version, controllers }) => version === 1 && controllers.includes("memory"),
  );
  if (memory === undefined) return t.skip(NO_V1);
  await using subtree = new Subtree();
  subtree.create("/a");
  const child = await subtree.start("/a", SLEEP);
  // As if it had been killed half way into the container, or somebody had moved it about.
  for (const { mountPoint } of layout.hierarchies) {
    if (mountPoint !== memory.mountPoint) writeControl(`${mountPoint}/cgroup.procs`, String(child.pid));
  }
  assert.equal(subtree.cgroups.detect(child.pid), "/");
  await subtree.cgroups.kill("/a");
  assert.equal((await child.ended).signal, "SIGKILL");
});

test("removing a container that is in use names who uses it", { timeout: 30_000 }, async () => {
  await using subtree = new Subtree();
  subtree.create("/a");
  const child = await subtree.start("/a", SLEEP);
  await assert.rejects(subtree.cgroups.remove("/a"), {
    code: "FAILED_PRECONDITION",
    message: new RegExp(`processes in it: ${child.pid}$`),
  });
});

test("an owner manages what is below the container, and cannot lift its limits", async t => {
  if (process.getuid?.() !== 0) return t.skip("handing over needs root");
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  subtree.create("/a", { owner: 1234n, owner_group: 1234n, pids: { limit: 20n } });
  const limit = cgroups.controllerFile("/a", "pids", "pids.max")!;
  const inner = cgroups.layout.hierarchies.map(({ mountPoint }) => `${mountPoint}/${cgroups.subtree}/a/mine`);
  const script = `mkdir ${inner.join(" ")} && echo made; echo max 2>/dev/null > ${limit} || echo refused`;
  const owner = spawnSync("sh", ["-c", script], { uid: 1234, gid: 1234, encoding: "utf8" });
  assert.equal(owner.stdout, "made\nrefused\n");
  assert.deepEqual(cgroups.children("/a"), ["/a/mine"]);
  assert.equal(collectStats(cgroups, "/a", "summary").pids!.limit, 20n);
});

test("many containers at once", { timeout: 60_000 }, async () => {
  await using subtree = new Subtree();
  const { cgroups } = subtree;
  await Promise.all(
    Array.from({ length: 25 }, async (_, index) => {
      const name = `/c${index}`;
      subtree.create(name, { memory: { limit: 50_000_000n }, pids: { limit: 10n } });
      const child = await subtree.start(name, SLEEP);
      assert.equal(cgroups.detect(child.pid), name);
      await cgroups.kill(name);
      await cgroups.remove(name);
    }),
  );
  assert.deepEqual(cgroups.strays(), []);
});
