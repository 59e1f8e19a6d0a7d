/** The feature detector on the real kernel, through the executor. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rig } from "../rig/rig.ts";

test("features: every call was tried, and those that lmctfy needs are there", async () => {
  await using rig = Rig.create();
  const features = await rig.lmctfy.features();
  assert.equal(features.syscalls_error, null);
  const unknown = Object.entries(features.syscalls).filter(([, support]) => support === "unknown");
  assert.deepEqual(unknown, []);
  for (const call of ["clone3", "clone_into_cgroup", "close_range_cloexec", "openat2", "pidfd_send_signal"]) {
    assert.equal(features.syscalls[call], "yes", call);
  }
  assert.equal(features.namespaces.pid, "yes");
  assert.ok(features.cgroup.hierarchies.length > 0);
});
