import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CO_MOUNTED_V1, FakeCgroups, HYBRID, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";
import { openCgroups, parseOomKills } from "./driver.ts";

const CPUSET = { "cpuset/cpuset.cpus": "0-7\n", "cpuset/cpuset.mems": "0-1\n" };

test("v2: controllers are enabled from the mount down to the subtree, once", () => {
  using fake = new FakeCgroups(PURE_V2, { "unified/cgroup.subtree_control": "cpu pids\n" });
  assert.deepEqual(fake.lines(fake.cgroups.rootSteps()), [
    "write unified/cgroup.subtree_control +cpuset +io +memory",
    "mkdir unified/sub",
    "write unified/sub/cgroup.subtree_control +cpu +cpuset +io +memory +pids",
  ]);
  fake.write("unified/sub/cgroup.subtree_control", "cpuset cpu io memory hugetlb pids\n");
  assert.deepEqual(fake.cgroups.rootSteps(), []);
  fake.write("unified/sub/cgroup.subtree_control", "cpuset cpu io memory\n");
  assert.deepEqual(
    fake.lines(fake.cgroups.rootSteps()).at(-1),
    "write unified/sub/cgroup.subtree_control +pids",
  );
});

test("v2: a container is a directory and a leaf; its parent gives it controllers only now", () => {
  using fake = new FakeCgroups(PURE_V2);
  assert.deepEqual(fake.lines(fake.cgroups.directorySteps("/a")), [
    "mkdir unified/sub/a",
    "mkdir unified/sub/a/_tasks",
  ]);
  fake.write("unified/sub/a/cgroup.subtree_control", "\n");
  assert.deepEqual(fake.lines(fake.cgroups.directorySteps("/a/b")), [
    "write unified/sub/a/cgroup.subtree_control +cpu +cpuset +io +memory +pids",
    "mkdir unified/sub/a/b",
    "mkdir unified/sub/a/b/_tasks",
  ]);
  fake.write("unified/sub/a/cgroup.subtree_control", "cpuset cpu io memory pids\n");
  assert.deepEqual(fake.lines(fake.cgroups.directorySteps("/a/c")), [
    "mkdir unified/sub/a/c",
    "mkdir unified/sub/a/c/_tasks",
  ]);
});

test("v1: the subtree of a cpuset is seeded from above and hands its CPUs on, everything else is just made", () => {
  using fake = new FakeCgroups(CO_MOUNTED_V1, CPUSET);
  assert.deepEqual(fake.lines(fake.cgroups.rootSteps()), [
    "mkdir cpuset/sub",
    "write cpuset/sub/cgroup.clone_children 1",
    "write cpuset/sub/cpuset.mems 0-1",
    "write cpuset/sub/cpuset.cpus 0-7",
    "mkdir pids/sub",
    "mkdir memory/sub",
    "mkdir cpu,cpuacct/sub",
  ]);
  fake.apply(fake.cgroups.rootSteps());
  assert.deepEqual(fake.cgroups.rootSteps(), []);
  assert.deepEqual(fake.lines(fake.cgroups.directorySteps("/a/b")), [
    "mkdir cpuset/sub/a/b",
    "mkdir pids/sub/a/b",
    "mkdir memory/sub/a/b",
    "mkdir cpu,cpuacct/sub/a/b",
  ]);
});

test("v1: a set-up that was cut short is finished", () => {
  using fake = new FakeCgroups({ mounts: { cpuset: 1 } }, { ...CPUSET, "cpuset/sub/cpuset.cpus": "\n" });
  assert.deepEqual(fake.lines(fake.cgroups.rootSteps()), [
    "mkdir cpuset/sub",
    "write cpuset/sub/cgroup.clone_children 1",
    "write cpuset/sub/cpuset.mems 0-1",
    "write cpuset/sub/cpuset.cpus 0-7",
  ]);
});

test("v1: limits bind children also where the kernel has to be asked for it", () => {
  using old = new FakeCgroups({ mounts: { memory: 1 } }, { "memory/memory.use_hierarchy": "0\n" });
  assert.deepEqual(old.lines(old.cgroups.rootSteps()), [
    "mkdir memory/sub",
    "write memory/sub/memory.use_hierarchy 1",
  ]);
  old.write("memory/sub/memory.use_hierarchy", "1\n");
  assert.deepEqual(old.cgroups.rootSteps(), []);
  using recent = new FakeCgroups({ mounts: { memory: 1 } }, { "memory/memory.use_hierarchy": "1\n" });
  assert.deepEqual(recent.lines(recent.cgroups.rootSteps()), ["mkdir memory/sub"]);
});

