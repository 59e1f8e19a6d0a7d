/** Containers that are handed over: what their owner can do, and cannot. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { readLayout } from "../../src/cgroup/layout.ts";
import { placesOf } from "../../src/container/places.ts";
import { COMMAND, eventually, Rig, type Said, TOOL } from "../rig/rig.ts";
import { User, unreachable } from "../rig/user.ts";

const skip = unreachable();
const MB = 1_000_000;

const cgroupsOf = (rig: Rig) => openCgroups({ subtree: placesOf(rig.root).subtree });

/** A container handed over to a user, and a way to be that user in it. */
async function handedOver(rig: Rig, user: User, name = "/a", spec: object = {}) {
  const container = await rig.create(name, { owner: BigInt(user.uid), ...spec });
  const cgroups = cgroupsOf(rig);
  const { cloneInto, procs } = cgroups.enter(name);
  const entrance = [...(cloneInto === undefined ? [] : [`${cloneInto}/cgroup.procs`]), ...procs];
  return {
    container,
    cgroups,
    lmctfy: (...args: string[]): Promise<Said> => user.command(args, { cgroups: entrance }),
    execute: (...argv: string[]): Promise<Said> => user.execute(argv, { cgroups: entrance }),
    entrance,
  };
}

function succeeded(said: Said): string {
  assert.deepEqual([said.stderr, said.code], ["", 0]);
  return said.stdout;
}

test("an owner makes, uses, changes and removes subcontainers, with limits that bite", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const { lmctfy, cgroups } = await handedOver(rig, user);
  const limited = cgroups.version("memory") !== undefined;

  assert.equal(succeeded(await lmctfy("detect", "-v")), "/a\n");
  succeeded(await lmctfy("create", "b", limited ? `memory:{limit:${40 * MB}}` : ""));
  assert.equal(succeeded(await lmctfy("list", "containers", "-r", "-v")), "/a/b\n");
  assert.equal(succeeded(await lmctfy("run", "b", COMMAND, "detect", "-v")), "/a/b\n");
  assert.equal(succeeded(await lmctfy("run", "/a/b", "id", "-u")), "4321\n");
  if (limited) {
    const greedy = await lmctfy("run", "b", TOOL, "memhog", String(80 * MB));
    assert.equal(greedy.code, 137);
    assert.match(greedy.stderr, /out of memory/);
    succeeded(await lmctfy("create", "few", "pids:{limit:10}"));
    assert.match(succeeded(await lmctfy("run", "few", TOOL, "forks", "40")), /^\D*\d\b/);
    succeeded(await lmctfy("destroy", "few"));
    succeeded(await lmctfy("update", "diff", "b", `memory:{limit:${160 * MB}}`));
    succeeded(await lmctfy("run", "b", TOOL, "memhog", String(80 * MB)));
  }
  // The state is the user's, and root's has none of it.
  assert.ok(existsSync(join(user.state, `lmctfy/${placesOf(rig.root).subtree}/containers/a/b/_spec.json`)));
  assert.deepEqual(
    rig.files().filter(path => path.includes("a/b")),
    [],
  );
  // From the inside of the subcontainer it goes on.
  succeeded(await lmctfy("run", "b", COMMAND, "create", "c", ""));
  assert.equal(succeeded(await lmctfy("list", "containers", "-r", "-v")), "/a/b\n/a/b/c\n");
  assert.equal((await lmctfy("destroy", "b")).code, 9);
  const handsOn = await lmctfy("create", "d", "owner:1");
  assert.deepEqual([handsOn.code, /only root hands a container over/.test(handsOn.stderr)], [7, true]);
  succeeded(await lmctfy("destroy", "-f", "b"));
  assert.equal(cgroups.exists("/a/b"), false);
  assert.equal(cgroups.exists("/a"), true);
});

