/** Running processes that are taken into a container, and waiting until none is left in it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { COMMAND, eventually, execute, Rig, TOOL } from "../rig/rig.ts";

/** Commands outside of any container, ended with the test. */
class Outside implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];

  async start(...argv: [string, ...string[]]): Promise<number> {
    const child = spawn(argv[0], argv.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
    this.#children.push(child);
    await once(child, "spawn");
    return child.pid!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}

const membership = (pid: number | string) => readFileSync(`/proc/${pid}/cgroup`, "utf8");
const NO_PROCESS = 0x3fffff;

test("enter: processes move with all their threads, in every hierarchy, and are limited", async () => {
  await using rig = Rig.create();
  await using outside = new Outside();
  const container = await rig.create("/a", { pids: { limit: 5 }, memory: { eviction_priority: 3000 } });
  // Node has threads, and starts processes when it is told to.
  const script = `
    process.stdin.once("data", () => {
      const { status, error } = require("child_process").spawnSync("${TOOL}", ["exit", "0"]);
      console.log(error ? error.code : status);
    });
    console.log("ready");`;
  const node = spawn("node", ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(node, "exit");
  try {
    await once(node.stdout!, "data");
    const tids = readdirSync(`/proc/${node.pid}/task`).map(Number);
    assert.ok(tids.length > 5, `${tids.length} threads`);
    const other = await outside.start("sleep", "1000");
    // a thread's id stands for its process
    await container.enter([tids.at(-1)!, other, other]);
    assert.deepEqual(
      await container.pids(),
      [node.pid!, other].sort((a, b) => a - b),
    );
    for (const tid of tids) assert.equal(rig.lmctfy.detect(tid), "/a");
    for (const hierarchy of ["0::", "memory:", "freezer:", "cpuset:", "pids:"]) {
      const line = membership(other)
        .split("\n")
        .find(each => each.includes(hierarchy));
      if (line !== undefined) assert.match(line, /\/a(\/_tasks)?$/);
    }
    assert.equal(readFileSync(`/proc/${other}/oom_score_adj`, "utf8"), "400\n");
    node.stdin!.write("go\n");
    const [said] = await once(node.stdout!, "data");
    assert.equal(String(said), "EAGAIN\n");
    await container.killAll();
    assert.deepEqual(await exited, [null, "SIGKILL"]);
  } finally {
    node.kill("SIGKILL");
  }
});

test("enter: all or none", async () => {
  await using rig = Rig.create();
  await using outside = new Outside();
  const container = await rig.create("/a");
  const pid = await outside.start("sleep", "1000");
  const before = membership(pid);
  await assert.rejects(container.enter([pid, NO_PROCESS]), { code: "NOT_FOUND", errno: "ESRCH" });
  assert.equal(membership(pid), before);
  for (const id of [0, -1, 1.5, Number.NaN])
    await assert.rejects(container.enter([pid, id]), { code: "INVALID_ARGUMENT" });
  await assert.rejects((await rig.lmctfy.get("/")).enter([pid]), { code: "INVALID_ARGUMENT" });
  const kernelThread = readdirSync("/proc")
    .filter(entry => /^\d+$/.test(entry))
    .find(
      entry => /^Kthread:\s*1$/m.test(statusOf(entry)) || statusOf(entry).startsWith("Name:\tkthreadd\n"),
    );
  if (kernelThread !== undefined) {
    await assert.rejects(container.enter([pid, Number(kernelThread)]), {
      code: "FAILED_PRECONDITION",
      message: /thread of the kernel/,
    });
  }
  await container.freeze();
  await assert.rejects(container.enter([pid]), { code: "FAILED_PRECONDITION", message: /paused/ });
  assert.equal(membership(pid), before);
  await container.thaw();
  await container.enter([]);
  assert.deepEqual(await container.pids(), []);
});

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

test("enter: a failure on the way moves back who was moved", async () => {
  await using rig = Rig.create();
  await using outside = new Outside();
  const container = await rig.create("/a");
  const pids = [await outside.start("sleep", "1000"), await outside.start("sleep", "1000")];
  const before = pids.map(membership);
  // A hierarchy further on has a list of processes that is read-only; version 2 alone has but one.
  const lists = rig.cgroups().filter(path => /\/a(\/_tasks)?$/.test(path));
  const last = lists.find(path => path.includes("/memory/")) ?? lists.find(path => path.endsWith("/_tasks"))!;
  const file = `${last}/cgroup.procs`;
  const mount = async (...args: string[]) => assert.equal((await execute("mount", args)).code, 0);
  await mount("--bind", file, file);
  try {
    await mount("-o", "remount,bind,ro", file);
    await assert.rejects(container.enter(pids), { errno: "EROFS", path: file });
  } finally {
    assert.equal((await execute("umount", [file])).code, 0);
  }
  assert.deepEqual(pids.map(membership), before);
  assert.deepEqual(await container.pids(), []);
});

test("enter: processes of another PID namespace stay with their owner", async t => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const child = spawn("unshare", ["--pid", "--fork", "--kill-child", "sleep", "1000"], { stdio: "ignore" });
  const ended = once(child, "exit");
  await once(child, "spawn");
  try {
    const children = () => {
      try {
        return readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
      } catch {
        return "gone";
      }
    };
    const inner = await eventually(children, text => text !== "", "unshare does not fork");
    if (inner === "gone") return t.skip("no PID namespaces here");
    await assert.rejects(container.enter([Number(inner)]), {
      code: "FAILED_PRECONDITION",
      message: /another PID namespace/,
    });
    assert.deepEqual(await container.pids(), []);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
});

test("enter, the command: the caller by default", async () => {
  await using rig = Rig.create();
  await using outside = new Outside();
  await rig.create("/a");
  await rig.create("/a/b");
  const env = { LMCTFY_ROOT: rig.root };
  const said = await execute("sh", ["-c", `${COMMAND} enter /a && ${COMMAND} detect -v; true`], { env });
  assert.deepEqual([said.stdout, said.stderr], ["/a\n", ""]);
  // names are relative to where the caller is now
  const inner = await execute(
    "sh",
    ["-c", `${COMMAND} enter /a && ${COMMAND} enter b && ${COMMAND} detect -v`],
    {
      env,
    },
  );
  assert.deepEqual([inner.stdout, inner.stderr], ["/a/b\n", ""]);
  const pid = await outside.start("sleep", "1000");
  const json = await rig.command(["enter", "--json", "/a", String(pid)]);
  assert.deepEqual(JSON.parse(json.stdout), { name: "/a", pids: [pid] });
  for (const [args, code] of [
    [["/a", "x"], 3],
    [["/a", "--json"], 3],
    [["/", String(pid)], 3],
    [["/nope", String(pid)], 5],
    [["/a", String(NO_PROCESS)], 5],
  ] as const)
    assert.equal((await rig.command(["enter", ...args])).code, code, args.join(" "));
});

test("wait: until the last process is gone, here and below", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  await outer.wait();
  const commands = [
    await outer.run(["sleep", "1000"], { stdio: "ignore" }),
    await inner.run(["sleep", "1000"], { stdio: "ignore" }),
  ];
  let over = false;
  const waiting = outer.wait().then(() => {
    over = true;
  });
  await commands[0]!.kill("SIGKILL");
  await commands[0]!.exited;
  await sleep(50);
  assert.equal(over, false);
  await commands[1]!.kill("SIGKILL");
  await waiting;
  assert.equal(await outer.state(), "empty");
  await assert.rejects((await rig.lmctfy.get("/")).wait(), { code: "FAILED_PRECONDITION" });
});

test("wait: gives up when it is told to, and ends with NOT_FOUND when the container goes away", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await container.run(["sleep", "1000"], { stdio: "ignore" });
  await assert.rejects(container.wait({ signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
  await assert.rejects(container.wait({ signal: AbortSignal.abort(new Error("enough")) }), /enough/);
  const destroyed = assert.rejects(container.wait(), { code: "NOT_FOUND" });
  await container.destroy({ force: true });
  await destroyed;
  await assert.rejects(container.wait(), { code: "NOT_FOUND" });
  // another one of the same name is not the one that was waited for
  const first = await rig.create("/a");
  const old = await first.run(["sleep", "1000"], { stdio: "ignore" });
  const waiting = assert.rejects(first.wait(), { code: "NOT_FOUND" });
  await first.destroy({ force: true });
  const second = await rig.create("/a");
  await second.run(["sleep", "1000"], { stdio: "ignore" });
  await waiting;
  await old.exited;
});

test("wait: killAll is an end, and so is a detached command's", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await container.run(["sleep", "1000"], { detached: true });
  const waiting = container.wait();
  await container.killAll();
  await waiting;
  await container.run([TOOL, "exit", "3"], { detached: true });
  await container.wait();
  assert.deepEqual(await container.pids(), []);
});

test("wait, the command", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const quiet = { code: 0, signal: null, stdout: "", stderr: "" };
  assert.deepEqual(await rig.command(["wait", "/a"]), quiet);
  const command = await container.run(["sleep", "1000"], { stdio: "ignore" });
  const said = await rig.command(["wait", "-t", "0.05", "/a"]);
  assert.equal(said.code, 4);
  assert.match(said.stderr, /\/a still runs after 0\.05 s \(DEADLINE_EXCEEDED, exit 4\)/);
  const waiting = rig.command(["wait", "--json", "--timeout=600", "/a"]);
  const interrupted = spawn(COMMAND, ["wait", "/a"], {
    env: { ...process.env, LMCTFY_ROOT: rig.root },
    stdio: "ignore",
  });
  const ended = once(interrupted, "exit");
  await sleep(100);
  interrupted.kill("SIGTERM");
  assert.deepEqual(await ended, [null, "SIGTERM"]);
  await command.kill("SIGKILL");
  assert.deepEqual(await waiting, { ...quiet, stdout: '{"name":"/a"}\n' });
  assert.equal((await rig.command(["wait", "/nope"])).code, 5);
  assert.equal((await rig.command(["wait", "/"])).code, 9);
  assert.equal((await rig.command(["wait", "-t", "soon", "/a"])).code, 3);
});
