import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { updateSets } from "./cpuset.ts";
import { cpu } from "./index.ts";

test("a mask and a list write the same", () => {
  using v1 = new FakeCgroups(SEPARATE_V1);
  using v2 = new FakeCgroups(PURE_V2);
  const of = (fake: FakeCgroups, spec: CpuSpec) => fake.lines(cpu.settings(spec, fake.cgroups, "/a"));
  for (const spec of [{ mask: { data: [0b1_0000_1111n] } }, { cpus: "8,0-3" }])
    assert.deepEqual(of(v1, spec), ["write cpuset/sub/a/cpuset.cpus 0-3,8"]);
  assert.deepEqual(of(v2, { cpus: "0,1", mems: "0-1" }), [
    "write unified/sub/a/cpuset.cpus 0-1",
    "write unified/sub/a/cpuset.mems 0-1",
  ]);
  assert.deepEqual(of(v2, { cpus: "", mems: " " }), []);
});

test("what cannot be is refused, with what can be", () => {
  for (const [machine, cpus, mems] of [
    [SEPARATE_V1, "cpuset/cpuset.effective_cpus", "cpuset/cpuset.effective_mems"],
    [PURE_V2, "unified/cpuset.cpus.effective", "unified/cpuset.mems.effective"],
  ] as const) {
    using fake = new FakeCgroups(machine, { [cpus]: "0-3,8\n", [mems]: "0-1\n" });
    const check = (spec: CpuSpec) => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" });
    const refused = (spec: CpuSpec, message: string) =>
      assert.throws(() => check(spec), { code: "INVALID_ARGUMENT", message });
    check({ cpus: "0-3,8", mems: "0,1" });
    check({ cpus: "", mems: "" });
    refused({ mask: {} }, "cpu.mask names no CPU");
    refused({ mask: { data: [0n] } }, "cpu.mask names no CPU");
    refused(
      { mask: { data: [1n, 0b1_0011_0000n] } },
      "cpu.mask names CPUs 4-5,64, which this machine does not have: it has 0-3,8",
    );
    refused({ cpus: "7-8" }, "cpu.cpus names CPU 7, which this machine does not have: it has 0-3,8");
    refused({ mems: "1-3" }, "cpu.mems names memory nodes 2-3, which this machine does not have: it has 0-1");
    refused({ cpus: "all" }, 'cpu.cpus "all" is no list of numbers');
    refused({ mems: "3-1" }, 'cpu.mems "3-1" is no list of numbers');
    refused(
      { mask: { data: [1n] }, cpus: "0" },
      "cpu.mask and cpu.cpus both say which CPUs: give one of them",
    );
  }
});

test("a container gets no CPU and no memory node that its parent does not have", () => {
  using v1 = new FakeCgroups(SEPARATE_V1, {
    "cpuset/cpuset.effective_cpus": "0-3\n",
    "cpuset/cpuset.effective_mems": "0-1\n",
    "cpuset/sub/a/cpuset.effective_cpus": "1\n",
    "cpuset/sub/a/cpuset.effective_mems": "0\n",
  });
  using v2 = new FakeCgroups(PURE_V2, {
    "unified/cpuset.cpus.effective": "0-3\n",
    "unified/cpuset.mems.effective": "0-1\n",
    "unified/sub/a/cpuset.cpus.effective": "1\n",
    "unified/sub/a/cpuset.mems.effective": "0\n",
  });
  for (const { cgroups } of [v1, v2]) {
    const check = (name: string, spec: CpuSpec) => cpu.check(spec, { cgroups, name });
    check("/c", { mask: { data: [4n] }, mems: "1" });
    check("/a/c", { mask: { data: [2n] }, mems: "0" });
    assert.throws(() => check("/a/c", { mask: { data: [4n] } }), {
      code: "INVALID_ARGUMENT",
      message: "cpu.mask names CPU 2, which `/a` does not have: it has 1",
    });
    assert.throws(() => check("/a/c", { mems: "1" }), {
      code: "INVALID_ARGUMENT",
      message: "cpu.mems names memory node 1, which `/a` does not have: it has 0",
    });
  }
});

test("what a container below has of its own stays", () => {
  using fake = new FakeCgroups(PURE_V2);
  const below = [{ name: "/a/b", spec: { cpu: { cpus: "1-2", mems: "1" } } }];
  const checkBelow = (spec: CpuSpec) => cpu.checkBelow!(spec, { cgroups: fake.cgroups, name: "/a", below });
  checkBelow({});
  checkBelow({ cpus: "0-2", mems: "0-1" });
  assert.throws(() => checkBelow({ mask: { data: [3n] } }), {
    code: "FAILED_PRECONDITION",
    message: "cpu.mask lacks CPU 2, which `/a/b` has",
    path: "/a/b",
  });
  assert.throws(() => checkBelow({ mems: "0" }), {
    code: "FAILED_PRECONDITION",
    message: "cpu.mems lacks memory node 1, which `/a/b` has",
  });
});

test("v1: memory nodes below change along, as CPUs do", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "cpuset/sub/cpuset.mems": "0-1\n",
    "cpuset/sub/a/cpuset.mems": "0\n",
    "cpuset/sub/a/b/cpuset.mems": "0\n",
  });
  const below = [{ name: "/a/b", spec: {} }];
  const steps = (spec: CpuSpec) => fake.lines(updateSets(spec, { cgroups: fake.cgroups, name: "/a", below }));
  assert.deepEqual(steps({ mems: "1" }), [
    "write cpuset/sub/a/cpuset.mems 0-1",
    "write cpuset/sub/a/b/cpuset.mems 0-1",
    "write cpuset/sub/a/b/cpuset.mems 1",
    "write cpuset/sub/a/cpuset.mems 1",
  ]);
  assert.deepEqual(steps({}), ["write cpuset/sub/a/cpuset.mems 0-1", "write cpuset/sub/a/b/cpuset.mems 0-1"]);
});

test("v2: memory nodes go back to those of the parent", () => {
  using fake = new FakeCgroups(PURE_V2, { "unified/sub/a/cpuset.mems": "1\n" });
  const steps = () => fake.lines(updateSets({}, { cgroups: fake.cgroups, name: "/a", below: [] }));
  assert.deepEqual(steps(), ["write unified/sub/a/cpuset.mems \n"]);
  fake.write("unified/sub/a/cgroup.events", "populated 1\nfrozen 0\n");
  assert.match(steps()[0]!, /cpuset\.mems 0/);
});

test("a missing controller is said", () => {
  using fake = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  for (const spec of [{ mask: { data: [1n] } }, { cpus: "0" }, { mems: "0" }]) {
    assert.throws(() => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" }), {
      code: "FAILED_PRECONDITION",
      message: /^cpu\.(mask|cpus|mems) needs the cpuset controller/,
    });
  }
});
