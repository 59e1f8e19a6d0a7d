import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeCgroups, HYBRID, PURE_V2 } from "../../test/rig/fake-cgroups.ts";
import { ContainerSpec } from "../spec/index.ts";
import { checkSpec, collectStats, createSteps, processSettings, RESOURCES } from "./index.ts";

test("all that nothing serves is refused by name, and nothing is ignored", () => {
  using fake = new FakeCgroups(PURE_V2);
  const refused = (spec: ContainerSpec, message: RegExp) =>
    assert.throws(() => checkSpec(spec, { cgroups: fake.cgroups, name: "/a" }), {
      code: "UNIMPLEMENTED",
      message,
    });
  refused({ network: {} }, /^unimplemented: network$/);
  refused({ network: {}, cpu: { limit: 1n } }, /^unimplemented: network$/);
  refused({ memory: { tmpfs: { path: ["/x"] } } }, /^unimplemented: memory\.tmpfs/);
  refused(
    { memory: { dirty: {}, stale_page_age: 1 }, pids: {} },
    /memory\.dirty .*, memory\.stale_page_age .*$/,
  );
  assert.throws(() => checkSpec({ network: {} }, { cgroups: fake.cgroups, name: "/a" }), {
    hint: /^Served now: owner, cpu \(scheduling_latency, .*, memory \(.*limit.*\), owner_group, .*pids \(limit\), rlimits .*\.$/,
  });
  checkSpec({}, { cgroups: fake.cgroups, name: "/a" });
  checkSpec({ cpu: {}, memory: {}, pids: {} }, { cgroups: fake.cgroups, name: "/a" });
});

test("every section that is not refused is served", () => {
  const served = ContainerSpec.list.filter(field => field.unserved === undefined).map(field => field.name);
  assert.deepEqual(
    served.sort(),
    ["owner", "owner_group", "children_limit", ...Object.keys(RESOURCES)].sort(),
  );
});

test("ids and task counts", () => {
  using fake = new FakeCgroups(PURE_V2);
  const check = (spec: ContainerSpec) => () => checkSpec(spec, { cgroups: fake.cgroups, name: "/a" });
  check({ owner: 0n, owner_group: 4_294_967_294n, pids: { limit: -1n } })();
  check({ pids: { limit: 4_194_304n } })();
  for (const id of [-1n, 4_294_967_295n]) {
    assert.throws(check({ owner: id }), { code: "INVALID_ARGUMENT", message: /^owner .* 0 to 4294967294$/ });
    assert.throws(check({ owner_group: id }), { code: "INVALID_ARGUMENT", message: /^owner_group / });
  }
  for (const limit of [0n, -2n, 4_194_305n]) {
    assert.throws(check({ pids: { limit } }), {
      code: "INVALID_ARGUMENT",
      message: `pids.limit ${limit} is out of range: 1 to 4194304 tasks, or -1 for no limit`,
    });
  }
});

test("a container is made, limited, and then handed over", () => {
  using fake = new FakeCgroups(HYBRID);
  const spec: ContainerSpec = {
    owner: 7n,
    cpu: { limit: 1000n },
    memory: { limit: 100_000n },
    pids: { limit: 5n },
  };
  assert.deepEqual(fake.lines(createSteps(fake.cgroups, "/a", spec)).slice(0, 11), [
    "mkdir unified/sub/a",
    "mkdir unified/sub/a/_tasks",
    "mkdir freezer/sub/a",
    "mkdir cpuset/sub/a",
    "mkdir memory/sub/a",
    "mkdir cpu,cpuacct/sub/a",
    "write cpu,cpuacct/sub/a/cpu.shares 1024",
    "write memory/sub/a/memory.limit_in_bytes 100000",
    "write unified/sub/a/pids.max 5",
    "chown unified/sub/a 7:-1",
    "chown unified/sub/a/cgroup.procs 7:-1",
  ]);
  assert.equal(createSteps(fake.cgroups, "/a", { pids: { limit: -1n } }).length, 6);
});

test("what processes set for themselves", () => {
  assert.deepEqual(processSettings({}), {});
  assert.deepEqual(processSettings({ memory: { limit: 100_000n } }), {});
  assert.deepEqual(processSettings({ memory: { eviction_priority: 1000 } }), { oomScoreAdj: 800 });
});

test("statistics leave out what is not accounted for", () => {
  using fake = new FakeCgroups(HYBRID, {
    "unified/sub/a/pids.current": "3\n",
    "unified/sub/a/pids.max": "max\n",
    "unified/sub/a/pids.peak": "4\n",
    "unified/sub/a/pids.events": "max 9\n",
  });
  assert.deepEqual(collectStats(fake.cgroups, "/a", "summary").pids, { current: 3n, limit: -1n });
  assert.deepEqual(collectStats(fake.cgroups, "/a", "full").pids, {
    current: 3n,
    limit: -1n,
    peak: 4n,
    fail_count: 9n,
  });
  using bare = new FakeCgroups({ mounts: { unified: 2 } });
  assert.deepEqual(collectStats(bare.cgroups, "/a", "full"), {});
});
