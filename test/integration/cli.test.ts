/** The command: what it prints, in which form, and what it exits with. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { placesOf, runtimeDirectory } from "../../src/container/places.ts";
import { ContainerSpec, parseJson, parseText } from "../../src/spec/index.ts";
import { COMMAND, eventually, execute, Rig } from "../rig/rig.ts";

/** A line for bash, with the command as `lmctfy`; a pipe fails when any part of it does. */
const shell = (rig: Rig, line: string) =>
  execute("bash", ["-c", `set -o pipefail; lmctfy() { ${COMMAND} "$@"; }; ${line}`], {
    env: { LMCTFY_ROOT: rig.root },
  });

test("exit codes, and what is said", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  await rig.create("/a/b");
  const table: [args: string[], code: number, stderr: RegExp][] = [
    [[], 5, /^Usage: lmctfy/],
    [["bogus"], 5, /there is no command "bogus"/],
    [["lst"], 5, /Did you mean lmctfy list\?/],
    [["notify", "memory", "oom", "/c"], 5, /no container \/c/],
    [["update", "/c", ""], 5, /no container \/c/],
    [["update", "replace", "/a"], 3, /the spec is missing/],
    [["update", "diff", "/a", "network:{}"], 12, /network/],
    [["update", "replce", "/a", ""], 3, /Did you mean lmctfy update replace\?/],
    [["update", "/", ""], 9, /is the machine/],
    [["create"], 3, /NAME is missing/],
    [["create", "/c"], 3, /the spec is missing/],
    [["create", "/c", "", "-c", "/dev/null"], 3, /there are two specs/],
    [["create", "/c", "-c", "/nonexistent"], 5, /open `\/nonexistent`: ENOENT/],
    [["create", "/c", "-c", "/dev/zero"], 3, /too long for a spec/],
    [["create", "/c", "memroy:{}"], 3, /spec:1:1: unknown field "memroy"/],
    [["create", "/c", "network:{}"], 12, /network/],
    [["create", "/_c", ""], 3, /invalid container name/],
    [["create", "/a", ""], 6, /\/a exists already \(ALREADY_EXISTS, exit 6\)/],
    [["create", "/x/y", ""], 9, /\/x does not exist/],
    [["destroy", "/c"], 5, /no container \/c/],
    [["destroy", "-f", "/c"], 5, /no container \/c/],
    [["destroy", "/a"], 9, /\/a is in use/],
    [["destroy", "/a", "/b"], 3, /one argument too many/],
    [["destroy", "-f", "/"], 9, /cannot be destroyed/],
    [["killall", "/"], 9, /are the machine's/],
    [["spec", "/c"], 5, /no container \/c/],
    [["stats", "ful"], 5, /Did you mean lmctfy stats full\?/],
    [["list", "pid", "/a"], 3, /Did you mean lmctfy list pids\?/],
    [["list", "--root", ""], 3, /--root names no directory/],
    [["list", "-f"], 3, /list containers takes no -f/],
    [["list", "--recursve"], 3, /Did you mean --recursive\?/],
    [["detect", "x"], 3, /"x" is not the id of a process/],
    [["detect", "-5"], 3, /"-5" is not the id of a process/],
    [["detect", "2147483647"], 5, /2147483647/],
    [["run", "/c", "true"], 5, /no container \/c/],
    [["run", "/a"], 3, /COMMAND is missing/],
    [["run", "-e", "X", "/a", "true"], 3, /sets no variable/],
    [["run", "-u", "no such user", "/a", "true"], 3, /no such user/],
    [["run", "/", "true"], 3, /do not run in the container \//],
    [["help", "bogus"], 5, /there is no command "bogus"/],
    [["--generate", "man"], 3, /usage/],
    [["--hot-run", "bogus", "run", "/a", "true"], 3, /no such reason/],
  ];
  const check = async ([args, code, stderr]: (typeof table)[number]): Promise<void> => {
    const said = await rig.command(args);
    assert.equal(said.code, code, `${args.join(" ")}: ${said.stderr}`);
    assert.match(said.stderr, stderr, args.join(" "));
    assert.equal(said.stdout, "", args.join(" "));
  };
  await Promise.all(table.map(check));
  const left = await rig.command(["list", "-r", "-v", "/"]);
  assert.equal(left.stdout, "/a\n/a/b\n"); // nothing of all that changed anything
});

test("help and version need no root and no machine, and go to standard output", async () => {
  await using rig = Rig.create();
  for (const args of [["help"], ["-h"], ["--help"], ["--lmctfy_print_help"]]) {
    const said = await rig.command(args);
    assert.deepEqual([said.code, said.stderr], [0, ""]);
    assert.match(said.stdout, /^Usage: lmctfy \[FLAG\.\.\.\] COMMAND/);
  }
  for (const args of [
    ["help", "list"],
    ["help", "list", "pids"],
    ["list", "-h"],
    ["list", "pids", "help"],
  ]) {
    const said = await rig.command(args);
    assert.equal(said.code, 0);
    assert.match(said.stdout, /^Usage\n {4}lmctfy list \[containers\] \[-r\] \[NAME\]\n/);
  }
  for (const args of [["version"], ["-V"], ["--version"], ["--lmctfy_version"], ["list", "-V"]]) {
    const said = await rig.command(args);
    assert.match(said.stdout, /^lmctfy version \d+\.\d+\.\d+\n$/);
  }
  assert.deepEqual(rig.files(), []);
});

test("a container from its creation to its end, in the three styles", async () => {
  await using rig = Rig.create();
  const quiet = { code: 0, signal: null, stdout: "", stderr: "" };
  const says = (stdout: string) => ({ ...quiet, stdout });
  assert.deepEqual(await rig.command(["init"]), quiet);
  assert.deepEqual(await rig.command(["list", "/"]), quiet);
  assert.deepEqual(await rig.command(["create", "memory_only", "memory:{limit:100000000}"]), quiet);
  assert.deepEqual(await rig.command(["create", "/b", ""]), quiet);
  assert.deepEqual(await rig.command(["create", "/b/c", "pids { limit: 7 }"]), quiet);

  assert.deepEqual(await rig.command(["list"]), says('name="/b"\nname="/memory_only"\n'));
  assert.deepEqual(await rig.command(["list", "-rv"]), says("/b\n/b/c\n/memory_only\n"));
  assert.deepEqual(
    await rig.command(["list", "containers", "--lmctfy_output_style=long", "/b"]),
    says("name                 | /b/c\n\n"),
  );
  assert.deepEqual(await rig.command(["list", "pids", "/b"]), quiet);
  assert.deepEqual(await rig.command(["detect"]), says('name="/"\n'));
  assert.deepEqual(await rig.command(["spec", "memory_only"]), says("memory {\n  limit: 100000000\n}\n"));
  assert.match((await rig.command(["stats", "memory_only"])).stdout, /^memory \{$/m);
  assert.deepEqual(await rig.command(["killall", "/b"]), quiet);
  assert.deepEqual(await rig.command(["destroy", "memory_only"]), quiet);
  assert.deepEqual(await rig.command(["destroy", "/b", "-f"]), quiet);
  assert.deepEqual(await rig.command(["gc"]), quiet);
  rig.assertClean();
});

test("JSON: one line of it from every command, and errors too", async () => {
  await using rig = Rig.create();
  const json = async (...args: string[]): Promise<unknown> => {
    const { stdout, stderr, code } = await rig.command([...args, "--json"]);
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    assert.match(stdout, /^[^\n]+\n$/);
    return JSON.parse(stdout);
  };
  assert.deepEqual(await json("init"), { containers: [] });
  assert.deepEqual(await json("create", "/a", "memory:{limit:50000000} pids:{limit:9}"), { name: "/a" });
  assert.deepEqual(await json("create", "/a/b", ""), { name: "/a/b" });
  assert.deepEqual(await json("list"), { containers: [{ name: "/a", state: "empty" }] });
  assert.deepEqual(await json("list", "-r", "/"), {
    containers: [
      { name: "/a", state: "empty" },
      { name: "/a/b", state: "empty" },
    ],
  });
  assert.deepEqual(await json("list", "pids", "/a"), { pids: [] });
  assert.deepEqual(await json("list", "tids", "/a"), { tids: [] });
  assert.deepEqual(await json("detect"), { name: "/" });
  assert.deepEqual(await json("spec", "/a"), { memory: { limit: 50_000_000 }, pids: { limit: 9 } });
  const stats = (await json("stats", "full", "/a")) as {
    memory: { usage: number };
    pids: { current: number };
  };
  assert.equal(typeof stats.memory.usage, "number");
  assert.equal(stats.pids.current, 0);
  const plan = (await json("plan", "/a")) as {
    name: string;
    create: string[];
    run: Record<string, unknown>[];
  };
  assert.equal(plan.name, "/a");
  assert.ok(plan.create.length > 0);
  assert.deepEqual(Object.keys(plan.run[0]!).slice(0, 4), ["step", "label", "stage", "on_error"]);
  const features = (await json("features")) as { kernel: { release: string } };
  assert.equal(typeof features.kernel.release, "string");
  const version = (await json("version")) as { version: string; program_format: number };
  assert.equal(version.program_format, 1);
  const help = (await json("help", "run")) as { commands: { words: string[] }[] };
  assert.deepEqual(help.commands[0]?.words, ["run"]);
  assert.deepEqual(await json("killall", "/a"), { name: "/a" });
  assert.deepEqual(await json("destroy", "-f", "/a"), { name: "/a" });
  assert.deepEqual(await json("gc"), { containers: [] });

  for (const [args, code] of [
    [["spec", "/a", "--json"], "NOT_FOUND"],
    [["--json", "bogus"], "NOT_FOUND"],
    [["--json"], "NOT_FOUND"],
    [["list", "--bogus", "--json"], "INVALID_ARGUMENT"],
    [["create", "/a", "cpu:{max_limit:x}", "--json"], "INVALID_ARGUMENT"],
  ] as const) {
    const said = await rig.command(args);
    assert.equal(said.stdout, "");
    const { error } = JSON.parse(said.stderr) as {
      error: { code: string; exit_code: number; message: string };
    };
    assert.equal(error.code, code);
    assert.equal(error.exit_code, said.code);
    assert.equal(typeof error.message, "string");
  }
});

test("specs: inline, from files and from standard input, in every form, and back out", async () => {
  await using rig = Rig.create();
  const directory = mkdtempSync(join(tmpdir(), "lmctfy-specs-"));
  try {
    const expected = parseText(ContainerSpec, "memory:{limit:50000000} pids:{limit:9}");
    const files: [name: string, content: string][] = [
      ["plain", "memory { limit: 50000000 } # a comment\npids { limit: 9 }\n"],
      ["spec.json", '{"memory": {"limit": 50000000}, "pids": {"limit": "9"}}'],
      ["unnamed", '{"memory": {"limit": 50000000}, "pids": {"limit": 9}}'],
      ["spec.yaml", "memory:\n  limit: 50000000\npids: {limit: 9}\n"],
    ];
    for (const [name, content] of files) {
      writeFileSync(join(directory, name), content);
      const container = `/${name}`;
      const said = await rig.command(["create", "-c", name, container], { cwd: directory });
      assert.deepEqual([said.code, said.stderr], [0, ""], name);
      const { stdout } = await rig.command(["spec", "--json", container]);
      assert.deepEqual(parseJson(ContainerSpec, stdout), expected, name);
    }
    const piped = await rig.command(["create", "/stdin", "--config=-"], { input: files[0]![1] });
    assert.equal(piped.code, 0);
    const copied = await shell(
      rig,
      "lmctfy spec -b /stdin | lmctfy create /binary -c - && lmctfy spec /binary | lmctfy create /text -c -",
    );
    assert.deepEqual([copied.code, copied.stderr], [0, ""]);
    const { stdout } = await rig.command(["spec", "/text"]);
    assert.deepEqual(parseText(ContainerSpec, stdout), expected);

    writeFileSync(join(directory, "bad"), "memory {\n  limt: 5\n}\n");
    const bad = await rig.command(["create", "/bad", "-c", "bad"], { cwd: directory });
    assert.equal(bad.code, 3);
    assert.match(
      bad.stderr,
      /^lmctfy: error: bad:2:3: unknown field "limt" in memory, did you mean "limit"\?/,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a reader that has enough is no failure; a full disk is", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  for (const call of ["help", "plan /a", "help --json", "features"]) {
    const said = await shell(rig, `lmctfy ${call} | head -c 1 | wc -c`);
    assert.deepEqual([said.code, said.stdout.trim(), said.stderr], [0, "1", ""], call);
    const closed = await shell(rig, `lmctfy ${call} | true`);
    assert.deepEqual([closed.code, closed.stderr], [0, ""], call);
  }
  const full = await shell(rig, "lmctfy version > /dev/full");
  assert.equal(full.code, 8);
  assert.match(full.stderr, /write `standard output`: ENOSPC/);
  // a small, non-blocking pipe with a slow reader loses nothing
  const nonBlocking =
    "fcntl(STDOUT, F_SETPIPE_SZ, 4096); fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK); exec @ARGV";
  const perl = `perl -e 'use Fcntl; sub F_SETPIPE_SZ { 1031 } ${nonBlocking}'`;
  const slow = await shell(rig, `${perl} ${COMMAND} help --json | (sleep .2; cat)`);
  assert.doesNotThrow(() => JSON.parse(slow.stdout));
  assert.deepEqual([slow.code, slow.stderr], [0, ""]);
});

test("roots are apart; --root goes before LMCTFY_ROOT and may be relative", async () => {
  await using rig = Rig.create();
  await using other = Rig.create();
  await rig.create("/mine");
  await other.create("/theirs");
  const names = async (args: string[], cwd?: string): Promise<string> =>
    (await rig.command(["list", "-v", "/", ...args], cwd === undefined ? {} : { cwd })).stdout;
  assert.equal(await names([]), "/mine\n");
  assert.equal(await names(["--root", other.root]), "/theirs\n");
  assert.equal(await names(["--root=."], other.root), "/theirs\n");
});

test("colour: on a terminal only, and not against NO_COLOR", async () => {
  await using rig = Rig.create();
  const onTerminal = async (line: string, env: Record<string, string>): Promise<string> => {
    const said = await execute("script", ["-qec", `${COMMAND} ${line}`, "/dev/null"], {
      env: { LMCTFY_ROOT: rig.root, TERM: "xterm", NO_COLOR: "", ...env },
    });
    return said.stdout;
  };
  assert.ok((await onTerminal("help", {})).includes("\u001b[1mCommands"));
  assert.ok((await onTerminal("bogus", {})).includes("\u001b[1;31merror:"));
  assert.ok(!(await onTerminal("help", { NO_COLOR: "1" })).includes("\u001b"));
  assert.ok(!(await onTerminal("bogus", { TERM: "dumb" })).includes("\u001b"));
  assert.ok(!(await rig.command(["help"])).stdout.includes("\u001b"));
});

test("plan shows the steps of both sides, numbered and grouped", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { memory: { limit: 50_000_000 } });
  const { stdout } = await rig.command(["plan", "/a"]);
  assert.match(stdout, /^# create \/a: \d+ steps on the host\nmkdir\("/);
  assert.match(stdout, /^write\(".*", "50000000"\)$/m);
  assert.match(stdout, /^# run in \/a: a program of \d+ steps\n# [a-z].*\n +1 {2}\S/m);
  assert.match(stdout, /^ *\d+ {2}clone3\(/m);
  assert.match(stdout, /^ *\d+ {2}.* # to step \d+$/m);
});

test("create that is interrupted undoes its work and ends of the signal", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  // While somebody works on the parent, its child has to wait.
  const lock = spawn("flock", [runtimeDirectory(placesOf(rig.root), "/a"), "sh", "-c", "echo held; read x"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(lock.stdout, "data");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const child = spawn(COMMAND, ["create", "/a/b", ""], { env: { ...process.env, LMCTFY_ROOT: rig.root } });
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
  assert.equal((await rig.command(["list", "-rv", "/"])).stdout, "/a\n");
});

test("a user without rights is told what to do, in one error", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  chmodSync(rig.root, 0o755);
  // A copy: others may not be allowed to enter the checkout.
  for (const path of ["bin/lmctfy", "libexec/lmctfy/cli"]) {
    cpSync(join(dirname(COMMAND), "..", path), join(rig.root, path));
  }
  const asNobody = (...args: string[]) => {
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    const options = { env: { LMCTFY_ROOT: rig.root }, cwd: "/" };
    return execute("setpriv", [...user, join(rig.root, "bin/lmctfy"), ...args], options);
  };
  for (const args of [["list"], ["run", "/a", "true"], ["create", "/b", ""], ["destroy", "/a"]]) {
    const { code, stdout, stderr } = await asNobody(...args);
    assert.deepEqual([code, stdout], [7, ""], `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /^lmctfy: error: .* \(PERMISSION_DENIED, exit 7\)\n {2}.*run it as root/i);
  }
  assert.equal((await asNobody("version")).code, 0);
});
