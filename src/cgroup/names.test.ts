import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { checkSubtree, nameOfPath, parentOf, pathOfContainer, pathOfName } from "./names.ts";

test("a resolved name is its path", () => {
  assert.equal(pathOfName("/"), "");
  assert.equal(pathOfName("/a"), "/a");
  assert.equal(pathOfName("/a/b-1_2.c"), "/a/b-1_2.c");
  assert.throws(() => pathOfContainer("/"), { code: "INVALID_ARGUMENT" });
});

test("no name leads out of the subtree", () => {
  for (const name of [
    "",
    "a",
    "/a/",
    "//",
    "/..",
    "/a/../..",
    "/a/./b",
    "/_tasks",
    "/a/_tasks",
    "/a\n",
    "/a\0b",
  ]) {
    assert.throws(() => pathOfName(name), { code: "INVALID_ARGUMENT" }, JSON.stringify(name));
  }
  const name = fc.oneof(fc.string(), fc.stringMatching(/^(\/[a._-]{0,3}){0,4}$/));
  fc.assert(
    fc.property(name, each => {
      let path: string;
      try {
        path = pathOfName(each);
      } catch {
        return;
      }
      assert.equal(posix.join("/mount/sub", path), `/mount/sub${path}`);
    }),
  );
});

test("parents", () => {
  assert.equal(parentOf("/a"), "/");
  assert.equal(parentOf("/a/b"), "/a");
  assert.equal(parentOf("/a/b/c"), "/a/b");
});

test("what is no container belongs to the nearest one", () => {
  assert.equal(nameOfPath(""), "/");
  assert.equal(nameOfPath("/_tasks"), "/");
  assert.equal(nameOfPath("/a/_tasks"), "/a");
  assert.equal(nameOfPath("/a/b/_tasks/inner/deep"), "/a/b");
  assert.equal(nameOfPath("/a/odd:name/b"), "/a");
});

test("a subtree is a proper part of the mount", () => {
  assert.deepEqual(checkSubtree("lmctfy"), ["lmctfy"]);
  assert.deepEqual(checkSubtree("user.slice/lmctfy"), ["user.slice", "lmctfy"]);
  for (const subtree of ["", "/", ".", "..", "a/..", "a//b", "/a", "a/", "a/./b"]) {
    assert.throws(() => checkSubtree(subtree), { code: "INVALID_ARGUMENT" }, subtree);
  }
});