test("a limit of what was handed over binds all below, whatever they allow themselves", { skip }, async t => {
  await using rig = Rig.create();
  using user = new User(4321);
  if (cgroupsOf(rig).version("memory") === undefined) return t.skip("no memory controller on this machine");
  const { lmctfy } = await handedOver(rig, user, "/a", {
    memory: { limit: BigInt(60 * MB) },
    pids: { limit: 25n },
  });
  succeeded(await lmctfy("create", "b", `memory:{limit:${500 * MB}} pids:{limit:1000}`));
  const greedy = await lmctfy("run", "b", TOOL, "memhog", String(150 * MB));
  assert.equal(greedy.code, 137, greedy.stderr);
  const forks = succeeded(await lmctfy("run", "b", TOOL, "forks", "60"));
  assert.ok(Number(/\d+/.exec(forks)?.[0]) < 25, forks);
});

test("an owner cannot raise the own limits, leave, or touch what is another's", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  using other = new User(4322);
  const spec = { pids: { limit: 30n } };
  const own = await handedOver(rig, user, "/a", spec);
  const others = await handedOver(rig, other, "/o", spec);
  succeeded(await others.lmctfy("create", "x", ""));
  const sibling = await rig.create("/s");
  const { cgroups } = own;

  // Limits and existence of what was handed over.
  for (const hierarchy of readLayout().hierarchies) {
    const directory = join(hierarchy.mountPoint, cgroups.subtree, "a");
    const files = readdirSync(directory).filter(
      file =>
        statSync(join(directory, file)).isFile() &&
        !["cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"].includes(file),
    );
    const script = 'for f; do if [ -w "$f" ]; then echo "$f"; fi; done';
    const writable = succeeded(
      await own.execute("sh", "-c", script, "sh", ...files.map(file => join(directory, file))),
    );
    // Every user may ask for memory pressure events and the like, which changes nothing.
    const harmless = /\/(cgroup\.event_control|[a-z]+\.pressure|memory\.pressure_level)$/;
    assert.deepEqual(
      writable.split("\n").filter(path => path !== "" && !harmless.test(path)),
      [],
    );
    assert.equal((await own.execute("rmdir", directory)).code, 1);
  }
  for (const args of [
    ["update", "diff", ".", "pids:{limit:1000}"],
    ["update", "diff", "/a", "pids:{limit:1000}"],
    ["destroy", "-f", "/a"],
    ["killall", "/a"],
    ["pause", "/a"],
  ]) {
    const said = await own.lmctfy(...args);
    assert.equal(said.code, 9, args.join(" "));
    assert.match(said.stderr, /\/a is not yours to change/);
  }
  for (const args of [
    ["create", "/b", ""],
    ["create", "/o/y", ""],
    ["destroy", "-f", "/o/x"],
    ["update", "diff", "/s", "pids:{limit:1000}"],
    ["run", "/s", "true"],
    ["enter", "/s"],
  ]) {
    const said = await own.lmctfy(...args);
    assert.equal(said.code, 7, args.join(" ") + said.stderr);
    assert.match(said.stderr, /out of reach: you manage what is below \/a/);
  }

  // Leaving: to the top, to a sibling, to another user's.
  const doors = readLayout().hierarchies.flatMap(hierarchy => {
    const files = hierarchy.version === 2 ? ["cgroup.procs", "cgroup.threads"] : ["cgroup.procs", "tasks"];
    const places = [
      "",
      cgroups.subtree,
      `${cgroups.subtree}/s`,
      `${cgroups.subtree}/o`,
      `${cgroups.subtree}/o/x`,
    ];
    const leaf = hierarchy.version === 2 ? places.map(place => `${place}/_tasks`) : [];
    return [...places, ...leaf].flatMap(place => files.map(file => join(hierarchy.mountPoint, place, file)));
  });
  const leave = 'for f; do [ -e "$f" ] || continue; if echo 0 2>/dev/null >"$f"; then echo "$f"; fi; done';
  // a subshell's redirection that fails would end dash
  const each = `for f; do sh -c '${leave.replaceAll("'", "'\\''")}' sh "$f"; done 2>/dev/null`;
  assert.equal((await own.execute("sh", "-c", each, "sh", ...doors)).stdout, "");
  assert.equal(cgroups.exists("/o/x"), true);

  // Root's own files.
  const write = await own.execute("sh", "-c", `echo x > ${rig.root}/lib/containers/a/_spec.json`);
  assert.notEqual(write.code, 0);
  assert.equal(await sibling.state(), "empty");
});

