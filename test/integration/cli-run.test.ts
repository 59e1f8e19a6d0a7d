/** `lmctfy run` on the TypeScript side: arguments, exit codes, signals, and what is said about the end. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { placesOf, runtimeDirectory } from "../../src/container/places.ts";
import { COMMAND, eventually, execute, Rig, TOOL } from "../rig/rig.ts";

/** Prints `ready PID`, and then `got SIGNAL` for each one that arrives; TERM ends it with 5. */
const LISTENER = `
  for s in HUP INT QUIT USR1 USR2; do trap "echo got $s" $s; done
  trap "echo got TERM; exit 5" TERM
  echo ready $$
  while :; do sleep 0.02; done`;

test("the words of the command arrive as they are", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await rig.command(["run", ...args]);
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    return stdout;
  };
  assert.equal(await said("/a", "echo hello  world"), "hello world\n"); // by the shell
  assert.equal(await said("/a", "--", "echo hello; echo world"), "hello\nworld\n");
  assert.equal(
    await said("a", "printf", "%s|", "-n", "--json", "a b", "", "-h", "--", "help"),
    "-n|--json|a b||-h|--|help|",
  );
  assert.equal(await said("--", "/a", "/bin/echo", "-n", "x"), "x");
  assert.equal(await said("/a", "printf", "é€😀"), "é€😀");
});

test("user, directory, environment, standard input", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const run = (args: string[], options = {}) => rig.command(["run", ...args], options);
  assert.equal((await run(["-u", "65534:1", "-w", "/", "/a", "id -u; id -g"])).stdout, "65534\n1\n");
  assert.equal((await run(["-w", "/usr", "/a", "pwd"])).stdout, "/usr\n");
  assert.equal((await run(["/a", "pwd"], { cwd: "/etc" })).stdout, "/etc\n");
  const env = await run(["-e", "A=1=2", "--env=B=", "/a", 'echo "$A,$B,$C,$D"'], { env: { A: "0", C: "3" } });
  assert.equal(env.stdout, "1=2,,3,\n");
  assert.equal((await run(["/a", "cat"], { input: "some\0bytes\n" })).stdout, "some\0bytes\n");
  const elsewhere = await run(["-w", "/nonexistent", "/a", "true"]);
  assert.equal(elsewhere.code, 3);
  assert.match(elsewhere.stderr, /working directory \/nonexistent: ENOENT/);
});

test("exit codes: the command's own, a signal's, and those of a shell", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const table: [args: string[], code: number, stderr: RegExp][] = [
    [["/a", "true"], 0, /^$/],
    [["/a", "exit 7 "], 7, /^$/],
    [["/a", "exit 255 "], 255, /^$/],
    [["/a", "kill -TERM $$"], 143, /^$/],
    [["/a", "kill -KILL $$"], 137, /^$/],
    [["/a", "kill -34 $$"], 162, /^$/],
    [["/a", "no-such-command"], 127, /command not found in PATH: no-such-command \(NOT_FOUND, exit 127\)/],
    [["/a", "/no/such"], 127, /command not found: \/no\/such/],
    [["/a", "/etc/passwd"], 126, /may not be executed: \/etc\/passwd \(PERMISSION_DENIED, exit 126\)/],
    [["/a", "/"], 126, /\/ \(PERMISSION_DENIED, exit 126\)/],
    [["/a", "-n", "true"], 127, /flags of lmctfy go before the name/],
    [["/a", ""], 3, /no command/],
    [["/b", "true"], 5, /no container \/b/],
  ];
  for (const [args, code, stderr] of table) {
    const said = await rig.command(["run", ...args]);
    assert.equal(said.code, code, `${args.join(" ")}: ${said.stderr}`);
    assert.match(said.stderr, stderr);
    assert.equal(said.stdout, "");
  }
  const missing = await rig.command(["run", "--json", "/a", "no-such-command"]);
  assert.equal(missing.code, 127);
  assert.equal(JSON.parse(missing.stderr).error.exit_code, 127);
});

