/** That the test host is what the other tests take it for: what most users have. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";

const skip = existsSync("/host/exchange") ? false : "this is not the test host";

test("the test host has pure cgroup v2 with all controllers, on Debian's kernel", { skip }, () => {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  assert.doesNotMatch(mounts, / - cgroup /);
  assert.match(mounts, / \/sys\/fs\/cgroup .* - cgroup2 .*nsdelegate.*memory_recursiveprot/);
  const controllers = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ");
  assert.deepEqual(controllers, ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"]);
  assert.match(release(), /^6\.1\.\d+-\d+-amd64$/);
});

test("the test host's processes start above all limits, in the root", { skip }, () => {
  assert.equal(readFileSync("/proc/self/cgroup", "utf8"), "0::/\n");
});