test("root sees, ends and removes what an owner made", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const { lmctfy, container, cgroups } = await handedOver(rig, user);
  succeeded(await lmctfy("create", "b", ""));
  succeeded(await lmctfy("create", "b/c", ""));
  succeeded(await lmctfy("run", "-n", "b/c", "sleep", "1000"));
  const listed = await rig.lmctfy.list("/", { recursive: true });
  assert.deepEqual(
    listed.map(each => each.name),
    ["/a", "/a/b", "/a/b/c"],
  );
  assert.equal(await listed[2]!.state(), "running");
  assert.equal((await listed[2]!.pids()).length, 1);
  assert.ok(await listed[2]!.stats());
  for (const refused of [
    () => listed[2]!.spec(),
    () => listed[2]!.run(["true"]),
    () => listed[2]!.update({}),
  ])
    await assert.rejects(refused, { code: "FAILED_PRECONDITION", message: /made by the owner/ });
  await assert.rejects(container.destroy(), {
    code: "FAILED_PRECONDITION",
    message: /subcontainers: \/a\/b/,
  });
  await listed[2]!.killAll();
  assert.equal(await listed[2]!.state(), "empty");
  // The owner goes on in it.
  assert.equal(succeeded(await lmctfy("run", "b/c", "echo", "on")), "on\n");
  succeeded(await lmctfy("run", "-n", "b/c", "sleep", "1000"));
  await container.destroy({ force: true });
  assert.equal(cgroups.exists("/a"), false);
  rig.assertClean();
});

test("what is handed over to a group, its members manage", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const container = await rig.create("/a", { owner_group: 4321n });
  const { cloneInto, procs } = cgroupsOf(rig).enter("/a");
  const cgroups = [...(cloneInto === undefined ? [] : [`${cloneInto}/cgroup.procs`]), ...procs];
  succeeded(await user.command(["create", "b", ""], { cgroups }));
  assert.equal(succeeded(await user.command(["run", "b", "echo", "in"], { cgroups })), "in\n");
  using other = new User(4322);
  assert.equal((await other.command(["create", "c", ""], { cgroups })).code, 7);
  // Taken back: nothing can be made any more.
  await container.update({}, { mode: "replace" });
  assert.equal((await user.command(["create", "c", ""], { cgroups })).code, 7);
});

test("without anything handed over there is a remedy, and nothing is changed", { skip }, async () => {
  using user = new User(4321);
  const said = await user.command(["create", "/x", "pids:{limit:5}"]);
  assert.equal(said.code, 7);
  assert.match(said.stderr, /user 4321 may not make containers here/);
  assert.match(said.stderr, /lmctfy create \/NAME 'owner:4321'/);
  assert.match(said.stderr, /systemd-run --user --scope -p Delegate=yes/);
  assert.deepEqual(readdirSync(join(user.state)), []);
  assert.equal(succeeded(await user.command(["detect", "-v"])), "/\n");
  assert.equal(succeeded(await user.command(["list", "containers", "-r", "/"])), "");
});

test("the library works for users, on Node and on Bun", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const { execute } = await handedOver(rig, user);
  const index = fileURLToPath(new URL("../../src/index.js", import.meta.url));
  const script = `
    import { Lmctfy } from ${JSON.stringify(index)};
    const lmctfy = new Lmctfy();
    const box = await lmctfy.create("lib", { pids: { limit: 50 } });
    const command = await box.run(["id", "-u"], { cwd: "/" });
    let text = "";
    for await (const chunk of command.stdout) text += chunk;
    console.log(box.name, text.trim(), (await command.exited).reason);
    await box.destroy({ force: true });
    lmctfy.close();`;
  const program = join(user.home, "script.mjs");
  writeFileSync(program, script);
  const limited = cgroupsOf(rig).version("pids") !== undefined;
  if (!limited) return;
  for (const runtime of runtimes()) {
    assert.equal(succeeded(await execute(runtime, program)), "/a/lib 4321 exited\n", runtime);
  }
});

