/** The order of writes, which the kernel insists on; that they work is shown in test/integration/update.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";
import type { ContainerSpec } from "../spec/index.ts";
import { checkBelow, prepareUpdate, type UpdateContext, updateSteps } from "./index.ts";
import { sameAmount } from "./memory/amount.ts";

const NONE = "9223372036854771712\n";
const V1_MEMORY = {
  "memory/sub/a/memory.limit_in_bytes": "40960000\n",
  "memory/sub/a/memory.memsw.limit_in_bytes": "61440000\n",
  "memory/sub/a/memory.soft_limit_in_bytes": NONE,
};

function steps(fake: FakeCgroups, spec: ContainerSpec, below: UpdateContext["below"] = []): string[] {
  return fake
    .lines(updateSteps(spec, { cgroups: fake.cgroups, name: "/a", below, before: {} }))
    .filter(line => !line.startsWith("chown"));
}

test("v1: memory with swap rises before memory, and falls after it", () => {
  using fake = new FakeCgroups(SEPARATE_V1, V1_MEMORY);
  const limit = "write memory/sub/a/memory.limit_in_bytes";
  const swap = "write memory/sub/a/memory.memsw.limit_in_bytes";
  const of = (limit: bigint, swap_limit: bigint) => steps(fake, { memory: { limit, swap_limit } });
  assert.deepEqual(of(81_920_000n, 81_920_000n), [`${swap} 81920000`, `${limit} 81920000`]);
  assert.deepEqual(of(20_480_000n, 30_720_000n), [`${limit} 20480000`, `${swap} 30720000`]);
  assert.deepEqual(of(40_960_000n, 61_440_000n), []);
  assert.deepEqual(of(40_960_001n, 61_440_001n), []); // the same pages
  assert.deepEqual(steps(fake, {}), [`${swap} -1`, `${limit} -1`]);
});

test("v1: no order of writes ever has memory above memory with swap", () => {
  const amount = fc.bigInt({ min: 20n, max: 60n }).map(n => n * 4096n);
  const pair = fc.tuple(fc.option(amount), fc.option(amount));
  fc.assert(
    fc.property(pair, pair, ([limit, swap], [newLimit, newSwap]) => {
      fc.pre(newSwap === null || (newLimit !== null && newLimit <= newSwap));
      fc.pre(swap === null || (limit !== null && limit <= swap));
      using fake = new FakeCgroups(SEPARATE_V1, {
        ...V1_MEMORY,
        "memory/sub/a/memory.limit_in_bytes": limit === null ? NONE : `${limit}\n`,
        "memory/sub/a/memory.memsw.limit_in_bytes": swap === null ? NONE : `${swap}\n`,
      });
      const now = { limit: limit ?? 1n << 62n, memsw: swap ?? 1n << 62n };
      const memory = { limit: newLimit ?? -1n, swap_limit: newSwap ?? -1n };
      for (const line of steps(fake, { memory })) {
        const value = BigInt(line.split(" ").at(-1)!);
        now[line.includes("memsw") ? "memsw" : "limit"] = value < 0n ? 1n << 62n : value;
        assert.ok(now.limit <= now.memsw, line);
      }
    }),
    { numRuns: 60 },
  );
});

test("v1: a period changes while there is no quota", () => {
  const files = (quota: string, period: string) => ({
    "cpu/sub/a/cpu.cfs_quota_us": quota,
    "cpu/sub/a/cpu.cfs_period_us": period,
    "cpu/sub/a/cpu.shares": "1024\n",
  });
  const quota = "write cpu/sub/a/cpu.cfs_quota_us";
  const period = "write cpu/sub/a/cpu.cfs_period_us";
  const half: ContainerSpec = { cpu: { max_limit: 500n } };
  using fresh = new FakeCgroups(SEPARATE_V1, files("-1\n", "100000\n"));
  assert.deepEqual(steps(fresh, half), [`${period} 250000`, `${quota} 125000`]);
  assert.deepEqual(steps(fresh, {}), []);
  using limited = new FakeCgroups(SEPARATE_V1, files("50000\n", "250000\n"));
  assert.deepEqual(steps(limited, half), [`${quota} 125000`]);
  assert.deepEqual(steps(limited, {}), [`${quota} -1`, `${period} 100000`]);
  using foreign = new FakeCgroups(SEPARATE_V1, files("50000\n", "50000\n"));
  assert.deepEqual(steps(foreign, half), [`${quota} -1`, `${period} 250000`, `${quota} 125000`]);
});

test("an idle cgroup takes no weight: it stops being idle first, and becomes so last", () => {
  for (const [machine, prefix, file, least, usual] of [
    [SEPARATE_V1, "cpu/sub/a", "cpu.shares", 2, 1024],
    [PURE_V2, "unified/sub/a", "cpu.weight", 1, 100],
  ] as const) {
    const of = (idle: string, weight: string) =>
      new FakeCgroups(machine, { [`${prefix}/cpu.idle`]: idle, [`${prefix}/${file}`]: weight });
    const effort: ContainerSpec = { cpu: { scheduling_latency: "BEST_EFFORT" } };
    using busy = of("0\n", "500\n");
    assert.deepEqual(steps(busy, effort), [
      `write ${prefix}/${file} ${least}`,
      `write ${prefix}/cpu.idle 1 (optional)`,
    ]);
    assert.deepEqual(steps(busy, {}), [`write ${prefix}/${file} ${usual}`]);
    using idle = of("1\n", "3\n");
    assert.deepEqual(steps(idle, effort), []);
    assert.deepEqual(steps(idle, {}), [
      `write ${prefix}/cpu.idle 0 (optional)`,
      `write ${prefix}/${file} ${usual}`,
    ]);
    // before Linux 5.15
    using old = new FakeCgroups(machine, { [`${prefix}/${file}`]: `${usual}\n` });
    assert.deepEqual(steps(old, {}), []);
  }
});

test("v1: cpusets below change along, wider from the top, narrower from the bottom", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "cpuset/sub/cpuset.cpus": "0-7\n",
    "cpuset/sub/a/cpuset.cpus": "0-1\n",
    "cpuset/sub/a/b/cpuset.cpus": "0-1\n",
    "cpuset/sub/a/b/c/cpuset.cpus": "0-1\n",
    "cpuset/sub/a/own/cpuset.cpus": "1\n",
    "cpuset/sub/a/own/d/cpuset.cpus": "1\n",
  });
  const own: ContainerSpec = { cpu: { mask: { data: [2n] } } };
  const below = [
    { name: "/a/b", spec: {} },
    { name: "/a/b/c", spec: {} },
    { name: "/a/own", spec: own },
    { name: "/a/own/d", spec: {} },
  ];
  const write = (at: string, cpus: string) => `write cpuset/sub${at}/cpuset.cpus ${cpus}`;
  assert.deepEqual(steps(fake, { cpu: { mask: { data: [6n] } } }, below), [
    write("/a", "0-2"),
    write("/a/b", "0-2"),
    write("/a/b/c", "0-2"),
    write("/a/b/c", "1-2"),
    write("/a/b", "1-2"),
    write("/a", "1-2"),
  ]);
  assert.deepEqual(steps(fake, {}, below), [
    write("/a", "0-7"),
    write("/a/b", "0-7"),
    write("/a/b/c", "0-7"),
  ]);
  assert.throws(
    () => checkBelow({ cpu: { mask: { data: [1n] } } }, { cgroups: fake.cgroups, name: "/a", below }),
    { code: "FAILED_PRECONDITION", message: "cpu.mask lacks CPU 1, which `/a/own` has", path: "/a/own" },
  );
});

test("v2: everything goes back to what a new cgroup has; with processes a cpuset holds all CPUs instead", () => {
  const files = {
    "unified/sub/a/cpu.max": "125000 250000\n",
    "unified/sub/a/cpu.weight": "10\n",
    "unified/sub/a/cpuset.cpus": "1\n",
    "unified/sub/a/memory.max": "4096000\n",
    "unified/sub/a/memory.swap.max": "0\n",
    "unified/sub/a/memory.low": "4096\n",
    "unified/sub/a/pids.max": "5\n",
    "unified/sub/memory.low": "12288\n",
    "unified/sub/b/memory.low": "8192\n",
  };
  using fake = new FakeCgroups(PURE_V2, files);
  assert.deepEqual(steps(fake, {}), [
    "write unified/sub/a/cpu.weight 100",
    "write unified/sub/a/cpu.max max 100000",
    "write unified/sub/a/cpuset.cpus \n",
    "write unified/sub/a/memory.max max",
    "write unified/sub/a/memory.swap.max max",
    "write unified/sub/a/memory.low 0",
    "write unified/sub/a/pids.max max",
  ]);
  fake.write("unified/sub/a/cgroup.events", "populated 1\nfrozen 0\n");
  assert.match(steps(fake, {})[2]!, /cpuset\.cpus 0/);
});

test("v2: memory is asked back before there is less of it, and then refused", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/memory.current": "9000000\n",
    "unified/sub/a/memory.reclaim": "",
  });
  const target = { cgroups: fake.cgroups, name: "/a", below: [] };
  prepareUpdate({ memory: { limit: 9_000_000n } }, target);
  assert.equal(fake.read("unified/sub/a/memory.reclaim"), "");
  assert.throws(() => prepareUpdate({ memory: { limit: 8_000_000n } }, target), {
    code: "FAILED_PRECONDITION",
    message: "memory.limit 8000000 is less than `/a` uses, which is 9000000",
  });
  assert.equal(fake.read("unified/sub/a/memory.reclaim"), "1000000");
  // before Linux 5.19
  using old = new FakeCgroups(PURE_V2, {
    "unified/sub/a/memory.current": "9000000\n",
    "unified/sub/a/memory.high": "max\n",
  });
  assert.throws(() => prepareUpdate({ memory: { limit: 8_000_000n } }, { ...target, cgroups: old.cgroups }));
  assert.match(old.read("unified/sub/a/memory.high"), /^max/);
});

test("amounts as the kernel shows them", () => {
  assert.ok(sameAmount("max", "max") && sameAmount(NONE.trim(), "-1") && sameAmount("99999744", "100000000"));
  assert.ok(!sameAmount("max", "0") && !sameAmount("4096", "-1") && !sameAmount("4096", "8192"));
});