test("without waiting: the process id is printed, and the command goes on", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const said = await rig.command(["run", "-n", "/a", "sleep", "1000"]);
  const pid = Number(/^pid="(\d+)"\n$/.exec(said.stdout)?.[1]);
  assert.equal((await rig.command(["list", "pids", "-v", "/a"])).stdout, `${pid}\n`);
  assert.equal((await rig.command(["detect", String(pid), "-v"])).stdout, "/a\n");
  const json = await rig.command(["run", "-n", "--json", "/a", "sleep", "1000"]);
  const { name, pid: second } = JSON.parse(json.stdout) as { name: string; pid: number };
  assert.equal(name, "/a");
  const both = [pid, second].sort((a, b) => a - b);
  assert.deepEqual(JSON.parse((await rig.command(["list", "pids", "--json", "/a"])).stdout), { pids: both });
  assert.equal((await rig.command(["run", "-n", "/a", "no-such-command"])).code, 127);
  assert.equal((await rig.command(["destroy", "/a"])).code, 9);
  assert.equal((await rig.command(["destroy", "-f", "/a"])).code, 0);
  rig.assertClean();
});

test("out of memory is said; an ordinary kill is not", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { memory: { limit: 30_000_000 } });
  const greedy = await rig.command(["run", "/a", TOOL, "memhog", "100000000"]);
  assert.equal(greedy.code, 137);
  assert.match(greedy.stderr, /^lmctfy: \/a: out of memory: .*limit \d+ bytes.*\n$/);
  const json = await rig.command(["run", "--json", "/a", TOOL, "memhog", "100000000"]);
  assert.equal(json.code, 137);
  const { result } = JSON.parse(json.stderr.trim().split("\n").at(-1)!);
  const { usage, ...ending } = result;
  assert.deepEqual(ending, { name: "/a", reason: "oom", exit_code: null, signal: "SIGKILL", oom: true });
  assert.ok(usage.max_rss_bytes > 1_000_000);
  assert.equal((await rig.command(["run", "/a", "kill -KILL $$"])).stderr, "");
});

/** A run of the listener that says it is ready; what it says is collected. */
async function listener(rig: Rig, options: { terminal: boolean }) {
  const args = ["run", "/a", "bash", "-c", LISTENER];
  const env = { ...process.env, LMCTFY_ROOT: rig.root, SHELL: "/bin/sh", LISTENER };
  const child: ChildProcess = options.terminal
    ? spawn("script", ["-qec", `exec ${COMMAND} run /a bash -c "$LISTENER"`, "/dev/null"], { env })
    : spawn(COMMAND, args, { env, detached: true }); // a session of its own: no terminal
  const ended = once(child, "exit");
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", chunk => {
    text += chunk;
  });
  const hears = (what: string): Promise<string> =>
    eventually(
      () => text,
      seen => seen.includes(what),
      `no "${what}"`,
    );
  await hears("ready");
  return { child, ended, hears, text: () => text };
}

test("signals are passed on to the command", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const { child, ended, hears } = await listener(rig, { terminal: false });
  for (const signal of ["HUP", "USR1", "USR2", "INT", "QUIT"] as const) {
    child.kill(`SIG${signal}`);
    await hears(`got ${signal}`);
  }
  child.kill("SIGTERM");
  await hears("got TERM");
  assert.deepEqual(await ended, [5, null]);
});

test("a key on the terminal reaches the command once, and the command decides", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const { child, ended, hears, text } = await listener(rig, { terminal: true });
  child.stdin!.write("\x03");
  await hears("got INT");
  child.stdin!.write("\x1c");
  await hears("got QUIT");
  process.kill(Number(/ready (\d+)/.exec(text())![1]), "SIGTERM");
  await hears("got TERM");
  await ended;
  assert.equal(text().match(/got INT/g)?.length, 1);
});