function runtimes(): string[] {
  const repository = fileURLToPath(new URL("../../..", import.meta.url));
  const bun = ["node_modules/@oven/bun-linux-x64/bin/bun", "node_modules/@oven/bun-linux-aarch64/bin/bun"]
    .map(path => join(repository, path))
    .filter(existsSync);
  return [process.execPath, ...bun];
}

/** A cgroup of version 2 that root made for a user, as systemd does. */
class Delegated implements AsyncDisposable {
  readonly directory: string;
  readonly #mount = readLayout().hierarchies.find(hierarchy => hierarchy.version === 2)!;

  constructor(user: User) {
    const { controllers, mountPoint } = this.#mount;
    this.directory = join(mountPoint, `delegated-${process.pid}`);
    mkdirSync(this.directory);
    if (controllers.includes("memory"))
      writeFileSync(join(mountPoint, "cgroup.subtree_control"), "+memory +pids");
    for (const file of ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"])
      chownSync(join(this.directory, file), user.uid, user.uid);
  }

  get entrance(): string[] {
    return [
      join(
        this.directory,
        existsSync(join(this.directory, "_callers")) ? "_callers/cgroup.procs" : "cgroup.procs",
      ),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const cgroups = openCgroups({
      subtree: basename(this.directory),
      layout: { kind: "v2", hierarchies: [this.#mount], disabled: [] },
    });
    for (const name of cgroups.children("/")) {
      await cgroups.kill(name);
      await cgroups.remove(name);
    }
    for (const path of [join(this.directory, "_callers"), this.directory])
      if (existsSync(path)) rmdirSync(path);
  }
}

test("in a cgroup that somebody else handed over, its processes make room, and the hot path serves", {
  skip,
}, async t => {
  if (!readLayout().hierarchies.some(hierarchy => hierarchy.version === 2))
    return t.skip("no cgroup v2 here");
  using user = new User(4321);
  await using delegated = new Delegated(user);
  const lmctfy = (...args: string[]) => user.command(args, { cgroups: delegated.entrance });
  const limited = readFileSync(join(delegated.directory, "cgroup.controllers"), "utf8").includes("memory");

  const plain = succeeded(await lmctfy("plan", "/"));
  if (limited) assert.match(plain, /_callers/);
  succeeded(await lmctfy("create", "/x", limited ? `memory:{limit:${40 * MB}}` : ""));
  assert.equal(existsSync(join(delegated.directory, "_callers")), limited);
  assert.equal(succeeded(await lmctfy("run", "/x", COMMAND, "detect", "-v")), "/x\n");
  // Who runs it: the executor with the stored program, without the TypeScript side.
  const starter = await lmctfy("run", "/x", "sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline");
  assert.match(succeeded(starter), /^\S+\/bin\/lmctfy run \/x /);
  if (limited) {
    const greedy = await lmctfy("run", "/x", TOOL, "memhog", String(80 * MB));
    assert.deepEqual([greedy.code, /out of memory/.test(greedy.stderr)], [137, true]);
  } else {
    const said = await lmctfy("create", "/y", "memory:{limit:10000000}");
    assert.match(said.stderr, /memory.limit needs the memory controller/);
  }
  // From outside the container is known, and what is missing is said.
  const outside = await user.command(["run", "/x", "true"]);
  assert.equal(outside.code, 7);
  assert.match(outside.stderr, /\/x: this process may not start anything in it/);
  // A program that others could have written is not run, but made anew.
  chmodSync(join(user.runtime, "lmctfy/containers/x/_run.prog"), 0o666);
  const repaired = await lmctfy("run", "/x", "sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline");
  assert.match(succeeded(repaired), /--executor serve/);
  assert.match(
    succeeded(await lmctfy("run", "/x", "sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline")),
    /lmctfy run/,
  );
  // The places without the variable: the program is found there too.
  const nowhere = { cgroups: delegated.entrance, env: { XDG_RUNTIME_DIR: "" } };
  try {
    succeeded(await user.command(["run", "/x", "true"], nowhere));
    const words = ["run", "/x", "sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline"];
    assert.match(succeeded(await user.command(words, nowhere)), /^\S+\/bin\/lmctfy run \/x /);
  } finally {
    rmSync("/tmp/lmctfy-4321", { recursive: true, force: true });
  }
  // Another user's program is not obeyed.
  using other = new User(4322);
  const others = await other.command(["run", "/x", "true"], {
    cgroups: [],
    env: { XDG_RUNTIME_DIR: user.runtime },
  });
  rmSync("/tmp/lmctfy-4322", { recursive: true, force: true }); // what is used instead
  assert.equal(others.code, 5);
  succeeded(await lmctfy("destroy", "/x"));
  assert.equal(existsSync(join(delegated.directory, "lmctfy")), false);
});

test("another root of a user lies apart, in the same place", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const { entrance, cgroups } = await handedOver(rig, user);
  const root = join(user.home, "root");
  const own = (...args: string[]) => user.command(args, { cgroups: entrance, env: { LMCTFY_ROOT: root } });
  succeeded(await own("create", "/x", ""));
  assert.equal(succeeded(await own("run", "/x", COMMAND, "detect", "-v")), "/x\n");
  assert.equal(succeeded(await own("list", "containers", "-v", "/")), "/x\n");
  assert.equal(cgroups.children("/a").length, 1);
  succeeded(await own("destroy", "/x"));
  assert.deepEqual(cgroups.children("/a"), []);
});

test("a hostile owner: what root does stays in the container", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const victim = join(rig.root, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "_spec.json"), "keep");
  const { execute, container, cgroups } = await handedOver(rig, user);
  const places = `lmctfy/${placesOf(rig.root).subtree}`;
  for (const directory of [user.state, user.runtime]) {
    mkdirSync(join(directory, places, "containers/a"), { recursive: true });
    symlinkSync(victim, join(directory, places, "containers/a/b"));
    symlinkSync("/etc", join(directory, places, "pending"));
    await execute("true");
  }
  const env = user.env;
  // Root with the user's environment, as `sudo -E` gives it.
  const said = await rig.command(["list", "containers", "-r", "/"], { env });
  assert.equal(succeeded(said), 'name="/a"\n');
  // Cgroups with names that are none, threaded ones, and a leaf that is gone or is a tree.
  for (const { mountPoint, version } of readLayout().hierarchies) {
    const directory = join(mountPoint, cgroups.subtree, "a");
    const made = ["_x", "_x/y", "x y", "c", "c/d", "--", "..."].map(path => join(directory, path));
    succeeded(await execute("mkdir", "--", ...made));
    if (version === 2) {
      succeeded(await execute("rmdir", join(directory, "c/d")));
      await execute("sh", "-c", `echo threaded > ${directory}/c/cgroup.type`);
    }
  }
  await execute(
    "sh",
    "-c",
    `echo 1 > ${join(readLayout().hierarchies.find(h => h.version === 2)?.mountPoint ?? "", cgroups.subtree, "a/c/cgroup.freeze")}`,
  );
  assert.deepEqual((await rig.lmctfy.list("/", { recursive: true })).map(each => each.name).slice(0, 2), [
    "/a",
    "/a/c",
  ]);
  assert.equal((await rig.tool(container, "exit", "3")).exitCode, 3);
  await container.destroy({ force: true });
  assert.equal(readFileSync(join(victim, "_spec.json"), "utf8"), "keep");
  assert.equal(cgroups.exists("/a"), false);
  rmSync(victim, { recursive: true });
});

test("an owner who keeps making cgroups, and entering them, does not keep root from destroying", {
  skip,
}, async () => {
  await using rig = Rig.create();
  using user = new User(4321);
  const { container, cgroups } = await handedOver(rig, user);
  const places = readLayout().hierarchies.map(({ mountPoint }) => join(mountPoint, cgroups.subtree, "a"));
  const loop = `
    const { mkdirSync, writeFileSync } = require("node:fs");
    const attempt = (call, ...words) => { try { call(...words) } catch {} };
    const [enter, ...directories] = process.argv.slice(1);
    for (;;) for (const d of directories) {
      for (const path of ["/x", "/x/y", "/x/y/z", "/w"]) attempt(mkdirSync, d + path);
      if (enter === "enter") attempt(writeFileSync, d + "/x/y/cgroup.procs", "0");
    }`;
  const words = (how: string) => user.words([process.execPath, "-e", loop, how, ...places]);
  await using _one = new Vandal(words("stay"));
  await using _other = new Vandal(words("enter"));
  await eventually(
    () => places.every(place => existsSync(join(place, "x/y/z"))),
    Boolean,
    "what the owner makes",
  );
  await container.destroy({ force: true });
  assert.equal(cgroups.exists("/a"), false);
  rig.assertClean();
});

class Vandal implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #end: Promise<unknown>;

