import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveUser } from "./users.ts";

const files = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/:/bin/false\n1000:x:7:8::/:/bin/false\n",
  group: "root:x:0:\nweb:x:33:\ndisk:x:6:web,other\nvideo:x:44:web\n",
};

test("users are names, numbers, or user:group", () => {
  assert.deepEqual(resolveUser("web", files), { uid: 33, gid: 33, groups: [33, 6, 44] });
  assert.deepEqual(resolveUser("33", files), { uid: 33, gid: 33, groups: [33, 6, 44] });
  assert.deepEqual(resolveUser("web:disk", files), { uid: 33, gid: 6, groups: [33, 6, 44] });
  assert.deepEqual(resolveUser("4242", files), { uid: 4242, gid: 0, groups: [] });
  assert.deepEqual(resolveUser("4242:77", files), { uid: 4242, gid: 77, groups: [] });
  assert.deepEqual(resolveUser({ uid: 1, gid: 2, groups: [3] }, files), { uid: 1, gid: 2, groups: [3] });
  // digits are always an id, never somebody's odd name
  assert.deepEqual(resolveUser("1000", files), { uid: 1000, gid: 0, groups: [] });
});

test("whatever is not wholly a user is refused, and never becomes root", () => {
  for (const user of [
    "",
    ":",
    "web:",
    ":33",
    "nobody-here",
    "1x",
    "-1",
    "+1",
    " 0",
    "0x0",
    "4294967295",
    "web:33:1",
    "web:nope",
  ]) {
    assert.throws(() => resolveUser(user, files), { code: "INVALID_ARGUMENT" }, JSON.stringify(user));
  }
  assert.throws(() => resolveUser({ uid: -1, gid: 0 }, files), { code: "INVALID_ARGUMENT" });
  assert.throws(() => resolveUser({ uid: 1.5, gid: 0 }, files), { code: "INVALID_ARGUMENT" });
});
