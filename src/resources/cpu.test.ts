import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";
import type { CpuSpec } from "../spec/index.ts";
import { cpu, sharesOf, weightOf } from "./cpu.ts";
import { cpuStats } from "./cpu-stats.ts";

const settings = (fake: FakeCgroups, spec: CpuSpec) => fake.lines(cpu.settings(spec, fake.cgroups, "/a"));

test("v1", () => {
  using fake = new FakeCgroups(SEPARATE_V1);
  assert.deepEqual(settings(fake, {}), []);
  assert.deepEqual(settings(fake, { limit: 100n, max_limit: 2000n, mask: { data: [0b1_0000_1111n] } }), [
    "write cpu/sub/a/cpu.shares 102",
    "write cpu/sub/a/cpu.cfs_period_us 250000",
    "write cpu/sub/a/cpu.cfs_quota_us 500000",
    "write cpuset/sub/a/cpuset.cpus 0-3,8",
  ]);
  assert.deepEqual(settings(fake, { max_limit: (1n << 64n) - 1n }), []);
});

test("v2", () => {
  using fake = new FakeCgroups(PURE_V2);
  assert.deepEqual(settings(fake, { limit: 1000n, max_limit: 500n, mask: { data: [3n] } }), [
    "write unified/sub/a/cpu.weight 39",
    "write unified/sub/a/cpu.max 125000 250000",
    "write unified/sub/a/cpuset.cpus 0-1",
  ]);
});

