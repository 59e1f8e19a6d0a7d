/** Sandboxes: code that nobody trusts, and what becomes of it. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeSandbox, type Sandbox, type SandboxOptions } from "../../src/index.ts";
import { Rig, TOOL } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

const sandbox = (rig: Rig, options: SandboxOptions = {}): Promise<Sandbox> =>
  makeSandbox(rig.lmctfy, options);

/** The fixture program, as a mount. */
const tool: NonNullable<SandboxOptions["mounts"]> = [{ source: TOOL, target: "/tool" }];

test("a command's end is data: output, code, signal, input, directory, environment", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig, { files: { "a/hello.txt": "hello\n" }, env: { A: "b" } });
  const result = await box.run(["sh", "-c", "cat a/hello.txt -; pwd; echo $A $C; echo bad >&2; exit 3"], {
    stdin: "input\n",
    env: { C: "d" },
  });
  assert.equal(result.stdout, "hello\ninput\n/work\nb d\n");
  assert.deepEqual(
    [
      result.reason,
      result.exitCode,
      result.signal,
      result.stderr,
      result.oom,
      result.timedOut,
      result.truncated,
    ],
    ["exited", 3, null, "bad\n", false, false, false],
  );
  assert.ok(result.usage.maxRssBytes > 0);
  const killed = await box.run(["sh", "-c", "kill -TERM $$"]);
  assert.deepEqual([killed.reason, killed.signal, killed.exitCode], ["signalled", "SIGTERM", null]);
  await assert.rejects(box.run(["no-such-command"]), { code: "NOT_FOUND" });
});

test("it sees programs of the host and nothing else of it, and cannot change them", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig);
  const seen = await box.run([
    "sh",
    "-c",
    "ls /; ls /proc | grep -c '^[0-9]'; id -u; cat /etc/shadow; touch /usr/x /x",
  ]);
  assert.ok(!/home|root|run|var|srv|media/.test(seen.stdout), seen.stdout);
  assert.match(seen.stderr, /shadow: Permission denied/);
  assert.match(seen.stderr, /'\/usr\/x': Read-only/);
  assert.match(seen.stderr, /'\/x': Read-only/);
  assert.ok(!existsSync("/usr/x"));
});

test("time, output and memory run out, and that is said", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig, { memory: "40M", timeout: "60s", mounts: tool });
  const slow = await box.run(["sleep", "1000"], { timeout: "100ms" });
  assert.deepEqual([slow.reason, slow.timedOut, slow.signal], ["timeout", true, "SIGKILL"]);
  const flood = await box.run(["sh", "-c", "yes"], { maxOutput: 1000 });
  assert.deepEqual([flood.reason, flood.truncated, flood.stdout.length], ["output", true, 1000]);
  const greedy = await box.run(["/tool", "memhog", "200000000"]);
  assert.deepEqual([greedy.reason, greedy.oom], ["oom", true]);
  const fill = await box.run(["dd", "if=/dev/zero", "of=/work/full", "bs=1M", "count=1000"]);
  assert.ok(fill.oom || fill.exitCode === 1, JSON.stringify(fill));
  assert.equal((await box.run(["echo", "still here"])).stdout, "still here\n");
});

test("a fork bomb stays inside, and is gone afterwards", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig, { pids: 20, mounts: tool });
  const bomb = await box.run(["/tool", "forkbomb", "2"], { timeout: "2s" });
  // The kernel's memory for so many forks counts too, and may be what runs out first.
  assert.match(bomb.reason, /^(timeout|oom)$/);
  assert.equal((await box.container.pids()).length, 1, "only the init is left");
  assert.equal((await box.run(["echo", "ok"])).stdout, "ok\n");
});

test("what a command leaves running ends with it", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig);
  const left = await box.run(["sh", "-c", "setsid sleep 1000 & echo started"]);
  assert.deepEqual([left.stdout, left.exitCode], ["started\n", 0]);
  assert.equal((await box.container.pids()).length, 1);
});

test("files go in and out, and links lead to nothing that it may not read", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  writeFileSync(join(files.directory, "secret"), "of the host", { mode: 0o600 });
  await using box = await sandbox(rig, {
    mounts: [{ source: join(files.directory, "secret"), target: "/secret" }],
  });
  const large = Buffer.alloc(7_000_000, "x");
  await box.write("deep/er/large", large);
  assert.deepEqual(await box.read("deep/er/large"), large);
  assert.equal(
    (await box.run(["sh", "-c", "wc -c < deep/er/large; stat -c %u deep"])).stdout,
    "7000000\n0\n",
  );
  await box.run([
    "sh",
    "-c",
    "ln -s /secret link; ln -s /etc/shadow shadow; mkfifo pipe; mkdir directory; echo abc > small",
  ]);
  for (const [name, code] of [
    ["link", "PERMISSION_DENIED"],
    ["shadow", "PERMISSION_DENIED"],
    ["pipe", "INVALID_ARGUMENT"],
    ["directory", "INVALID_ARGUMENT"],
    ["missing", "NOT_FOUND"],
  ] as const) {
    await assert.rejects(box.read(name), { code }, name);
  }
  await assert.rejects(box.read("small", { maxBytes: 3 }), { code: "RESOURCE_EXHAUSTED" });
  assert.equal(String(await box.read("small", { maxBytes: 4 })), "abc\n");
  await assert.rejects(box.write("/etc/x", "x"), { message: /EROFS/ });
  await assert.rejects(box.write("", "x"), { code: "INVALID_ARGUMENT" });
});

test("reset makes it what it was", async () => {
  await using rig = Rig.create();
  await using box = await sandbox(rig, { files: { kept: "1" } });
  await box.run(["sh", "-c", "echo 2 > kept; echo 3 > new; echo 4 > /tmp/new"]);
  await box.reset();
  assert.equal((await box.run(["sh", "-c", "cat kept; ls /work /tmp"])).stdout, "1/tmp:\n\n/work:\nkept\n");
});

test("aborting, running at once, and a root of its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  await using box = await sandbox(rig, { root: files.path });
  const aborted = await box.run(["sleep", "1000"], { signal: AbortSignal.timeout(50) });
  assert.equal(aborted.reason, "aborted");
  const many = await Promise.all([1, 2, 3, 4].map(n => box.run(["sh", "-c", `sleep 0.1; echo ${n}`])));
  assert.deepEqual(
    many.map(each => each.stdout),
    ["1\n", "2\n", "3\n", "4\n"],
  );
  assert.match((await box.run(["ls", "/"])).stdout, /^bin\ndev\netc\nhome\n/);
});

test("wrong options are told, and nothing is left", async () => {
  await using rig = Rig.create();
  for (const [options, message] of [
    [{ memory: "much" }, /memory is bytes, or a text such as "256M": "much"/],
    [{ cpus: 0 }, /cpus is a number from 0\.004/],
    [{ pids: 0.5 }, /pids is a whole number/],
    [{ timeout: "soon" }, /timeout is milliseconds/],
    [{ network: "some" as "none" }, /network is "none" or "host"/],
    [{ root: "no/such" }, /rootfs must be an absolute path/],
    [{ files: { "": "x" } }, /no name of a file/],
  ] as const) {
    await assert.rejects(sandbox(rig, options), { code: "INVALID_ARGUMENT", message });
  }
  await rig.assertClean();
});
