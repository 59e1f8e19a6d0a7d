import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { cpu } from "./index.ts";
import { updateQuota } from "./quota.ts";

const UNLIMITED = (1n << 64n) - 1n;

test("what is written", () => {
  using v1 = new FakeCgroups(SEPARATE_V1);
  using v2 = new FakeCgroups(PURE_V2);
  const of = (fake: FakeCgroups, spec: CpuSpec) => fake.lines(cpu.settings(spec, fake.cgroups, "/a"));
  for (const fake of [v1, v2]) {
    assert.deepEqual(of(fake, {}), []);
    assert.deepEqual(of(fake, { max_limit: UNLIMITED }), []);
  }
  assert.deepEqual(of(v1, { max_limit: 2000n, burst: 100n }), [
    "write cpu/sub/a/cpu.cfs_period_us 250000",
    "write cpu/sub/a/cpu.cfs_quota_us 500000",
    "write cpu/sub/a/cpu.cfs_burst_us 25000",
  ]);
  assert.deepEqual(of(v2, { max_limit: 500n, burst: 500n }), [
    "write unified/sub/a/cpu.max 125000 250000",
    "write unified/sub/a/cpu.max.burst 125000",
  ]);
  assert.deepEqual(of(v2, { max_limit: 500n, burst: 0n }), ["write unified/sub/a/cpu.max 125000 250000"]);
});

test("values that cannot be are refused, with what can be", () => {
  for (const machine of [SEPARATE_V1, PURE_V2]) {
    using fake = new FakeCgroups(machine);
    const check = (spec: CpuSpec) => cpu.check(spec, { cgroups: fake.cgroups, name: "/a" });
    const refused = (spec: CpuSpec, message: RegExp) =>
      assert.throws(() => check(spec), { code: "INVALID_ARGUMENT", message });
    check({ max_limit: 4n, burst: 4n });
    check({ max_limit: UNLIMITED, burst: 0n });
    check({ burst: 0n });
    refused({ max_limit: 3n }, /^cpu\.max_limit 3 is out of range: 4 to 70368744177 milli-CPU/);
    refused({ max_limit: 70_368_744_178n }, /out of range/);
    refused({ burst: 1n }, /^cpu\.burst needs cpu\.max_limit: it is what may be used beyond that$/);
    refused({ max_limit: UNLIMITED, burst: 1n }, /^cpu\.burst needs cpu\.max_limit/);
    refused({ max_limit: 500n, burst: 501n }, /^cpu\.burst 501 is out of range: 0 to 500 milli-CPU/);
    refused({ max_limit: 70_368_744_177n, burst: 1n }, /^cpu\.burst 1 is out of range: 0 to 0/);
    refused({ max_limit: 500n, burst: UNLIMITED }, /out of range/);
  }
});

test("a kernel without bursts is said, before anything is written", () => {
  for (const [machine, quota, burst] of [
    [SEPARATE_V1, "cpu/sub/cpu.cfs_quota_us", "cpu.cfs_burst_us"],
    [PURE_V2, "unified/sub/cpu.max", "cpu.max.burst"],
  ] as const) {
    using old = new FakeCgroups(machine, { [quota]: "-1\n" });
    const check = (fake: FakeCgroups) =>
      cpu.check({ max_limit: 500n, burst: 100n }, { cgroups: fake.cgroups, name: "/a/b" });
    assert.throws(() => check(old), {
      code: "FAILED_PRECONDITION",
      message: `cpu.burst needs ${burst}, which this kernel does not have`,
      hint: "Linux before 5.14 has no bursts: leave cpu.burst out.",
    });
    using recent = new FakeCgroups(machine, {
      [quota]: "-1\n",
      [quota.replace(/[^/]+$/, burst)]: "0\n",
    });
    check(recent);
  }
});

test("no order of writes ever has a burst above the quota", () => {
  const milli = fc.bigInt(4n, 40n);
  const spec = fc.option(fc.tuple(milli, milli), { nil: undefined }).map((pair): CpuSpec => {
    if (pair === undefined) return {};
    const [a, b] = pair;
    return a < b ? { max_limit: b, burst: a } : { max_limit: a, burst: b };
  });
  fc.assert(
    fc.property(spec, spec, fc.constantFrom(1 as const, 2 as const), (before, after, version) => {
      const quota = (before.max_limit ?? 0n) * 250n;
      const burst = (before.burst ?? 0n) * 250n;
      using fake =
        version === 2
          ? new FakeCgroups(PURE_V2, {
              "unified/sub/a/cpu.max": quota ? `${quota} 250000\n` : "max 100000\n",
              "unified/sub/a/cpu.max.burst": `${burst}\n`,
            })
          : new FakeCgroups(SEPARATE_V1, {
              "cpu/sub/a/cpu.cfs_quota_us": quota ? `${quota}\n` : "-1\n",
              "cpu/sub/a/cpu.cfs_period_us": quota ? "250000\n" : "100000\n",
              "cpu/sub/a/cpu.cfs_burst_us": `${burst}\n`,
            });
      const now = { quota: quota || -1n, burst };
      for (const line of fake.lines(updateQuota(after, fake.cgroups, "/a"))) {
        const [, file, value] = line.split(" ");
        if (file!.includes("burst")) now.burst = BigInt(value!);
        else if (!file!.includes("period")) now.quota = value === "max" ? -1n : BigInt(value!);
        assert.ok(now.quota === -1n || now.burst <= now.quota, line);
      }
      assert.deepEqual(now, {
        quota: after.max_limit === undefined ? -1n : after.max_limit * 250n,
        burst: (after.burst ?? 0n) * 250n,
      });
    }),
    { numRuns: 100 },
  );
});

test("a container gets no more quota than those above it", () => {
  using v1 = new FakeCgroups(SEPARATE_V1, {
    "cpu/sub/a/cpu.cfs_quota_us": "25000\n",
    "cpu/sub/a/cpu.cfs_period_us": "50000\n",
    "cpu/sub/a/b/cpu.cfs_quota_us": "-1\n",
    "cpu/sub/a/b/cpu.cfs_period_us": "100000\n",
  });
  using v2 = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cpu.max": "25000 50000\n",
    "unified/sub/a/b/cpu.max": "max 100000\n",
  });
  for (const { cgroups } of [v1, v2]) {
    const check = (name: string, max_limit: bigint) => cpu.check({ max_limit }, { cgroups, name });
    check("/c", 501n);
    check("/a/c", 500n);
    check("/a/b/c", 500n);
    for (const name of ["/a/c", "/a/b/c"]) {
      assert.throws(() => check(name, 501n), {
        code: "OUT_OF_RANGE",
        message: "cpu.max_limit 501 is more than that of `/a`, which is 500 milli-CPU",
      });
    }
  }
});
