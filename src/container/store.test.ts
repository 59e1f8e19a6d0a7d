import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { placesOf } from "./places.ts";
import * as store from "./store.ts";

function withRoot(use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "lmctfy-store-"));
  try {
    use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test("roots have places and subtrees of their own, however they are written", () => {
  assert.deepEqual(placesOf(undefined), {
    state: "/var/lib/lmctfy",
    runtime: "/run/lmctfy",
    subtree: "lmctfy",
    base: "/",
    private: false,
  });
  const one = placesOf("/srv/one");
  assert.deepEqual(placesOf("/srv//one/"), one);
  assert.deepEqual(placesOf("/srv/x/../one"), one);
  assert.notEqual(placesOf("/srv/two").subtree, one.subtree);
  assert.match(one.subtree, /^lmctfy-[0-9a-f]{12}$/);
  assert.throws(() => placesOf("relative"), { code: "INVALID_ARGUMENT" });
});

test("a container exists while its spec file does", () =>
  withRoot(root => {
    const places = placesOf(root);
    assert.throws(() => store.requireContainer(places, "/a"), { code: "NOT_FOUND", path: "/a" });
    store.makeStateDirectory(places, "/a");
    assert.equal(store.containerExists(places, "/a"), false);
    store.writeSpecFile(places, "/a", "{}");
    assert.equal(store.containerExists(places, "/a"), true);
    store.removeSpecFile(places, "/a");
    assert.throws(() => store.readSpecFile(places, "/a"), { code: "NOT_FOUND" });
    assert.equal(store.containerExists(places, "/"), true);
  }));

test("subcontainers are listed in order, half-made ones are not", () =>
  withRoot(root => {
    const places = placesOf(root);
    for (const name of ["/b", "/a", "/a/y", "/a/x", "/half"]) {
      store.makeStateDirectory(places, name);
      if (name !== "/half") store.writeSpecFile(places, name, "{}");
    }
    assert.deepEqual(store.subcontainers(places, "/"), ["/a", "/b"]);
    assert.deepEqual(store.subcontainersRecursive(places, "/"), ["/a", "/a/x", "/a/y", "/b"]);
  }));

test("removing a container's directories leaves those of its subcontainers", () =>
  withRoot(root => {
    const places = placesOf(root);
    for (const name of ["/a", "/a/b"]) {
      store.makeStateDirectory(places, name);
      store.makeRuntimeDirectory(places, name);
      store.writeSpecFile(places, name, "{}");
    }
    store.removeDirectories(places, "/a");
    assert.deepEqual(readdirSync(join(root, "lib/containers/a")), ["b"]);
    store.removeDirectories(places, "/a/b");
    store.removeDirectories(places, "/a");
    store.removeDirectories(places, "/a");
    assert.deepEqual(readdirSync(join(root, "lib/containers")), []);
  }));

test("marks of pending containers carry their names, also long ones, and are made once", () =>
  withRoot(root => {
    const places = placesOf(root);
    assert.deepEqual(store.pendingNames(places), []);
    const long = `/${"x".repeat(200)}`.repeat(10);
    for (const name of ["/b", "/a", long, "/a"]) store.markPending(places, name);
    assert.deepEqual(store.pendingNames(places), ["/a", "/b", long]);
    for (const name of ["/b", "/a", long, "/a"]) store.clearPending(places, name);
    assert.deepEqual(store.pendingNames(places), []);
  }));

test("what cannot be written is an error that says verb, path and errno", () =>
  withRoot(root => {
    writeFileSync(join(root, "file"), "");
    mkdirSync(join(root, "dir"));
    assert.throws(() => store.makeStateDirectory(placesOf(join(root, "file")), "/a"), {
      code: "INVALID_ARGUMENT",
      errno: "ENOTDIR",
      message: `mkdir \`${root}/file/lib/containers/a\`: ENOTDIR`,
    });
  }));
