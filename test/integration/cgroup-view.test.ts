/** A pure version 2 view without controllers, as in a container on a hybrid machine: made with mounts of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readLayout } from "../../src/cgroup/layout.ts";
import { execute } from "../rig/rig.ts";

const PROGRAM = fileURLToPath(new URL("cgroup-view.js", import.meta.url));
const MOUNT = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup";

test("containers live and die without any controller, and limits are refused with a reason", async t => {
  if (readLayout().kind !== "hybrid")
    return t.skip("this machine has no v2 mount beside v1 to look at alone");
  if (process.getuid?.() !== 0) return t.skip("mounting needs root");
  const said = await execute("unshare", [
    "-m",
    "sh",
    "-c",
    `${MOUNT} && exec "$@"`,
    "sh",
    process.execPath,
    PROGRAM,
  ]);
  assert.equal(said.stderr, "");
  assert.deepEqual(JSON.parse(said.stdout), {
    kind: "v2",
    detected: "/a/b",
    refused: "memory.limit needs the memory controller, and no cgroup hierarchy here carries it",
    signal: "SIGKILL",
    strays: [],
  });
});
