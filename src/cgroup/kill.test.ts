import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";

/** Far above any pid. */
const NOBODY = 4_194_305;

test("an empty or missing container is dead already", async () => {
  using fake = new FakeCgroups(PURE_V2, { "unified/sub/a/cgroup.events": "populated 0\nfrozen 0\n" });
  await fake.cgroups.kill("/a");
  await fake.cgroups.kill("/missing");
  using v1 = new FakeCgroups(SEPARATE_V1, { "freezer/sub/a/cgroup.procs": `${NOBODY}\n` });
  await v1.cgroups.kill("/a");
});

test("v2: one write kills all, and a paused container is resumed", async () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cgroup.events": "populated 1\n",
    "unified/sub/a/cgroup.kill": "",
    "unified/sub/a/cgroup.freeze": "1\n",
  });
  const killed = fake.cgroups.kill("/a");
  fake.write("unified/sub/a/cgroup.events", "populated 0\n");
  await killed;
  assert.equal(fake.read("unified/sub/a/cgroup.kill"), "1");
  assert.equal(fake.read("unified/sub/a/cgroup.freeze"), "0\n");
});

test("v1: freeze, kill, thaw, also those of the containers below and those in one hierarchy only", async () => {
  const [one, two, three] = [1, 2, 3].map(() => spawn("sleep", ["1000"], { stdio: "ignore" }));
  const ends = [one!, two!, three!].map(child => once(child, "exit"));
  using fake = new FakeCgroups(SEPARATE_V1, {
    "freezer/sub/a/cgroup.procs": `${one!.pid}\n`,
    "freezer/sub/a/freezer.state": "",
    "freezer/sub/a/b/cgroup.procs": `${two!.pid}\n`,
    "freezer/sub/a/b/freezer.state": "FROZEN\n",
    "memory/sub/a/cgroup.procs": `${three!.pid}\n`,
  });
  await fake.cgroups.kill("/a");
  for (const [code, signal] of await Promise.all(ends)) assert.deepEqual([code, signal], [null, "SIGKILL"]);
  assert.equal(fake.read("freezer/sub/a/freezer.state"), "THAWED");
  assert.equal(fake.read("freezer/sub/a/b/freezer.state"), "THAWED\n"); // written over FROZEN
});

test("survivors are named", async () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cgroup.events": "populated 1\n",
    "unified/sub/a/cgroup.kill": "",
    // The fake kernel kills nobody.
    "unified/sub/a/_tasks/cgroup.procs": `${process.pid}\n`,
  });
  await assert.rejects(fake.cgroups.kill("/a", { timeout: 20 }), error => {
    assert.match(
      String(error),
      /container `\/a` still has processes 0.02 s after they were killed: \d+ \(.+, .+\)/,
    );
    assert.equal((error as { code: string }).code, "FAILED_PRECONDITION");
    return true;
  });
});

test("waiting can be cancelled", async () => {
  using fake = new FakeCgroups(PURE_V2, {
    "unified/sub/a/cgroup.events": "populated 1\n",
    "unified/sub/a/cgroup.kill": "",
  });
  const controller = new AbortController();
  const killed = fake.cgroups.kill("/a", { signal: controller.signal });
  controller.abort();
  await assert.rejects(killed, { code: "CANCELLED" });
  assert.equal(fake.read("unified/sub/a/cgroup.kill"), "1");
});
