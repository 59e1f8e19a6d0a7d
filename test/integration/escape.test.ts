/**
 * What hostile code in a virtual host tries, and does not get. Each attempt is shown to work where nothing keeps it, or the
 * probe to see. Three kinds: the default one, with users of its own; `privileged`, likewise; and one whose root is root.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Container, ContainerSpecInput } from "../../src/index.ts";
import { makeSandbox } from "../../src/index.ts";
import { executorPath } from "../../src/kernel/executor.ts";
import { COMMAND, ESCAPE, execute, Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

const inTestHost = existsSync("/host/exchange");
const ROUNDS = Number(process.env.LMCTFY_RACES ?? (inTestHost ? 40 : 600));

const KINDS: Record<string, ContainerSpecInput> = {
  users: { virtual_host: {} },
  privileged: { virtual_host: {}, security_spec: { privileged: true } },
  root: { virtual_host: { namespaces: { user: "host" } } },
};

class Prison extends Rootfs {
  constructor() {
    super();
    copyFileSync(ESCAPE, join(this.path, "bin/escape"));
  }

  spec(kind: string, more: ContainerSpecInput = {}): ContainerSpecInput {
    return { ...KINDS[kind], filesystem: { rootfs: this.path }, ...more };
  }
}

async function attempt(container: Container, ...args: string[]): Promise<string> {
  const command = await container.run(["/bin/escape", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  await command.exited;
  return out + error;
}

const outside = async (...args: string[]): Promise<string> => (await execute(ESCAPE, args)).stdout;

/** By attempt, what it met. */
const results = (text: string): Map<string, string> =>
  new Map(
    text
      .trim()
      .split("\n")
      .map(line => line.split(" ") as [string, string]),
  );

const done = (text: string): string[] =>
  [...results(text)].filter(([, met]) => met === "done").map(([name]) => name);