  constructor([file, ...args]: string[]) {
    this.#child = spawn(file!, args, { stdio: "ignore", cwd: "/" });
    this.#end = once(this.#child, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#end;
  }
}

test("a runtime directory in /tmp that is another's is refused", { skip }, async () => {
  await using rig = Rig.create();
  using user = new User(4323);
  using other = new User(4322);
  const { entrance } = await handedOver(rig, user);
  const path = "/tmp/lmctfy-4323";
  const env = { XDG_RUNTIME_DIR: "" };
  try {
    succeeded(await other.execute(["mkdir", path]));
    const said = await user.command(["create", "b", ""], { cgroups: entrance, env });
    assert.equal(said.code, 7);
    assert.match(said.stderr, /\/tmp\/lmctfy-4323 is not a directory of user 4323 alone/);
    rmSync(path, { recursive: true });
    succeeded(await other.execute(["ln", "-s", user.home, path]));
    assert.equal((await user.command(["create", "b", ""], { cgroups: entrance, env })).code, 7);
    rmSync(path);
    succeeded(await user.command(["create", "b", ""], { cgroups: entrance, env }));
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.equal(
      succeeded(await user.command(["run", "b", "echo", "in"], { cgroups: entrance, env })),
      "in\n",
    );
    succeeded(await user.command(["destroy", "b"], { cgroups: entrance, env }));
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});

test("eight deep: the limit of one above binds the innermost, and the top takes all with it", async () => {
  await using rig = Rig.create();
  const top = await rig.create("/n1", { pids: { limit: 30n } });
  let name = "/n1";
  for (let depth = 2; depth <= 9; depth++) {
    // Made from the inside of the one before, by a relative name.
    succeeded(await rig.command(["run", name, COMMAND, "create", `n${depth}`, "pids:{limit:1000}"]));
    name += `/n${depth}`;
    assert.equal(succeeded(await rig.command(["run", name, COMMAND, "detect", "-v"])), `${name}\n`);
  }
  const inner = await rig.lmctfy.get(name);
  const sleeper = await inner.run(["sleep", "1000"], { detached: true });
  assert.equal(rig.lmctfy.detect(sleeper.pid), name);
  const { stdout } = await rig.tool(inner, "forks", "60");
  assert.ok(Number(/\d+/.exec(stdout)?.[0]) < 30, stdout);
  assert.equal((await rig.lmctfy.list("/", { recursive: true })).length, 9);
  await top.destroy({ force: true });
  await eventually(
    () =>
      existsSync(`/proc/${sleeper.pid}`) &&
      !readFileSync(`/proc/${sleeper.pid}/stat`, "utf8").includes(") Z"),
    alive => !alive,
    "the innermost process ends",
  );
  rig.assertClean();
});

test("in a cgroup namespace the container is found all the same", async t => {
  if (process.getuid!() !== 0) return t.skip("unshare needs root");
  await using rig = Rig.create();
  await rig.create("/a");
  await rig.create("/a/b");
  const inside = (...argv: string[]) => rig.command(["run", "/a/b", "unshare", "-C", ...argv]);
  assert.equal(succeeded(await inside(COMMAND, "detect", "-v")), "/a/b\n");
  succeeded(await inside(COMMAND, "create", "c", ""));
  const said = await inside(COMMAND, "run", "c", COMMAND, "detect", "-v");
  // Mounted with nsdelegate, version 2 lets nobody out of the own namespace: then that is said.
  if (said.code === 0) assert.equal(succeeded(said), "/a/b/c\n");
  else assert.match(said.stderr, /\/a\/b\/c: it lies outside of the cgroup namespace/);
});
