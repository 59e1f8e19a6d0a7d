import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { userRuntime, userState } from "./user-places.ts";

const uid = process.getuid!();

function withRoot(use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "lmctfy-test-"));
  try {
    for (const name of ["etc", "tmp", "run/user", "home"]) mkdirSync(join(root, name), { recursive: true });
    use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("state: the variable, the home, the home in passwd, or an error", () =>
  withRoot(root => {
    const own = join(root, "home");
    assert.equal(userState({ uid, root, env: { XDG_STATE_HOME: "/s", HOME: own } }), "/s/lmctfy");
    assert.equal(
      userState({ uid, root, env: { XDG_STATE_HOME: "s", HOME: own } }),
      join(own, ".local/state/lmctfy"),
    );
    // Another's home comes from whoever became this user.
    const other = uid + 1;
    writeFileSync(join(root, "etc/passwd"), `root:x:0:0::/root:/bin/sh\nx:x:${other}:1::/home/x:/bin/sh\n`);
    assert.equal(userState({ uid: other, root, env: { HOME: own } }), "/home/x/.local/state/lmctfy");
    assert.throws(() => userState({ uid: other + 1, root, env: { HOME: own } }), {
      code: "FAILED_PRECONDITION",
      hint: /XDG_STATE_HOME/,
    });
  }));

test("runtime files: the variable, /run/user, or a directory in /tmp that is the user's alone", () =>
  withRoot(root => {
    const own = join(root, "home");
    assert.equal(userRuntime({ uid, root, env: { XDG_RUNTIME_DIR: own } }), join(own, "lmctfy"));
    const fallback = join(root, `tmp/lmctfy-${uid}`);
    assert.equal(userRuntime({ uid, root, env: {} }), fallback);
    assert.equal(statSync(fallback).mode & 0o777, 0o700);
    assert.equal(userRuntime({ uid, root, env: { XDG_RUNTIME_DIR: "relative" } }), fallback);
    assert.equal(userRuntime({ uid, root, env: { XDG_RUNTIME_DIR: join(root, "none") } }), fallback);
    const refused = { code: "PERMISSION_DENIED", path: fallback };
    chmodSync(fallback, 0o770);
    assert.throws(() => userRuntime({ uid, root, env: {} }), refused);
    rmSync(fallback, { recursive: true });
    symlinkSync(own, fallback);
    assert.throws(() => userRuntime({ uid, root, env: {} }), refused);
    rmSync(fallback);
    mkdirSync(join(root, `run/user/${uid}`));
    assert.equal(userRuntime({ uid, root, env: {} }), join(root, `run/user/${uid}/lmctfy`));
    assert.equal(existsSync(fallback), false);
  }));