const rig = Rig.create();
const files = new Prison();
const cells = new Map<string, Container>();
const limits = { memory: { limit: 50_000_000 }, pids: { limit: 100 } };
after(async () => {
  await rig[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** Each kind, not started and started; where all takes ten times as long, one of both. */
async function each(act: (kind: string, box: Container, started: boolean) => Promise<void>): Promise<void> {
  for (const kind of Object.keys(KINDS)) {
    for (const started of inTestHost ? [kind !== "users"] : [false, true]) {
      const name = `/${kind}${started ? "-started" : ""}`;
      const box = cells.get(name) ?? (await rig.create(name, files.spec(kind, limits)));
      if (started && !cells.has(name)) await box.start();
      cells.set(name, box);
      await act(kind, box, started);
    }
  }
}

test("system calls that reach the machine", async () => {
  const control = results(await outside("calls"));
  for (const name of ["bpf", "perf", "uring", "keyctl"])
    assert.ok(!["EPERM", "EACCES"].includes(control.get(name)!), `${name}: ${control.get(name)}`);
  // What a privileged one may, any user may; and its keys are its own.
  const may: Record<string, string[]> = { privileged: ["uring", "keyctl", "uffd", "syslog"] };
  await each(async (kind, box) => {
    const met = await attempt(box, "calls");
    assert.deepEqual(
      done(met).filter(name => !may[kind]?.includes(name)),
      [],
      `${kind}: ${met}`,
    );
    if (kind === "privileged") return;
    for (const [name, error] of results(met)) assert.equal(error, "EPERM", `${kind}: ${name}`);
  });
});

test("the kernel's files: none takes a write, the dangerous ones have nothing to read", async () => {
  const control = await outside("files");
  assert.ok(done(control).includes("core_pattern"), control);
  assert.ok(done(control).includes("timer_list"), control);
  await each(async (kind, box, started) => {
    assert.deepEqual(done(await attempt(box, "files")), [], kind);
    if (started !== (kind === "privileged")) return;
    const found = (await attempt(box, "writable", "/proc", "/sys")).trim().split("\n").filter(Boolean);
    // Masked: the null device. A trigger of /proc/pressure belongs to whoever opened it.
    const real = found.filter(
      path =>
        !/^\/proc\/(kcore|keys|latency_stats|timer_list|timer_stats|sched_debug|interrupts|pressure\/\w+)$/.test(
          path,
        ),
    );
    assert.deepEqual(real, [], kind);
    if (kind !== "privileged") return;
    const open =
      "mount -o remount,bind,rw /proc/sys; mount -o remount,bind,rw /sys; umount /proc/timer_list; umount /proc/kcore; escape files";
    const command = await box.run(["/bin/sh", "-c", open], { stdio: ["ignore", "pipe", "ignore"] });
    const unmasked = done(await textOf(command.stdout));
    assert.deepEqual(unmasked, [], "its root may take the masks away, and is not root");
  });
});

test("devices: none is made and opened", async () => {
  const disk = statSync("/").dev;
  await each(async (kind, box) => {
    for (const node of [
      ["b", String((disk >> 8) & 0xfff), String(disk & 0xff)],
      ["c", "1", "1"],
      ["c", "1", "11"],
      ["c", "10", "229"],
    ])
      assert.deepEqual(done(await attempt(box, "device", ...node)), [], `${kind}: ${node}`);
  });
  assert.ok(done(await outside("device", "c", "1", "3")).length > 0, "a node that may be had is opened");
});

test("mounts: none by default; of a privileged one, nothing of the host", async () => {
  const disk =
    readFileSync("/proc/partitions", "utf8").match(/^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)$/m)?.[3] ?? "sda";
  const open = await rig.create("/open", files.spec("root", { security_spec: { privileged: true } }));
  const control = done(await attempt(open, "mounts", `/dev/${disk}`));
  for (const name of ["tmpfs", "proc", "rw_sys", "over", "unmask", "open_tree"])
    assert.ok(control.includes(name), `${name} of ${control}`);
  const before = readFileSync("/proc/self/mountinfo", "utf8");
  await each(async (kind, box) => {
    const met = done(await attempt(box, "mounts", `/dev/${disk}`));
    const own = ["tmpfs", "proc", "sysfs", "rw_sys", "rw_proc_sys", "over", "unmask", "open_tree"];
    assert.deepEqual(kind === "privileged" ? met.filter(name => !own.includes(name)) : met, [], kind);
  });
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8"), before);
  await open.destroy();
});

test("cgroups: no limit is raised, no release_agent set, no cgroup made", async () => {
  const hierarchies = ["memory", "cpu", "devices", "pids"];
  const open = await rig.create("/open", files.spec("root", { security_spec: { privileged: true } }));
  const control = await attempt(open, "cgroups", ...hierarchies);
  assert.ok(
    done(control).some(name => /:(mkdir|cgroup.procs|pids.max|memory)/.test(name)),
    control,
  );
  await each(async (kind, box) => {
    assert.deepEqual(done(await attempt(box, "cgroups", ...hierarchies)), [], kind);
    const hog = await box.run(["/bin/tool", "memhog", "100000000"], { stdio: "ignore" });
    assert.equal((await hog.exited).oom, true, `${kind}: its limit holds`);
  });
  await open.destroy();
});

test("namespaces of the host are not in reach; a user namespace of one's own is no help", async () => {
  const kinds = ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup"];
  const ours = kinds.map(kind => readlinkSync(`/proc/self/ns/${kind}`));
  const seen = await outside("namespaces");
  for (const each of ours) assert.ok(seen.includes(each), `${each} is seen outside`);
  await each(async (kind, box) => {
    const found = (await attempt(box, "namespaces")).trim().split("\n");
    const numbers = new Set(found.map(line => /\[\d+\]/.exec(line)![0]));
    const reached = ours.filter(each => numbers.has(/\[\d+\]/.exec(each)![0]));
    assert.deepEqual(
      reached.filter(each => kind !== "root" || !each.startsWith("user")),
      [],
      kind,
    );
    const users = done(await attempt(box, "users"));
    assert.deepEqual(
      kind === "privileged" ? users.filter(name => !["unshare", "chroot"].includes(name)) : users,
      [],
      kind,
    );
  });
});

test("processes and files of the host", async () => {
  writeFileSync(join(files.directory, "secret"), "of the host");
  const target = spawn("sleep", ["1000"], { stdio: "ignore" });
  const control = await outside("processes", String(target.pid));
  for (const name of ["signal", "pidfd", "limits"]) assert.ok(done(control).includes(name), control);
  const handle = (await outside("handle", files.directory)).trim();
  const openable = done(await outside("by-handle", handle, files.path)).length > 0;
  // Through a descriptor that leads to the host, the probe sees the secret.
  const plain = await rig.create("/plain");
  const directory = openSync(files.directory, "r");
  const child = spawn(ESCAPE, ["roots", "/secret"], { stdio: [directory, "pipe", "inherit"] });
  assert.match(await textOf(child.stdout), /reached .*fd\/0\/secret/);
  closeSync(directory);
  await plain.destroy();
  await each(async (kind, box) => {
    assert.deepEqual(done(await attempt(box, "processes", String(target.pid))), [], kind);
    if (openable) assert.deepEqual(done(await attempt(box, "by-handle", handle)), [], kind);
    assert.deepEqual(
      done(await attempt(box, "climb", join(files.directory, "secret"))).filter(name => name !== "chroot"),
      [],
      kind,
    );
    for (const path of ["/secret", join(files.directory, "secret")])
      assert.equal(await attempt(box, "roots", path), "nothing\n", kind);
  });
  target.kill("SIGKILL");
});

test("descriptors: three, of every process", async () => {
  const numbers = (text: string): string[] =>
    text
      .trim()
      .split("\n")
      .map(line => line.split(" ")[0]!);
  await each(async (kind, box, started) => {
    const spawned = await box.run(["/bin/tool", "fds"], { stdio: ["ignore", "pipe", "inherit"] });
    assert.deepEqual(numbers(await textOf(spawned.stdout)), ["0", "1", "2"], kind);
    const direct = await rig.command(["run", box.name, "/bin/tool", "fds"]);
    assert.deepEqual(numbers(direct.stdout), ["0", "1", "2"], kind);
    await rig.command(["run", "-n", box.name, "sleep", "1000"]);
    for (const pid of await box.pids()) {
      const held = readdirSync(`/proc/${pid}/fd`);
      assert.deepEqual(held.sort(), ["0", "1", "2"], `${kind}: ${pid}`);
      // Of the host's null device, its root could change the mode.
      if (started)
        for (const fd of held) assert.notEqual(mountOf(pid, fd), mountOf("self", String(nullDevice)), kind);
    }
    await box.killAllButInit();
    if (!started) await box.killAll();
  });
  await using box = await makeSandbox(rig.lmctfy, { root: files.path });
  const { stdout } = await box.run(["ls", "/proc/self/fd"]);
  assert.equal(stdout, "0\n1\n2\n3\n", "the fourth is that of ls");
});

const nullDevice = openSync("/dev/null", "r");
const mountOf = (pid: number | "self", fd: string): string =>
  /^mnt_id:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))![1]!;

