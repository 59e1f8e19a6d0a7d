import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LmctfyError } from "../errors.ts";
import { applySteps, type HostStep, printStep } from "./steps.ts";

class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "lmctfy-steps-"));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const stage = "setting memory.limit";

function failure(steps: HostStep[]): LmctfyError {
  try {
    applySteps(steps);
  } catch (error) {
    assert.ok(error instanceof LmctfyError);
    return error;
  }
  assert.fail("nothing was thrown");
}

test("steps are done in order, and the directories that are new are told", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  writeFileSync(`${path}/file`, "");
  const steps: HostStep[] = [
    { op: "mkdir", path: `${path}/a`, stage },
    { op: "mkdir", path: `${path}/a/b`, stage },
    { op: "write", path: `${path}/file`, value: "100", stage },
  ];
  assert.deepEqual(applySteps(steps), { made: [`${path}/a`, `${path}/a/b`] });
  assert.equal(readFileSync(`${path}/file`, "utf8"), "100");
  const again: HostStep[] = [{ op: "mkdir", path: `${path}/a`, stage, mayExist: true }];
  assert.deepEqual(applySteps(again), { made: [] });
});

test("a failure undoes the directories made before, and only those", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  applySteps([{ op: "mkdir", path: `${path}/old`, stage }]);
  const error = failure([
    { op: "mkdir", path: `${path}/old`, stage, mayExist: true },
    { op: "mkdir", path: `${path}/new`, stage },
    { op: "mkdir", path: `${path}/new/inner`, stage },
    { op: "write", path: `${path}/new/memory.max`, value: "100", stage },
  ]);
  assert.equal(existsSync(`${path}/new`), false);
  assert.equal(existsSync(`${path}/old`), true);
  assert.equal(error.code, "FAILED_PRECONDITION");
  assert.equal(error.message, `write \`${path}/new/memory.max\` "100": ENOENT (while setting memory.limit)`);
  assert.equal(error.hint, "This kernel has no such control file.");
  assert.deepEqual([error.syscall, error.errno, error.path], ["write", "ENOENT", `${path}/new/memory.max`]);
});

test("a control file is never made or emptied; an optional one may be missing", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  applySteps([{ op: "write", path: `${path}/cpu.idle`, value: "1", stage, optional: true }]);
  assert.equal(existsSync(`${path}/cpu.idle`), false);
  writeFileSync(`${path}/file`, "before");
  applySteps([{ op: "write", path: `${path}/file`, value: "now", stage }]);
  assert.equal(readFileSync(`${path}/file`, "utf8"), "nowore");
});

test("codes and hints", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  const hints = { ENOENT: "Its parent `/a` does not exist." };
  const orphan = failure([{ op: "mkdir", path: `${path}/a/b`, stage, hints }]);
  assert.deepEqual([orphan.code, orphan.hint], ["FAILED_PRECONDITION", hints.ENOENT]);
  assert.equal(failure([{ op: "mkdir", path, stage }]).code, "ALREADY_EXISTS");
  // A device that has no room for anything: the nearest that a plain machine has to a kernel that refuses a value.
  const rejected = failure([{ op: "write", path: "/dev/full", value: "x", stage }]);
  assert.deepEqual([rejected.code, rejected.errno, rejected.hint], ["UNAVAILABLE", "ENOSPC", undefined]);
});

test("steps as strace would print them", () => {
  assert.deepEqual(printStep({ op: "mkdir", path: "/c/a", stage }), ['mkdir("/c/a", 0755)']);
  assert.deepEqual(printStep({ op: "write", path: "/c/a/f", value: "1 2", stage }), [
    'write("/c/a/f", "1 2")',
  ]);
  assert.deepEqual(printStep({ op: "chown", path: "/c/a", uid: 7, gid: -1, stage }), [
    'chown("/c/a", 7, -1)',
  ]);
});
