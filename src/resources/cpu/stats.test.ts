import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import { cpuStats, runnableTasks } from "./stats.ts";

test("statistics of v1", () => {
  using fake = new FakeCgroups(SEPARATE_V1, {
    "cpuacct/sub/a/cpuacct.usage": "1234567890\n",
    "cpuacct/sub/a/cpuacct.stat": "user 80\nsystem 43\n",
    "cpuacct/sub/a/cpuacct.usage_percpu": "1000000000 234567890 \n",
    "cpu/sub/a/cpu.stat":
      "nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\nnr_bursts 3\nburst_time 7000\n",
  });
  const usage = { total: 1234567890n, user: 800000000n, system: 430000000n };
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "summary"), { usage });
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "full"), {
    usage: { ...usage, per_cpu: [1000000000n, 234567890n] },
    throttling_data: {
      periods: 10n,
      throttled_periods: 4n,
      throttled_time: 500000000n,
      bursts: 3n,
      burst_time: 7000n,
    },
  });
});

test("statistics of v2", () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cpu.stat":
      "usage_usec 1234567\nuser_usec 800000\nsystem_usec 434567\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\nnr_bursts 3\nburst_usec 7\n",
    "unified/sub/a/cpu.pressure":
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
  });
  const usage = { total: 1234567000n, user: 800000000n, system: 434567000n };
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "summary"), { usage });
  assert.deepEqual(cpuStats(fake.cgroups, "/a", "full"), {
    usage,
    throttling_data: {
      periods: 10n,
      throttled_periods: 4n,
      throttled_time: 500000000n,
      bursts: 3n,
      burst_time: 7000n,
    },
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

test("tasks that sleep, and such as have gone, are no load", async () => {
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    using fake = new FakeCgroups(PURE_V2, {
      "unified/sub/a/cpu.stat": "usage_usec 1\n",
      "unified/sub/a/cgroup.events": "populated 1\n",
      // This one runs while it looks; the last one does not exist.
      "unified/sub/a/_tasks/cgroup.threads": `${process.pid}\n${sleeper.pid}\n4194305\n`,
    });
    assert.ok(runnableTasks(fake.cgroups, "/a") <= 2);
    assert.ok(runnableTasks(fake.cgroups, "/a") >= 1);
  } finally {
    sleeper.kill("SIGKILL");
  }
});