test("a run that has to wait for its container can be interrupted", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const directory = runtimeDirectory(placesOf(rig.root), "/a");
  const lock = spawn("flock", [directory, "sh", "-c", "echo held; read x"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(lock.stdout, "data");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const env = { ...process.env, LMCTFY_ROOT: rig.root };
    const child = spawn(COMMAND, ["run", "/a", "true"], { env, detached: true });
    const ended = once(child, "exit");
    await eventually(
      () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"),
      children => children !== "", // its executor: it is on its way
      "the command does not start an executor",
    );
    child.kill(signal);
    assert.deepEqual(await ended, [null, signal]);
  }
  lock.stdin.end("\n");
  await once(lock, "exit");
});

test("the command ends with lmctfy, when that is killed", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const { child, ended } = await listener(rig, { terminal: false });
  child.kill("SIGKILL");
  await ended;
  await eventually(
    () => container.pids(),
    pids => pids.length === 0,
    "processes are left",
  );
});

test("inside a container, its own name is where names start", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  const inside = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await rig.command([
      "run",
      "/a",
      `lmctfy() { ${COMMAND} "$@"; }; ${line}`,
    ]);
    assert.deepEqual([code, stderr], [0, ""], line);
    return stdout;
  };
  assert.equal(await inside("lmctfy detect -v"), "/a\n");
  assert.equal(await inside("lmctfy create b '' && lmctfy create ../c '' && lmctfy list -v"), "/a/b\n");
  assert.equal(
    await inside("lmctfy run b 'echo hello' && lmctfy destroy ./b && lmctfy list -v /"),
    "hello\n/a\n/c\n",
  );
  assert.match(await inside("lmctfy list pids -v; lmctfy stats; lmctfy spec"), /^\d+\n/);
});

test("the doors for the C front", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { memory: { limit: 30_000_000 } });
  for (const reason of ["missing", "stale", "refused", "failed:12:2"]) {
    const said = await rig.command(["--hot-run", reason, "run", "/a", "echo", "-n", "x"]);
    assert.deepEqual([said.code, said.stdout, said.stderr], [0, "x", ""], reason);
  }
  const failed = await rig.command(["--hot-run", "failed:70:2", "run", "/a", "no-such-command"]);
  assert.equal(failed.code, 127);
  const detached = await rig.command(["--hot-run", "missing", "run", "-n", "/a", "sleep", "1000"]);
  assert.match(detached.stdout, /^pid="\d+"\n$/);

  const plain = await rig.command(["--killed", "/a", "9", ""]);
  assert.deepEqual([plain.code, plain.stdout, plain.stderr], [137, "", ""]);
  const gone = await rig.command(["--killed", "/gone", "9", ""]);
  assert.deepEqual([gone.code, gone.stderr], [137, ""]);
  await rig.command(["run", "/a", TOOL, "memhog", "100000000"]);
  const oom = await rig.command(["--killed", "/a", "9", "oom_kill 0\n"]);
  assert.equal(oom.code, 137);
  assert.match(oom.stderr, /^lmctfy: \/a: out of memory: /);
});

test("a container that a reboot took is made again", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { pids: { limit: 9 } });
  await rig.create("/a/b");
  // What a reboot leaves: the specs.
  for (const path of rig.cgroups().reverse()) await execute("rmdir", [path]);
  await execute("rm", ["-rf", `${rig.root}/run`]);
  const said = await rig.command(["run", "/a/b", "cat /proc/self/cgroup"]);
  assert.deepEqual([said.code, said.stderr], [0, ""]);
  assert.match(said.stdout, /\/a\/b/);
  assert.equal((await rig.command(["list", "-rv", "/"])).stdout, "/a\n/a/b\n");
  assert.ok(rig.cgroups().some(path => readFileSync(`${path}/cgroup.procs`, "utf8") === ""));
});