test("no path through descriptors that the start has open: directory, command, interpreter, files that are read for the caller", async () => {
  writeFileSync(join(files.directory, "secret"), "of the host");
  const numbers = Array.from({ length: inTestHost ? 3 : 8 }, (_, i) => i + 3);
  for (const i of numbers) symlinkSync(`/proc/self/fd/${i}`, join(files.path, `fd${i}`));
  const up = "/..".repeat(12);
  await each(async (kind, box, started) => {
    for (const i of numbers) {
      await assert.rejects(
        box.run(["pwd"], { cwd: `/fd${i}` }),
        { code: /INVALID_ARGUMENT|NOT_FOUND/ },
        `${kind}: ${i}`,
      );
      await assert.rejects(
        box.run([`/fd${i}${up}${ESCAPE}`, "calls"]),
        { code: /INVALID_ARGUMENT|NOT_FOUND/ },
        `${kind}: ${i}`,
      );
      if (!started) continue;
      await assert.rejects(box.readFile(`/fd${i}${up}${files.directory}/secret`), `${kind}: ${i}`);
    }
    const script = join(files.path, "bin/script");
    for (const i of inTestHost ? [5] : [3, 4, 5]) {
      writeFileSync(script, `#!/proc/self/fd/${i}${up}${ESCAPE}\n`);
      chmodSync(script, 0o755);
      const said = await rig.command(["run", box.name, "/bin/script"]);
      assert.ok([126, 127].includes(said.code!), `${kind}: ${said.code} ${said.stderr}`);
    }
  });
});