test("shares and weights", () => {
  const pairs = [
    [1000n, 1024n],
    [100n, 102n],
    [1n, 2n],
    [0n, 2n],
  ] as const;
  for (const [limit, shares] of pairs) assert.equal(sharesOf(limit), shares);
  assert.equal(weightOf(2n), 1n);
  assert.equal(weightOf(1024n), 39n);
  assert.equal(weightOf(262_144n), 10_000n);
  const limit = fc.bigInt(0n, 256_000n);
  fc.assert(
    fc.property(limit, limit, (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      assert.ok(sharesOf(low) <= sharesOf(high) && weightOf(sharesOf(low)) <= weightOf(sharesOf(high)));
      assert.ok(sharesOf(low) >= 2n && sharesOf(high) <= 262_144n);
      assert.ok(weightOf(sharesOf(low)) >= 1n && weightOf(sharesOf(high)) <= 10_000n);
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
  assert.deepEqual(of(v1, "PREMIER"), ["write cpu/sub/a/cpu.shares 4096"]);
  assert.deepEqual(of(v1, "PRIORITY"), []);
  assert.deepEqual(of(v1, "NORMAL"), ["write cpu/sub/a/cpu.shares 256"]);
  assert.deepEqual(of(v1, "BEST_EFFORT"), [
    "write cpu/sub/a/cpu.shares 2",
    "write cpu/sub/a/cpu.idle 1 (optional)",
  ]);
  assert.deepEqual(of(v2, "PREMIER"), ["write unified/sub/a/cpu.weight 400"]);
  assert.deepEqual(of(v2, "PRIORITY"), []);
  assert.deepEqual(of(v2, "NORMAL"), ["write unified/sub/a/cpu.weight 25"]);
  assert.deepEqual(of(v2, "BEST_EFFORT", 4000n), [
    "write unified/sub/a/cpu.weight 1",
    "write unified/sub/a/cpu.idle 1 (optional)",
  ]);
  assert.deepEqual(of(v1, "PREMIER", 500n), ["write cpu/sub/a/cpu.shares 2048"]);
  assert.deepEqual(of(v1, "PREMIER", 256_000n), ["write cpu/sub/a/cpu.shares 262144"]);
  assert.deepEqual(of(v1, "NORMAL", 1n), ["write cpu/sub/a/cpu.shares 2"]);
  assert.deepEqual(of(v2, "PREMIER", 256_000n), ["write unified/sub/a/cpu.weight 10000"]);
});

test("values that cannot be are refused, with what can be", () => {
  using fake = new FakeCgroups(SEPARATE_V1, { "cpuset/cpuset.effective_cpus": "0-3,8\n" });
  const refused = (spec: CpuSpec, code: string, message: RegExp) =>
    assert.throws(() => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" }), { code, message });
  cpu.check(
    { limit: 256_000n, max_limit: 4n, mask: { data: [0b1_0000_1111n] } },
    { cgroups: fake.cgroups, name: "/a" },
  );
  cpu.check({ max_limit: (1n << 64n) - 1n }, { cgroups: fake.cgroups, name: "/a" });
  refused(
    { limit: 256_001n },
    "INVALID_ARGUMENT",
    /^cpu\.limit 256001 is out of range: 0 to 256000 milli-CPU/,
  );
  refused(
    { max_limit: 3n },
    "INVALID_ARGUMENT",
    /^cpu\.max_limit 3 is out of range: 4 to 70368744177 milli-CPU/,
  );
  refused({ max_limit: 70_368_744_178n }, "INVALID_ARGUMENT", /out of range/);
  refused({ mask: {} }, "INVALID_ARGUMENT", /^cpu\.mask names no CPU$/);
  refused({ mask: { data: [0n] } }, "INVALID_ARGUMENT", /^cpu\.mask names no CPU$/);
  refused(
    { mask: { data: [1n, 0b1_0011_0000n] } },
    "INVALID_ARGUMENT",
    /^cpu\.mask names CPUs 4-5,64, which this machine does not have: it has 0-3,8$/,
  );
});

test("a container gets no CPU that its parent does not have, and no more quota", () => {
  using v1 = new FakeCgroups(SEPARATE_V1, {
    "cpuset/cpuset.effective_cpus": "0-3\n",
    "cpuset/sub/a/cpuset.effective_cpus": "1\n",
    "cpu/sub/a/cpu.cfs_quota_us": "25000\n",
    "cpu/sub/a/cpu.cfs_period_us": "50000\n",
    "cpu/sub/a/b/cpu.cfs_quota_us": "-1\n",
    "cpu/sub/a/b/cpu.cfs_period_us": "100000\n",
  });
  using v2 = new FakeCgroups(PURE_V2, {
    "unified/cpuset.cpus.effective": "0-3\n",
    "unified/sub/a/cpuset.cpus.effective": "1\n",
    "unified/sub/a/cpu.max": "25000 50000\n",
    "unified/sub/a/b/cpu.max": "max 100000\n",
  });
  for (const { cgroups } of [v1, v2]) {
    const check = (name: string, spec: CpuSpec) => cpu.check(spec, { cgroups, name });
    check("/c", { max_limit: 501n, mask: { data: [4n] } });
    check("/a/c", { max_limit: 500n, mask: { data: [2n] } });
    check("/a/b/c", { max_limit: 500n });
    assert.throws(() => check("/a/c", { mask: { data: [4n] } }), {
      code: "INVALID_ARGUMENT",
      message: "cpu.mask names CPU 2, which `/a` does not have: it has 1",
    });
    for (const name of ["/a/c", "/a/b/c"]) {
      assert.throws(() => check(name, { max_limit: 501n }), {
        code: "OUT_OF_RANGE",
        message: "cpu.max_limit 501 is more than that of `/a`, which is 500 milli-CPU",
      });
    }
  }
});

test("a missing controller is said", () => {
  using fake = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  const check = (spec: CpuSpec) => () => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" });
  assert.throws(check({ limit: 1n }), {
    code: "FAILED_PRECONDITION",
    message: "cpu.limit needs the cpu controller, and no cgroup hierarchy here carries it",
  });
  assert.throws(check({ mask: { data: [1n] } }), {
    code: "FAILED_PRECONDITION",
    message: /cpuset controller/,
  });
  check({})();
});

test("statistics of v1", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "cpuacct/sub/a/cpuacct.usage": "1234567890\n",
    "cpuacct/sub/a/cpuacct.stat": "user 80\nsystem 43\n",
    "cpuacct/sub/a/cpuacct.usage_percpu": "1000000000 234567890 \n",
    "cpu/sub/a/cpu.stat":
      "nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\nnr_bursts 0\nburst_time 0\n",
  });
  const usage = { total: 1234567890n, user: 800000000n, system: 430000000n };
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "summary"), { usage });
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "full"), {
    usage: { ...usage, per_cpu: [1000000000n, 234567890n] },
    throttling_data: { periods: 10n, throttled_periods: 4n, throttled_time: 500000000n },
  });
});

test("statistics of v2", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cpu.stat":
      "usage_usec 1234567\nuser_usec 800000\nsystem_usec 434567\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n",
    "unified/sub/a/cpu.pressure":
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
  });
  const usage = { total: 1234567000n, user: 800000000n, system: 434567000n };
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "summary"), { usage });
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "full"), {
    usage,
    throttling_data: { periods: 10n, throttled_periods: 4n, throttled_time: 500000000n },
    pressure: {
      some_avg10: 1.5,
      some_avg60: 0.25,
      some_avg300: 0,
      some_total: 77n,
      full_avg10: 0,
      full_avg60: 0,
      full_avg300: 0,
      full_total: 7n,
    },
  });
});
