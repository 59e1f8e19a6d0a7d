import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import { applySteps } from "../../cgroup/steps.ts";
import type { MemorySpec } from "../../spec/index.ts";
import { amountOf } from "./amount.ts";
import { oomScoreAdjOf } from "./eviction.ts";
import { memory } from "./index.ts";
import { memoryStats } from "./stats.ts";

const MAX = (1n << 63n) - 1n;
const settings = (fake: FakeCgroups, spec: MemorySpec) =>
  fake.lines(memory.settings(spec, fake.cgroups, "/a"));

test("v1 writes the limit before the total with swap, which may not be below it", () => {
  using fake = new FakeCgroups(SEPARATE_V1);
  assert.deepEqual(
    settings(fake, { swap_limit: 150_000_000n, limit: 100_000_000n, reservation: 50_000_000n }),
    [
      "write memory/sub/a/memory.limit_in_bytes 100000000",
      "write memory/sub/a/memory.memsw.limit_in_bytes 150000000",
      "write memory/sub/a/memory.soft_limit_in_bytes 50000000",
    ],
  );
});

test("v2 counts swap apart", () => {
  using fake = new FakeCgroups(PURE_V2);
  assert.deepEqual(
    settings(fake, { limit: 100_000_000n, swap_limit: 150_000_000n, reservation: 50_000_000n }),
    [
      "write unified/sub/a/memory.max 100000000",
      "write unified/sub/a/memory.swap.max 50000000",
      "write unified/sub/a/memory.low 50000000",
    ],
  );
  assert.deepEqual(settings(fake, { limit: 100_000_000n, swap_limit: 100_000_000n }), [
    "write unified/sub/a/memory.max 100000000",
    "write unified/sub/a/memory.swap.max 0",
  ]);
});

test("v2 protects only what the cgroups above protect", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/memory.low": "99\n",
    "unified/sub/a/memory.low": "1000\n",
    "unified/sub/b/memory.low": "500\n",
    "unified/sub/c/memory.low": "0\n",
  });
  const { cgroups } = fake;
  assert.deepEqual(fake.lines(memory.settings({ reservation: 70n }, cgroups, "/d")), [
    "write unified/sub/d/memory.low 70",
  ]);
  // The cgroup that they lie in protects their sum.
  fake.write("unified/sub/d/memory.low", "70\n");
  assert.ok(memory.concernsTop!({ reservation: 70n }, cgroups));
  assert.deepEqual(fake.lines(memory.atTop!(cgroups)), ["write unified/sub/memory.low 1570"]);
  assert.deepEqual(fake.lines(memory.settings({ reservation: 70n }, cgroups, "/a/d")), [
    "write unified/sub/a/d/memory.low 70",
  ]);
  memory.check({ reservation: 1000n }, { cgroups, name: "/a/d" });
  memory.check({ reservation: 4095n }, { cgroups, name: "/a/d" }); // of which the kernel keeps whole pages
  assert.throws(() => memory.check({ reservation: 5096n }, { cgroups, name: "/a/d" }), {
    code: "OUT_OF_RANGE",
    message: "memory.reservation 5096 is more than that of `/a`, which is 1000",
  });
});

test("no limit is -1, or all that fits into an int64", () => {
  for (const machine of [SEPARATE_V1, PURE_V2]) {
    using fake = new FakeCgroups(machine);
    for (const value of [-1n, MAX]) {
      const spec = { limit: value, swap_limit: value, reservation: value };
      memory.check(spec, { cgroups: fake.cgroups, name: "/a" });
      assert.deepEqual(settings(fake, spec), []);
    }
    assert.deepEqual(settings(fake, {}), []);
  }
  assert.equal(amountOf(MAX - 1n), MAX - 1n);
  assert.equal(amountOf(undefined), undefined);
});

test("values that cannot be are refused alike on both versions", () => {
  for (const machine of [SEPARATE_V1, PURE_V2]) {
    using fake = new FakeCgroups(machine);
    const check = (spec: MemorySpec) => () => memory.check(spec, { cgroups: fake.cgroups, name: "/a" });
    const refused = (spec: MemorySpec, message: RegExp) =>
      assert.throws(check(spec), { code: "INVALID_ARGUMENT", message });
    refused({ limit: -2n }, /^memory\.limit -2 is out of range: 65536 bytes or more, or -1 for no limit$/);
    refused({ limit: 0n }, /^memory\.limit 0 is out of range: .* no program fits into so little$/);
    assert.throws(check({ limit: 100n }), { hint: "The unit is bytes: 100 MB is 100000000." });
    refused({ reservation: -5n }, /^memory\.reservation -5 is out of range: 0 bytes or more/);
    refused(
      { limit: 100_000n, reservation: 100_001n },
      /reservation 100001 is more than memory\.limit 100000/,
    );
    refused({ swap_limit: 100_000n }, /memory and swap together and needs a memory\.limit/);
    refused({ swap_limit: 100_000n, limit: -1n }, /needs a memory\.limit/);
    refused({ limit: 100_000n, swap_limit: 99_999n }, /together: 99999 is less than memory\.limit 100000/);
    refused({ eviction_priority: 10_001 }, /^memory\.eviction_priority 10001 is out of range: 0 to 10000$/);
    refused({ eviction_priority: -1 }, /out of range/);
    check({ limit: 100_000n, swap_limit: -1n, reservation: 0n })();
  }
});