test("nobody inside looks at a command before it executes", async () => {
  await each(async (kind, box, started) => {
    if (!started) return;
    const hunt = async (comm: string, act: () => Promise<unknown>): Promise<string> => {
      const hunter = await box.run(["/bin/escape", "ambush", comm], { stdio: ["pipe", "pipe", "inherit"] });
      const said = textOf(hunter.stdout);
      await act();
      hunter.stdin!.end();
      return said;
    };
    const sleeper = await box.run(["/bin/tool", "trap", "10"], { stdio: "ignore" });
    assert.match(await hunt("tool", () => Promise.resolve()), /reached (exe|trace)/, "the hunter sees");
    await sleeper.kill("SIGKILL");
    for (const comm of ["executor", "lmctfy"]) {
      const met = await hunt(comm, async () => {
        for (let round = 0; round < (inTestHost ? 3 : 60); round++) {
          if (comm === "lmctfy") await rig.command(["run", box.name, "true"]);
          else await (await box.run(["true"], { stdio: "ignore" })).exited;
        }
      });
      assert.match(met, /^ready\nmet \d+\n$/, `${kind}: ${comm}`);
    }
  });
});

test("the executor is not written to by what it started", async () => {
  // The probe works: what is no longer executed is opened for writing.
  const victim = join(files.path, "bin/victim");
  copyFileSync(ESCAPE, victim);
  await each(async (kind, box, started) => {
    if (!started) return;
    const steal = async (
      comm: string,
      start: () => Promise<{ stdin: NodeJS.WritableStream; ended: Promise<unknown> }>,
    ) => {
      const thief = await box.run(["/bin/escape", "steal", comm], { stdio: ["ignore", "pipe", "inherit"] });
      const said = textOf(thief.stdout);
      const held = once(thief.stdout!, "data");
      const { stdin, ended } = await start();
      await held;
      stdin.end();
      await ended;
      return said;
    };
    const library = async (argv: string[]) => {
      const command = await box.run(argv, { stdio: ["pipe", "ignore", "ignore"] });
      return { stdin: command.stdin!, ended: command.exited };
    };
    if (kind === "root")
      assert.match(
        await steal("victim", () => library(["/bin/victim", "listen", "x"])),
        /overwrite done/,
        "the probe sees",
      );
    // As with `#!/proc/self/exe`: what executes it is what it executes.
    symlinkSync("/proc/self/exe", join(files.path, `bin/self-${kind}`));
    const byCommand = await steal(`self-${kind}`, async () => {
      const command = spawn(COMMAND, ["run", box.name, `/bin/self-${kind}`, "--executor", "run", "-"], {
        env: { ...process.env, LMCTFY_ROOT: rig.root },
        stdio: ["pipe", "ignore", "ignore"],
      });
      return { stdin: command.stdin!, ended: once(command, "exit") };
    });
    assert.match(byCommand, /overwrite (EROFS|EACCES)/, kind);
  });
  const resident = readdirSync("/proc")
    .filter(pid => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter(
      pid => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(process.pid),
    )
    .find(pid => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0serve\0"));
  assert.throws(
    () => accessSync(`/proc/${resident}/exe`, constants.W_OK),
    { code: "EROFS" },
    "the library's",
  );
});

test("keys of the caller are not had", async () => {
  const env = { LMCTFY_ROOT: rig.root };
  assert.equal((await execute(ESCAPE, ["keyed", ESCAPE, "secret"], { env })).stdout, "secret done\n");
  await each(async (kind, box) => {
    for (const more of [[], ["-e", "A=b"]]) {
      const said = await execute(
        ESCAPE,
        ["keyed", COMMAND, "run", ...more, box.name, "/bin/escape", "secret"],
        { env },
      );
      assert.match(said.stdout, /^secret (EPERM|ENOKEY)\n$/, kind);
    }
  });
});

test("nothing is typed into the caller's terminal, and its process group gets no signal", async () => {
  const env = { LMCTFY_ROOT: rig.root };
  const at = async (...command: string[]): Promise<string> =>
    (await execute(ESCAPE, ["terminal", ...command], { env })).stdout;
  assert.match(await at(ESCAPE, "type"), /typed 2/);
  assert.match(await at(ESCAPE, "hit"), /signal 10/);
  await each(async (kind, box) => {
    for (const what of ["type", "hit"]) {
      const said = await at(COMMAND, "run", box.name, "/bin/escape", what);
      assert.match(said, new RegExp(`${what} .*typed 0, signal 0`, "s"), kind);
    }
  });
});

test("abstract sockets of the host", async () => {
  const name = `lmctfy-test-${process.pid}`;
  const server = spawn(ESCAPE, ["listen", name], { stdio: ["pipe", "pipe", "inherit"] });
  await once(server.stdout, "data");
  assert.equal(await outside("abstract", name), "abstract done\n");
  await each(async (kind, box) => {
    assert.equal(await attempt(box, "abstract", name), "abstract ECONNREFUSED\n", kind);
  });
  server.stdin.end();
});

test(`names in the root exchanged while containers start, ${ROUNDS} rounds: nothing lands outside, no mask goes astray`, async t => {
  const { path, directory } = files;
  const host = join(directory, "host");
  const volume = join(directory, "volume");
  for (const made of [host, volume]) mkdirSync(join(made, "deep"), { recursive: true });
  for (const name of ["secret", "deep/secret"]) writeFileSync(join(host, name), "");
  for (const name of ["proc", "sys", "dev", "data", "a/b", "fake/sys/kernel", "fake/irq", "fakedev"])
    mkdirSync(join(path, name), { recursive: true });
  for (const name of ["kcore", "keys", "timer_list", "sysrq-trigger", "sys/kernel/core_pattern"])
    writeFileSync(join(path, "fake", name), "");
  symlinkSync("/proc/sys/kernel/core_pattern", join(path, "fakedev/null"));
  symlinkSync(host, join(path, "link"));
  symlinkSync(`${"../".repeat(20)}${host}`, join(path, "up"));
  symlinkSync("/proc", join(path, "toproc"));
  const mount = [
    { source: volume, target: "/data/x" },
    { source: volume, target: "/a/b/c/d" },
    { type: "TMPFS" as const, target: "/data/t" },
  ];
  const box = await rig.create("/box", { ...KINDS.root, filesystem: { rootfs: path, mounts: { mount } } });
  assert.equal((await rig.command(["run", "/box", "/bin/escape", "whole", "secret"])).code, 0);
  const pairs = ["proc", "fake", "data", "link", "a/b", "up", "dev", "fakedev", "sys", "toproc"];
  const enemy = spawn(ESCAPE, ["swap", ...pairs.map(name => join(path, name))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = textOf(enemy.stdout);
  const runtime = join(rig.root, "run/containers/box");
  const program = ["--executor", "run", join(runtime, "_run.prog"), "/bin/escape", "whole", "secret"];
  const { stdout } = await execute(ESCAPE, ["rounds", String(ROUNDS), runtime, executorPath(), ...program]);
  enemy.stdin.end();
  const ends = new Map(
    stdout
      .trim()
      .split("\n")
      .map(line => line.split(": ").map(Number) as [number, number]),
  );
  t.diagnostic(
    `${ends.get(0)} containers were whole, ${ends.get(125)} did not start; ${(await said).split("\n")[1]} names`,
  );
  // 0: whole; 125: a mount met a link that leads nowhere, and the start failed.
  assert.deepEqual(
    [...ends.keys()].filter(code => code !== 0 && code !== 125),
    [],
    stdout,
  );
  assert.ok(ends.get(0)! > 0 && ends.get(125)! > 0, stdout);
  assert.deepEqual(readdirSync(host, { recursive: true }).sort(), ["deep", "deep/secret", "secret"]);
  assert.deepEqual(readdirSync(volume), ["deep"]);
  await box.destroy();
});
