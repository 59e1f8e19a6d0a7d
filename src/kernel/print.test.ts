import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_FDCWD, CLONE, MS, O } from "./constants.ts";
import { formatCall, formatFlags, quote } from "./print.ts";

test("calls are printed as strace prints them", () => {
  const n = (value: number): bigint => BigInt(value);
  assert.equal(
    formatCall("mount", [
      quote("proc"),
      quote("/proc"),
      quote("proc"),
      n(MS.NOSUID | MS.NODEV | MS.NOEXEC),
      0n,
    ]),
    'mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)',
  );
  assert.equal(
    formatCall("openat", [n(AT_FDCWD), quote("/a"), n(O.RDONLY | O.CLOEXEC), 0n]),
    'openat(AT_FDCWD, "/a", O_CLOEXEC)',
  );
  assert.equal(
    formatCall("openat", [n(AT_FDCWD), quote("/a"), n(O.WRONLY | O.CREAT), 0o600n]),
    'openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT, 0600)',
  );
  assert.equal(formatCall("prctl", [1n, 9n, 0n, 0n, 0n]), "prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)");
  assert.equal(formatCall("close", ["fd"]), "close(fd)");
  assert.equal(formatCall("unshare", [n(CLONE.NEWNS | CLONE.NEWPID)]), "unshare(CLONE_NEWNS|CLONE_NEWPID)");
});

test("bits without a name are shown as a number, long texts are cut", () => {
  assert.equal(formatFlags(0x8001n, { ONE: 1 }, "F_"), "F_ONE|0x8000");
  assert.equal(formatFlags(0n, { ONE: 1 }, "F_"), "0");
  assert.equal(quote("x".repeat(70)), `"${"x".repeat(64)}"...`);
  assert.equal(quote('a"\n'), '"a\\"\\n"');
});