test("a subtree of several levels", () => {
  using v1 = new FakeCgroups({ mounts: { cpuset: 1 } }, CPUSET);
  const deep1 = openCgroups({ subtree: "x.slice/sub", layout: v1.layout });
  assert.deepEqual(v1.lines(deep1.rootSteps()), [
    "mkdir cpuset/x.slice",
    "write cpuset/x.slice/cgroup.clone_children 1",
    "write cpuset/x.slice/cpuset.mems 0-1",
    "write cpuset/x.slice/cpuset.cpus 0-7",
    "mkdir cpuset/x.slice/sub",
    "write cpuset/x.slice/sub/cgroup.clone_children 1",
    "write cpuset/x.slice/sub/cpuset.mems 0-1",
    "write cpuset/x.slice/sub/cpuset.cpus 0-7",
  ]);
  using v2 = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  const deep2 = openCgroups({ subtree: "x.slice/sub", layout: v2.layout });
  assert.deepEqual(v2.lines(deep2.rootSteps()), [
    "write unified/cgroup.subtree_control +pids",
    "mkdir unified/x.slice",
    "write unified/x.slice/cgroup.subtree_control +pids",
    "mkdir unified/x.slice/sub",
    "write unified/x.slice/sub/cgroup.subtree_control +pids",
  ]);
});

test("entering: v2 at birth, v1 with the freezer first, memory and cpu last", () => {
  using v2 = new FakeCgroups(PURE_V2);
  assert.deepEqual(v2.cgroups.enter("/a"), { cloneInto: join(v2.path, "unified/sub/a/_tasks"), procs: [] });
  using v1 = new FakeCgroups(SEPARATE_V1);
  const entry = v1.cgroups.enter("/a/b");
  assert.equal(entry.cloneInto, undefined);
  assert.deepEqual(
    entry.procs.map(path => v1.short(path)),
    ["freezer", "cpuacct", "cpuset", "devices", "pids", "memory", "cpu"].map(name => `${name}/sub/a/b/tasks`),
  );
  using hybrid = new FakeCgroups(HYBRID);
  assert.equal(hybrid.cgroups.enter("/a").procs.length, 4);
  assert.equal(hybrid.cgroups.enter("/a").cloneInto, join(hybrid.path, "unified/sub/a/_tasks"));
  assert.throws(() => hybrid.cgroups.enter("/"), { code: "INVALID_ARGUMENT" });
});

test("owners get directories and the files for moving tasks, not the limits", () => {
  using v2 = new FakeCgroups(PURE_V2);
  assert.deepEqual(v2.lines(v2.cgroups.ownerSteps("/a", { uid: 1000, gid: 50 })), [
    "chown unified/sub/a 1000:50",
    "chown unified/sub/a/cgroup.procs 1000:50",
    "chown unified/sub/a/cgroup.threads 1000:50",
    "chown unified/sub/a/cgroup.subtree_control 1000:50",
    "chown unified/sub/a/_tasks 1000:50",
    "chown unified/sub/a/_tasks/cgroup.procs 1000:50",
    "chown unified/sub/a/_tasks/cgroup.threads 1000:50",
    "chown unified/sub/a/_tasks/cgroup.subtree_control 1000:50",
  ]);
  using v1 = new FakeCgroups({ mounts: { memory: 1 } });
  assert.deepEqual(v1.lines(v1.cgroups.ownerSteps("/a", { uid: 0 })), [
    "chown memory/sub/a 0:-1",
    "chown memory/sub/a/tasks 0:-1",
    "chown memory/sub/a/cgroup.procs 0:-1",
  ]);
  assert.deepEqual(v1.cgroups.ownerSteps("/a", {}), []);
});

test("existence, children and strays", () => {
  using fake = new FakeCgroups(HYBRID);
  fake.mkdir("unified/sub/a/_tasks/x", "unified/sub/a/b/_tasks", "unified/sub/c", "unified/sub/_tasks");
  fake.mkdir("memory/sub/a", "memory/sub/left/over", "memory/elsewhere/d");
  const { cgroups } = fake;
  assert.equal(cgroups.exists("/"), true);
  assert.equal(cgroups.exists("/a/b"), true);
  assert.equal(cgroups.exists("/left"), false);
  assert.deepEqual(cgroups.children("/"), ["/a", "/c"]);
  assert.deepEqual(cgroups.children("/a"), ["/a/b"]);
  assert.deepEqual(cgroups.children("/nope"), []);
  assert.deepEqual(cgroups.strays(), ["/a", "/a/b", "/c", "/left", "/left/over"]);
});

