import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { cpu } from "./index.ts";
import { weightFor } from "./weight.ts";

const settings = (fake: FakeCgroups, spec: CpuSpec) => fake.lines(cpu.settings(spec, fake.cgroups, "/a"));
const weight = (limit: bigint, version: 1 | 2) => weightFor({ limit }, version).value;

test("one CPU weighs what a container without a limit does, and twice as much is twice as much", () => {
  for (const [limit, shares, weight2] of [
    [1000n, 1024n, 100n],
    [2000n, 2048n, 200n],
    [500n, 512n, 50n],
    [100n, 102n, 10n],
    [15n, 15n, 2n],
    [14n, 14n, 1n],
    [1n, 2n, 1n],
    [0n, 2n, 1n],
    [100_000n, 102_400n, 10_000n],
  ] as const) {
    assert.equal(weight(limit, 1), shares, `${limit} in version 1`);
    assert.equal(weight(limit, 2), weight2, `${limit} in version 2`);
  }
  assert.equal(weightFor({}, 1).value, 1024n);
  assert.equal(weightFor({}, 2).value, 100n);
});

test("proportions are kept, as far as whole numbers keep them", () => {
  const limit = fc.bigInt(100n, 100_000n);
  fc.assert(
    fc.property(limit, limit, fc.constantFrom(1 as const, 2 as const), (a, b, version) => {
      const is = Number(weight(a, version)) / Number(weight(b, version));
      const wanted = Number(a) / Number(b);
      // 100 milli-CPU are 10 in weight: a half more or less is 5 %.
      assert.ok(Math.abs(is / wanted - 1) < 0.11, `${a} to ${b}: ${is} for ${wanted}`);
    }),
  );
});

test("the four latencies differ", () => {
  using v1 = new FakeCgroups(SEPARATE_V1);
  using v2 = new FakeCgroups(PURE_V2);
  const of = (
    fake: FakeCgroups,
    scheduling_latency: NonNullable<CpuSpec["scheduling_latency"]>,
    limit?: bigint,
  ) => settings(fake, { scheduling_latency, ...(limit !== undefined && { limit }) });
  assert.deepEqual(of(v1, "PREMIER"), [
    "write cpu/sub/a/cpu.shares 4096",
    "write cpu/sub/a/cpu.uclamp.min max (optional)",
  ]);
  assert.deepEqual(of(v1, "PRIORITY"), []);
  assert.deepEqual(of(v1, "NORMAL"), ["write cpu/sub/a/cpu.shares 256"]);
  assert.deepEqual(of(v1, "BEST_EFFORT"), [
    "write cpu/sub/a/cpu.shares 2",
    "write cpu/sub/a/cpu.idle 1 (optional)",
  ]);
  assert.deepEqual(of(v2, "PREMIER"), [
    "write unified/sub/a/cpu.weight 400",
    "write unified/sub/a/cpu.uclamp.min max (optional)",
  ]);
  assert.deepEqual(of(v2, "PRIORITY"), []);
  assert.deepEqual(of(v2, "NORMAL"), ["write unified/sub/a/cpu.weight 25"]);
  assert.deepEqual(of(v2, "BEST_EFFORT", 4000n), [
    "write unified/sub/a/cpu.weight 1",
    "write unified/sub/a/cpu.idle 1 (optional)",
  ]);
  assert.deepEqual(of(v1, "PREMIER", 500n), [
    "write cpu/sub/a/cpu.shares 2048",
    "write cpu/sub/a/cpu.uclamp.min max (optional)",
  ]);
  assert.deepEqual(of(v1, "PREMIER", 256_000n), [
    "write cpu/sub/a/cpu.shares 262144",
    "write cpu/sub/a/cpu.uclamp.min max (optional)",
  ]);
  assert.deepEqual(of(v1, "NORMAL", 1n), ["write cpu/sub/a/cpu.shares 2"]);
  assert.deepEqual(of(v2, "PREMIER", 100_000n), [
    "write unified/sub/a/cpu.weight 10000",
    "write unified/sub/a/cpu.uclamp.min max (optional)",
  ]);
});

test("a limit beyond the kernel's largest weight is refused, with the range", () => {
  for (const [machine, most] of [
    [SEPARATE_V1, 256_000n],
    [PURE_V2, 100_000n],
  ] as const) {
    using fake = new FakeCgroups(machine);
    const check = (limit: bigint) => cpu.check({ limit }, { cgroups: fake.cgroups, name: "/a" });
    check(most);
    check(0n);
    assert.throws(() => check(most + 1n), {
      code: "INVALID_ARGUMENT",
      message: `cpu.limit ${most + 1n} is out of range: 0 to ${most} milli-CPU (1000 is one CPU)`,
    });
  }
});

test("a missing controller is said", () => {
  using fake = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  const check = (spec: CpuSpec) => () => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" });
  for (const [field, spec] of [
    ["limit", { limit: 1n }],
    ["scheduling_latency", { scheduling_latency: "NORMAL" }],
    ["max_limit", { max_limit: 10n }],
  ] as const) {
    assert.throws(check(spec), {
      code: "FAILED_PRECONDITION",
      message: `cpu.${field} needs the cpu controller, and no cgroup hierarchy here carries it`,
    });
  }
  check({})();
  assert.deepEqual(settings(fake, {}), []);
});

test("where the kernel has a least speed, PREMIER has the highest, and others none", () => {
  using fake = new FakeCgroups(PURE_V2);
  const of = (scheduling_latency: NonNullable<CpuSpec["scheduling_latency"]>) =>
    fake
      .lines(cpu.update({ scheduling_latency }, { cgroups: fake.cgroups, name: "/a", below: [] }))
      .filter(line => line.includes("uclamp"));
  assert.deepEqual(of("PREMIER"), []); // it has none
  fake.write("unified/sub/a/cpu.uclamp.min", "0.00\n");
  assert.deepEqual(of("NORMAL"), []);
  assert.deepEqual(of("PREMIER"), ["write unified/sub/a/cpu.uclamp.min max"]);
  fake.write("unified/sub/a/cpu.uclamp.min", "max\n");
  assert.deepEqual(of("PREMIER"), []);
  assert.deepEqual(of("BEST_EFFORT"), ["write unified/sub/a/cpu.uclamp.min 0.00"]);
});
