/** Running commands through the library: streams, environment, user, endings, and what must not leak in. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Container, Lmctfy } from "../../src/index.ts";
import { eventually, execute, Rig, TOOL, textOf } from "../rig/rig.ts";

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

test("streams: input, output and error are pipes of their own", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await container.run(["sh", "-c", "cat; echo error >&2; exit 3"]);
  command.stdin!.end("one\ntwo\n");
  const [out, err, end] = await Promise.all([textOf(command.stdout), textOf(command.stderr), command.exited]);
  assert.deepEqual([out, err, end.reason, end.exitCode], ["one\ntwo\n", "error\n", "exited", 3]);
});

test("streams: megabytes pass whole, also to a reader that comes late", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await container.run([TOOL, "flood", "20000000"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise(resolve => setTimeout(resolve, 50));
  let size = 0;
  for await (const chunk of command.stdout!) size += chunk.length;
  assert.equal(size, 20_000_000);
  assert.equal((await command.exited).exitCode, 0);
});

test("streams: /dev/stdout can be opened, and a reader that leaves ends the writer", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await container.run(["sh", "-c", "echo hello > /dev/stdout"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.equal(await textOf(command.stdout), "hello\n");
  const flood = await container.run([TOOL, "flood", "1000000000"], { stdio: ["ignore", "pipe", "ignore"] });
  flood.stdout!.once("data", () => flood.stdout!.destroy());
  assert.equal((await flood.exited).signal, "SIGPIPE");
});

test("twenty commands at once, each with its own output", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const outputs = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const command = await container.run(["sh", "-c", `sleep 0.05; echo ${i}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      return textOf(command.stdout);
    }),
  );
  assert.deepEqual(
    outputs,
    Array.from({ length: 20 }, (_, i) => `${i}\n`),
  );
});

test("environment, working directory and PATH are those that were asked for", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await container.run(["sh", "-c", "pwd; env | sort | grep -v '^_='"], {
    env: { PATH: "/usr/bin:/bin", GREETING: "a b=c", ABSENT: undefined },
    cwd: "/usr",
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.equal(await textOf(command.stdout), "/usr\nGREETING=a b=c\nPATH=/usr/bin:/bin\nPWD=/usr\n");
  await assert.rejects(container.run(["sh"], { env: { PATH: "/nowhere" } }), {
    code: "NOT_FOUND",
    message: "/a: command not found in PATH: sh",
  });
});

test("user: ids and groups are exactly those, and no way back", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const status = async (user: NonNullable<Parameters<Container["run"]>[1]>["user"]): Promise<string> => {
    // Not the fixture: others may not be allowed to enter the checkout.
    const command = await container.run(["grep", "-E", "^(Uid|Gid|Groups|CapEff):", "/proc/self/status"], {
      ...(user !== undefined && { user }),
      cwd: "/",
      stdio: ["ignore", "pipe", "inherit"],
    });
    return textOf(command.stdout);
  };
  const none = "CapEff:\t0000000000000000\n";
  const ids = (uid: number, gid: number): string =>
    `Uid:${`\t${uid}`.repeat(4)}\nGid:${`\t${gid}`.repeat(4)}\n`;
  assert.equal(await status("nobody"), `${ids(65534, 65534)}Groups:\t65534 \n${none}`);
  assert.equal(
    await status({ uid: 1234, gid: 5678, groups: [7, 8] }),
    `${ids(1234, 5678)}Groups:\t7 8 \n${none}`,
  );
  await assert.rejects(container.run(["true"], { user: "no-such-user" }), { code: "INVALID_ARGUMENT" });
});

test("nothing of ours leaks in: descriptors, blocked or ignored signals", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const { stdout: fds } = await rig.tool(container, "fds");
  assert.deepEqual(
    fds
      .trim()
      .split("\n")
      .map(line => line.split(" ")[0]),
    ["0", "1", "2"],
  );
  const { stdout: signals } = await rig.tool(container, "status", "SigBlk", "SigIgn", "SigPnd");
  const zero = "0000000000000000";
  assert.equal(signals, `SigPnd:\t${zero}\nSigBlk:\t${zero}\nSigIgn:\t${zero}\n`);
});

test("endings: exit codes, signals, kill, abort", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const code = await rig.tool(container, "exit", "200");
  assert.deepEqual([code.reason, code.exitCode, code.signal], ["exited", 200, null]);
  const died = await rig.tool(container, "die", "15");
  assert.deepEqual([died.reason, died.exitCode, died.signal], ["signalled", null, "SIGTERM"]);

  const trap = await container.run([TOOL, "trap", "10"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise(resolve => trap.stdout!.once("data", resolve));
  assert.equal(await trap.kill("SIGUSR1"), true);
  assert.equal((await trap.exited).exitCode, 0);
  assert.equal(await trap.kill(), false, "a dead process was signalled");
  await assert.rejects(trap.kill("SIGNOPE" as "SIGTERM"), { code: "INVALID_ARGUMENT" });

  const controller = new AbortController();
  const sleeper = await container.run(["sleep", "1000"], { stdio: "ignore", signal: controller.signal });
  controller.abort();
  assert.deepEqual([(await sleeper.exited).reason, isAlive(sleeper.pid)], ["aborted", false]);
  await assert.rejects(container.run(["true"], { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("what cannot run is an error that says why, and leaves no process", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const script = join(rig.root, "not-executable");
  writeFileSync(script, "#!/bin/sh\n");
  const cases: [Parameters<Container["run"]>, object][] = [
    [[["no-such-command"]], { code: "NOT_FOUND" }],
    [[["/no/such/command"]], { code: "NOT_FOUND", path: "/no/such/command" }],
    [[[script]], { code: "PERMISSION_DENIED" }],
    [[["/usr"]], { code: "PERMISSION_DENIED" }],
    [[[]], { code: "INVALID_ARGUMENT" }],
    [[["a\0b"]], { code: "INVALID_ARGUMENT" }],
    [[["true"], { cwd: "relative" }], { code: "INVALID_ARGUMENT" }],
    [[["true"], { cwd: "/no/such/directory" }], { code: "INVALID_ARGUMENT", errno: "ENOENT" }],
    [[["true"], { env: { "A=B": "c" } }], { code: "INVALID_ARGUMENT" }],
    [[["true"], { stdio: "pip" as "pipe" }], { code: "INVALID_ARGUMENT" }],
    [[["true"], { detached: true, stdio: "pipe" }], { code: "INVALID_ARGUMENT" }],
  ];
  for (const [args, expected] of cases) await assert.rejects(container.run(...args), expected);
  await eventually(
    () => container.pids(),
    pids => pids.length === 0,
    "a process is left",
  );
  const same = await container.run(["true"], { stdio: "ignore" });
  assert.equal((await same.exited).exitCode, 0, "a failed start left the container unusable");
});

test("a detached command outlives the library, and its end is recorded", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { memory: { limit: 100_000_000 } });
  let pid: number;
  {
    using other = new Lmctfy({ root: rig.root });
    const container = await other.get("/a");
    assert.equal(await container.lastExit(), undefined);
    const command = await container.run([TOOL, "trap", "10"], { detached: true });
    pid = command.pid;
    await assert.rejects(command.exited, { code: "UNIMPLEMENTED" });
  }
  const container = await rig.lmctfy.get("/a");
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.deepEqual(await container.pids(), [pid]);
  process.kill(pid, "SIGKILL");
  const end = await eventually(
    () => container.lastExit(),
    seen => seen !== undefined,
    "no exit record",
  );
  assert.deepEqual([end!.pid, end!.reason, end!.signal], [pid, "signalled", "SIGKILL"]);
  assert.ok(Math.abs(Date.now() - end!.endedAt.getTime()) < 60_000);

  const greedy = await container.run([TOOL, "memhog", "300000000"], { detached: true });
  const oom = await eventually(
    () => container.lastExit(),
    seen => seen?.pid === greedy.pid,
    "no record of the second",
  );
  assert.deepEqual([oom!.reason, oom!.oom], ["oom", true]);
});

test("a command that is not detached ends with the library", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const other = new Lmctfy({ root: rig.root });
  const command = await (await other.get("/a")).run(["sleep", "1000"], { stdio: "ignore" });
  assert.ok(isAlive(command.pid));
  other.close();
  await assert.rejects(command.exited);
  await eventually(
    () => isAlive(command.pid),
    alive => !alive,
    "the command outlived its library",
  );
});

test("after a restart of the machine the container is made again at its first run", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a", { memory: { limit: 100_000_000 } });
  const container = await rig.create("/a/b", { pids: { limit: 3 } });
  // what a restart takes: all cgroups and /run
  const { openCgroups } = await import("../../src/cgroup/driver.ts");
  const { placesOf } = await import("../../src/container/places.ts");
  await openCgroups({ subtree: placesOf(rig.root).subtree }).remove("/a");
  rmSync(join(rig.root, "run"), { recursive: true });
  const { stdout } = await rig.tool(container, "forks", "10");
  assert.equal(stdout, "2 EAGAIN\n");
  assert.equal((await rig.tool(outer, "memhog", "300000000")).reason, "oom");
  assert.ok(existsSync(join(rig.root, "run/containers/a/b/_run.prog")));
});

test("two copies of the library work side by side", async () => {
  const directory = mkdtempSync(join(tmpdir(), "lmctfy-two-"));
  try {
    using one = new Lmctfy({ root: directory });
    using two = new Lmctfy({ root: directory });
    const mine = await one.create("/a");
    const theirs = await two.get("/a");
    const command = await mine.run(["sleep", "1000"], { stdio: "ignore" });
    await assert.rejects(theirs.destroy(), { code: "FAILED_PRECONDITION" });
    await theirs.destroy({ force: true });
    assert.equal((await command.exited).signal, "SIGKILL");
    await assert.rejects(mine.stats(), { code: "NOT_FOUND" });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("descriptors do not pile up, read or not", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const open = (): number => readdirSync("/proc/self/fd").length;
  const once = async (): Promise<void> => {
    await (await container.run([TOOL, "flood", "10"])).exited;
  };
  await once();
  const before = open();
  for (let i = 0; i < 50; i++) await once();
  await eventually(open, count => count <= before + 3, `descriptors, ${before} at first`);
});

test("a detached command can be signalled, and keeps nobody alive", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const command = await container.run(["sleep", "1000"], { detached: true });
  assert.equal(await command.kill("SIGKILL"), true);
  await eventually(
    () => isAlive(command.pid),
    alive => !alive,
    "it was not killed",
  );

  const library = new URL("../../src/index.js", import.meta.url);
  const script = `
    import { Lmctfy } from ${JSON.stringify(library.href)};
    const container = await new Lmctfy().get("/a");
    await container.run(["sleep", "1000"], { detached: true });`;
  const { code, stderr } = await execute(process.execPath, ["--input-type=module", "-e", script], {
    env: { LMCTFY_ROOT: rig.root },
  });
  assert.deepEqual([code, stderr], [0, ""]);
});