test("a kernel that does not count swap is told from a bad value", () => {
  using fake = new FakeCgroups(PURE_V2, { "unified/sub/a/memory.max": "" });
  const steps = memory.settings({ limit: 100_000n, swap_limit: 100_000n }, fake.cgroups, "/a");
  assert.throws(() => applySteps(steps), {
    code: "FAILED_PRECONDITION",
    message: /memory\.swap\.max` "0": ENOENT \(while setting memory\.swap_limit\)$/,
    hint: /swapaccount=1/,
  });
});

test("a high priority is a low score", () => {
  assert.equal(oomScoreAdjOf(0), 1000);
  assert.equal(oomScoreAdjOf(5000), 0);
  assert.equal(oomScoreAdjOf(10_000), -1000);
  assert.ok(Object.is(oomScoreAdjOf(5004), 0));
  const priority = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(priority, priority, (a, b) => {
      assert.ok(Math.abs(oomScoreAdjOf(a)) <= 1000);
      if (a < b) assert.ok(oomScoreAdjOf(a) >= oomScoreAdjOf(b));
    }),
  );
});

test("a score below 0 needs CAP_SYS_RESOURCE, unless this process has it already", () => {
  const check = (capabilities: string, own: string, eviction_priority: number) => () => {
    using fake = new FakeCgroups(PURE_V2, {
      "proc/status": `Name:\tx\nCapEff:\t${capabilities}\n`,
      "proc/oom_score_adj": own,
    });
    memory.check({ eviction_priority }, { cgroups: fake.cgroups, name: "/a", proc: `${fake.path}/proc` });
  };
  check("000001ffffffffff", "0\n", 10_000)();
  check("000001fffeffffff", "0\n", 5000)();
  check("000001fffeffffff", "-600\n", 8000)();
  assert.throws(check("000001fffeffffff", "0\n", 8000), {
    code: "PERMISSION_DENIED",
    message: /asks for oom_score_adj -600, and this process lacks CAP_SYS_RESOURCE/,
  });
});

test("a missing controller is said, with the reason where it is known", () => {
  using fake = new FakeCgroups({ mounts: { unified: 2 }, controllers: ["pids"] });
  const check = () => memory.check({ limit: 100_000n }, { cgroups: fake.cgroups, name: "/a" });
  assert.throws(check, { code: "FAILED_PRECONDITION", hint: /lmctfy features/ });
  fake.layout.disabled.push("memory");
  assert.throws(check, { hint: /remove cgroup_disable=memory/ });
});

const STAT1 = `cache 10
rss 20
pgpgout 7
swap 2
inactive_anon 10
inactive_file 14
hierarchical_memory_limit 4096
hierarchical_memsw_limit 9223372036854771712
total_cache 100
total_rss 200
total_pgpgout 70
total_swap 3
total_inactive_anon 10
total_inactive_file 14
`;

test("statistics of v1", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "memory/sub/a/memory.stat": STAT1,
    "memory/sub/a/memory.usage_in_bytes": "1024\n",
    "memory/sub/a/memory.max_usage_in_bytes": "2048\n",
    "memory/sub/a/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/sub/a/memory.soft_limit_in_bytes": "512\n",
    "memory/sub/a/memory.failcnt": "5\n",
    "memory/sub/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n",
  });
  const summary = {
    limit: -1n,
    effective_limit: 4096n,
    reservation: 512n,
    usage: 1024n,
    max_usage: 2048n,
    working_set: 1000n,
    fail_count: 5n,
    oom_kill_count: 6n,
    swap_usage: 3n,
  };
  assert.deepEqual(memoryStats(fake.cgroups, "/a", "summary"), summary);
  // Neither NUMA nor kernel memory nor swap files here: their statistics are left out.
  assert.deepEqual(memoryStats(fake.cgroups, "/a", "full"), {
    ...summary,
    hierarchical_memory_limit: 4096n,
    container_data: { cache: 10n, rss: 20n, pgpgout: 7n, swap: 2n, inactive_anon: 10n, inactive_file: 14n },
    hierarchical_data: {
      cache: 100n,
      rss: 200n,
      pgpgout: 70n,
      swap: 3n,
      inactive_anon: 10n,
      inactive_file: 14n,
    },
  });
});

test("a working set is never negative", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "memory/sub/a/memory.stat": "total_inactive_file 100\n",
    "memory/sub/a/memory.usage_in_bytes": "7\n",
  });
  assert.equal(memoryStats(fake.cgroups, "/a", "summary")?.working_set, 0n);
});

test("statistics of v2", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/memory.max": "5000\n",
    "unified/sub/a/memory.max": "8000\n",
    "unified/sub/a/memory.low": "100\n",
    "unified/sub/a/memory.current": "1024\n",
    "unified/sub/a/memory.peak": "2048\n",
    "unified/sub/a/memory.swap.current": "3\n",
    "unified/sub/a/memory.swap.max": "200\n",
    "unified/sub/a/memory.events": "low 0\nhigh 0\nmax 5\noom 4\noom_kill 6\noom_group_kill 0\n",
    "unified/sub/a/memory.stat":
      "anon 200\nfile 100\nkernel 50\nkernel_stack 16\npagetables 8\nslab 20\nsock 1\nshmem 9\nfile_mapped 30\nfile_dirty 2\nfile_writeback 1\ninactive_anon 10\ninactive_file 14\npgfault 77\nthp_fault_alloc 3\n",
    "unified/sub/a/_tasks/memory.stat": "anon 20\nfile 10\n",
  });
  const summary = {
    limit: 8000n,
    effective_limit: 5000n,
    reservation: 100n,
    usage: 1024n,
    max_usage: 2048n,
    working_set: 1000n,
    fail_count: 5n,
    oom_count: 4n,
    oom_kill_count: 6n,
    swap_usage: 3n,
  };
  assert.deepEqual(memoryStats(fake.cgroups, "/a", "summary"), summary);
  assert.deepEqual(memoryStats(fake.cgroups, "/a", "full"), {
    ...summary,
    hierarchical_memory_limit: 5000n,
    swap_limit: 8200n,
    container_data: { cache: 10n, rss: 20n, thp: {}, kernel: {} },
    hierarchical_data: {
      cache: 100n,
      rss: 200n,
      mapped_file: 30n,
      dirty: 2n,
      writeback: 1n,
      inactive_anon: 10n,
      inactive_file: 14n,
      pgfault: 77n,
      shmem: 9n,
      sock: 1n,
      thp: { fault_alloc: 3n },
      kernel: { memory: 50n, slab_memory: 20n, stack_memory: 16n, pgtable_memory: 8n },
    },
  });
});

test("limit and max_limit: slowed down above the one, killed above the other", () => {
  using two = new FakeCgroups(PURE_V2);
  assert.deepEqual(
    settings(two, { limit: 100_000_000n, max_limit: 150_000_000n, swap_limit: 150_000_000n }),
    [
      "write unified/sub/a/memory.high 100000000",
      "write unified/sub/a/memory.max 150000000",
      "write unified/sub/a/memory.swap.max 0",
    ],
  );
  for (const machine of [SEPARATE_V1, PURE_V2]) {
    using fake = new FakeCgroups(machine);
    const file = machine === PURE_V2 ? "unified/sub/a/memory.max" : "memory/sub/a/memory.limit_in_bytes";
    for (const spec of [
      { max_limit: 100_000n },
      { limit: 100_000n },
      { limit: 100_000n, max_limit: 100_000n },
    ])
      assert.deepEqual(settings(fake, spec), [`write ${file} 100000`]);
    const context = { cgroups: fake.cgroups, name: "/a" };
    assert.throws(() => memory.check({ limit: 200_000n, max_limit: 100_000n }, context), {
      message: "memory.max_limit 100000 is less than memory.limit 200000",
    });
    assert.throws(() => memory.check({ max_limit: 200_000n, swap_limit: 100_000n }, context), {
      message: /100000 is less than memory\.max_limit 200000/,
    });
  }
  using one = new FakeCgroups(SEPARATE_V1);
  const context = { cgroups: one.cgroups, name: "/a" };
  for (const spec of [
    { limit: 100_000n, max_limit: 200_000n },
    { reservation: 100_000n, reservation_strict: true },
    { oom_group: true },
  ])
    assert.throws(() => memory.check(spec, context), {
      code: "FAILED_PRECONDITION",
      message: /needs cgroup v2/,
    });
  assert.throws(() => memory.check({ kmem_charge_usage: false }, context), { code: "INVALID_ARGUMENT" });
  memory.check({ kmem_charge_usage: true }, context);
});
