import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOfMembership, readMembership } from "./detect.ts";
import type { Hierarchy } from "./layout.ts";

const unified: Hierarchy = { version: 2, mountPoint: "/c", root: "/", controllers: [] };
const memory: Hierarchy = { version: 1, mountPoint: "/c/memory", root: "/", controllers: ["memory"] };
const cpu: Hierarchy = { version: 1, mountPoint: "/c/cpu", root: "/", controllers: ["cpu", "cpuacct"] };

const TEXT = `9:name=systemd:/lmctfy/not-this
4:memory:/lmctfy/a
3:cpuacct,cpu:/lmctfy/with:colon/b
1:cpuset:/
0::/lmctfy/a/b/_tasks/inner
`;

test("the container of a process, by hierarchy", () => {
  assert.equal(nameOfMembership(TEXT, unified, "lmctfy"), "/a/b");
  assert.equal(nameOfMembership(TEXT, memory, "lmctfy"), "/a");
  assert.equal(nameOfMembership(TEXT, cpu, "lmctfy"), "/");
  assert.equal(nameOfMembership(TEXT, unified, "lmctfy/a"), "/b");
});

test("outside of the subtree is /", () => {
  assert.equal(nameOfMembership(TEXT, unified, "other"), "/");
  assert.equal(nameOfMembership("0::/lmctfy-2/a\n", unified, "lmctfy"), "/");
  assert.equal(nameOfMembership("0::/lmctfy\n", unified, "lmctfy"), "/");
  assert.equal(nameOfMembership("", unified, "lmctfy"), "/");
});

test("in a container only a part of the hierarchy is mounted", () => {
  const part = { ...unified, root: "/docker/4e5f" };
  assert.equal(nameOfMembership("0::/docker/4e5f/lmctfy/a/_tasks\n", part, "lmctfy"), "/a");
  assert.equal(nameOfMembership("0::/lmctfy/a/_tasks\n", part, "lmctfy"), "/");
  // In another cgroup namespace the root is above what can be named.
  assert.equal(nameOfMembership("0::/../x\n", unified, "lmctfy"), "/");
});

test("a zombie whose cgroup was removed", () => {
  assert.equal(nameOfMembership("0::/lmctfy/a/_tasks (deleted)\n", unified, "lmctfy"), "/a");
});

test("a process that does not exist", () => {
  assert.throws(() => readMembership(4_194_305), {
    code: "NOT_FOUND",
    message: "there is no process 4194305",
  });
  assert.match(readMembership("self"), /^\d+:/m);
});