test("processes and threads: the container's own, or all below", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cgroup.procs": "",
    "unified/sub/a/_tasks/cgroup.procs": "12\n7\n",
    "unified/sub/a/_tasks/cgroup.threads": "12\n7\n13\n",
    "unified/sub/a/_tasks/inner/cgroup.procs": "0\n5\n",
    "unified/sub/a/b/_tasks/cgroup.procs": "9\n7\n",
  });
  assert.deepEqual(fake.cgroups.pids("/a"), [5, 7, 12]);
  assert.deepEqual(fake.cgroups.pids("/a", { recursive: true }), [5, 7, 9, 12]);
  assert.deepEqual(fake.cgroups.tids("/a"), [7, 12, 13]);
  assert.deepEqual(fake.cgroups.pids("/gone"), []);
  using v1 = new FakeCgroups(SEPARATE_V1, {
    "freezer/sub/a/cgroup.procs": "3\n",
    "freezer/sub/a/tasks": "3\n4\n",
    "freezer/sub/a/b/cgroup.procs": "5\n",
    "memory/sub/a/cgroup.procs": "99\n",
  });
  assert.deepEqual(v1.cgroups.pids("/a"), [3]);
  assert.deepEqual(v1.cgroups.tids("/a"), [3, 4]);
  assert.deepEqual(v1.cgroups.pids("/", { recursive: true }), [3, 5]);
});

test("where kills for memory are counted", () => {
  using v2 = new FakeCgroups(PURE_V2, {
    "unified/sub/a/memory.events": "",
    "unified/sub/a/b/_tasks/cgroup.procs": "",
  });
  assert.equal(v2.short(v2.cgroups.oomFile("/a/b") ?? ""), "unified/sub/a/memory.events");
  assert.equal(v2.cgroups.oomFile("/c"), undefined);
  using v1 = new FakeCgroups(HYBRID);
  assert.equal(v1.short(v1.cgroups.oomFile("/a/b") ?? ""), "memory/sub/a/b/memory.oom_control");
  using without = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  assert.equal(without.cgroups.oomFile("/a"), undefined);
  assert.equal(parseOomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
  assert.equal(parseOomKills("low 0\nhigh 0\nmax 71\noom 3\noom_kill 12\noom_group_kill 1\n"), 12);
  assert.equal(parseOomKills("oom_kill_disable 0\nunder_oom 0\n"), 0);
});

test("control files are where their controller is", () => {
  using fake = new FakeCgroups(HYBRID);
  const { cgroups } = fake;
  assert.equal(fake.short(cgroups.controllerFile("/a", "cpuacct", "f")!), "cpu,cpuacct/sub/a/f");
  assert.equal(fake.short(cgroups.controllerFile("/", "pids", "f")!), "unified/sub/f");
  assert.equal(cgroups.controllerFile("/a", "rdma", "f"), undefined);
  assert.deepEqual(
    [cgroups.version("pids"), cgroups.version("memory"), cgroups.version("io")],
    [2, 1, undefined],
  );
  assert.equal(fake.short(cgroups.unifiedFile("/a", "cpu.pressure")!), "unified/sub/a/cpu.pressure");
});

test("removing takes all that is in it, in every hierarchy, and nothing else", async () => {
  using fake = new FakeCgroups(HYBRID);
  fake.mkdir(
    "unified/sub/a/_tasks/x/y",
    "unified/sub/a/b/_tasks",
    "memory/sub/a/b/odd:name",
    "memory/sub/ab",
  );
  await fake.cgroups.remove("/a");
  for (const gone of ["unified/sub/a", "memory/sub/a"])
    assert.equal(existsSync(join(fake.path, gone)), false);
  assert.equal(existsSync(join(fake.path, "memory/sub/ab")), true);
  await fake.cgroups.remove("/a");
  for (const name of ["/", "/..", "..", "", "/a/../../x"]) {
    await assert.rejects(fake.cgroups.remove(name), { code: "INVALID_ARGUMENT" }, name);
  }
  fake.cgroups.removeRootIfEmpty();
  assert.equal(existsSync(join(fake.path, "unified/sub")), false);
  assert.equal(existsSync(join(fake.path, "memory/sub")), true);
  mkdirSync(join(fake.path, "unified/sub"));
  await fake.cgroups.remove("/ab");
  fake.cgroups.removeRootIfEmpty();
  assert.equal(existsSync(join(fake.path, "memory/sub")), false);
});

test("a machine without cgroups says so", () => {
  const cgroups = openCgroups({ layout: { kind: "none", hierarchies: [], disabled: [] } });
  assert.deepEqual(cgroups.rootSteps(), []);
  assert.throws(() => cgroups.exists("/a"), { code: "FAILED_PRECONDITION" });
});
