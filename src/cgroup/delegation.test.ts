import assert from "node:assert/strict";
import { test } from "node:test";
import { findDelegation, layoutBelow } from "./delegation.ts";
import type { CgroupLayout } from "./layout.ts";

const v2: CgroupLayout = {
  kind: "v2",
  hierarchies: [{ version: 2, mountPoint: "/cg", root: "/", controllers: ["cpu", "memory", "pids"] }],
  disabled: [],
};
const v1: CgroupLayout = {
  kind: "v1",
  hierarchies: [
    { version: 1, mountPoint: "/cg/memory", root: "/", controllers: ["memory"] },
    { version: 1, mountPoint: "/cg/pids", root: "/", controllers: ["pids"] },
  ],
  disabled: [],
};

const find = (path: string, mine: readonly string[], recorded?: string) =>
  findDelegation({
    layout: v2,
    membership: `0::${path}\n`,
    recorded,
    mayManage: directory => mine.some(own => directory === own || directory.startsWith(`${own}/`)),
  });

test("the topmost container on the way that is the caller's", () => {
  const expected = { kind: "container", subtree: "lmctfy", name: "/a" } as const;
  assert.deepEqual(find("/lmctfy/a/_tasks", ["/cg/lmctfy/a"]), expected);
  assert.deepEqual(find("/lmctfy/a/b/c/_tasks", ["/cg/lmctfy/a"]), expected);
  assert.deepEqual(find("/lmctfy/x/a/_tasks", ["/cg/lmctfy/x/a"]), { ...expected, name: "/x/a" });
  const other = { ...expected, subtree: "lmctfy-0123456789ab" };
  assert.deepEqual(find("/lmctfy-0123456789ab/a/_tasks", ["/cg/lmctfy-0123456789ab/a"]), other);
  assert.deepEqual(find("/lmctfy/a/_tasks", []), { kind: "none", cgroup: "/lmctfy/a/_tasks" });
  // One beside it does not help.
  assert.equal(find("/lmctfy/a/_tasks", ["/cg/lmctfy/b"]).kind, "none");
});

test("in version 1 it has to be the caller's in every hierarchy", () => {
  const membership = "2:pids:/lmctfy/a\n1:memory:/lmctfy/a\n";
  const of = (...mine: string[]) =>
    findDelegation({ layout: v1, membership, mayManage: directory => mine.includes(directory) });
  assert.equal(of("/cg/memory/lmctfy/a", "/cg/pids/lmctfy/a").kind, "container");
  assert.equal(of("/cg/memory/lmctfy/a").kind, "none");
  // Nobody delegates to users in version 1 but lmctfy.
  const free = findDelegation({ layout: v1, membership: "1:memory:/x\n", mayManage: () => true });
  assert.equal(free.kind, "none");
});

test("a cgroup of somebody else, from its processes and from its containers", () => {
  const scope = "/user.slice/user@7.service/app.slice/run-1.scope";
  const expected = { kind: "cgroup", directory: `/cg${scope}` } as const;
  for (const path of [scope, `${scope}/_callers`, `${scope}/lmctfy/a/_tasks`])
    assert.deepEqual(find(path, ["/cg/user.slice/user@7.service"]), expected);
  assert.equal(find("/user.slice/session-1.scope", ["/cg/user.slice/user@7.service"]).kind, "none");
  assert.equal(find("/", ["/cg"]).kind, "none");
});

test("the cgroup that was used before counts, but not in a container", () => {
  const mine = ["/cg/u.service"];
  const before = "/cg/u.service/one.scope";
  assert.deepEqual(find("/u.service/two.scope", mine, before), { kind: "cgroup", directory: before });
  assert.deepEqual(find("/session.scope", mine, before), { kind: "cgroup", directory: before });
  assert.equal(find("/lmctfy/a/_tasks", mine, before).kind, "none");
  const gone = find("/u.service/two.scope", ["/cg/u.service/two.scope"], before);
  assert.deepEqual(gone, { kind: "cgroup", directory: "/cg/u.service/two.scope" });
});

test("a layout that begins further down", () => {
  const below = layoutBelow(v1, "/lmctfy/a");
  assert.deepEqual(
    below.hierarchies.map(({ mountPoint, root }) => [mountPoint, root]),
    [
      ["/cg/memory/lmctfy/a", "/lmctfy/a"],
      ["/cg/pids/lmctfy/a", "/lmctfy/a"],
    ],
  );
});
