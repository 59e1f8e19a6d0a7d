import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";

const V2 = {
  "unified/sub/cgroup.freeze": "0\n",
  "unified/sub/a/cgroup.freeze": "0\n",
  "unified/sub/a/cgroup.events": "populated 1\nfrozen 0\n",
  "unified/sub/a/b/cgroup.freeze": "0\n",
  "unified/sub/a/b/cgroup.events": "populated 1\nfrozen 0\n",
};

test("what does not stop in time goes on, and is said", async () => {
  using fake = new FakeCgroups(PURE_V2, {
    ...V2,
    "unified/sub/a/_tasks/cgroup.threads": `${process.pid}\n`,
  });
  await assert.rejects(fake.cgroups.freeze("/a", { timeout: 5 }), {
    code: "FAILED_PRECONDITION",
    path: "/a",
    message: new RegExp(`did not stop within 0\\.005 s, and goes on: ${process.pid} \\(.+, [a-z]+\\)$`),
  });
  assert.match(fake.read("unified/sub/a/cgroup.freeze"), /^0/);
});

test("whoever gives up leaves it as it was", async () => {
  using fake = new FakeCgroups(PURE_V2, V2);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(fake.cgroups.freeze("/a", { signal }), /enough/);
  assert.match(fake.read("unified/sub/a/cgroup.freeze"), /^0/);
  fake.write("unified/sub/a/cgroup.freeze", "1\n");
  await assert.rejects(fake.cgroups.freeze("/a", { signal }), /enough/);
  assert.match(fake.read("unified/sub/a/cgroup.freeze"), /^1/);
});

test("below a paused container nothing is resumed", async () => {
  using fake = new FakeCgroups(PURE_V2, { ...V2, "unified/sub/a/cgroup.freeze": "1\n" });
  await assert.rejects(fake.cgroups.thaw("/a/b"), {
    code: "FAILED_PRECONDITION",
    path: "/a",
    hint: "Resume that one: lmctfy resume /a",
  });
});

test("a machine that cannot pause says so; / is not paused", async () => {
  using fake = new FakeCgroups({ mounts: { memory: 1, unified: 2 } }, { "memory/sub/a/tasks": "" });
  await assert.rejects(fake.cgroups.freeze("/a"), { code: "FAILED_PRECONDITION", hint: /Linux 5\.2/ });
  assert.equal(fake.cgroups.isFrozen("/a"), false);
  assert.equal(fake.cgroups.frozenMark("/a"), undefined);
  await assert.rejects(async () => fake.cgroups.freeze("/"), { code: "INVALID_ARGUMENT" });
});

test("programs look at a byte of the file that tells", () => {
  using v1 = new FakeCgroups(SEPARATE_V1);
  using v2 = new FakeCgroups(PURE_V2, V2);
  for (const [fake, text] of [
    [v1, "FROZEN\n"],
    [v1, "FREEZING\n"],
    [v2, "populated 0\nfrozen 1\n"],
  ] as const) {
    const mark = fake.cgroups.frozenMark("/a")!;
    assert.equal(text.charCodeAt(mark.offset), mark.value, text);
  }
});
