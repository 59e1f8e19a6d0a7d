/** Virtual hosts: what a command in one sees, and what it does not reach. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Container, type ContainerSpecInput, parseSpec } from "../../src/index.ts";
import { COMMAND, eventually, Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

async function output(container: Container, argv: readonly string[], options = {}): Promise<string> {
  const command = await container.run(argv, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const [out, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  await command.exited;
  return out + error;
}

/** Fewer where everything takes ten times as long. */
const ROUNDS = existsSync("/host/exchange") ? 15 : 100;

/** For what takes more rights than commands of a virtual host have by default. */
const privileged = { security_spec: { privileged: true } };

const shell = (container: Container, script: string) => output(container, ["/bin/sh", "-c", script]);

function hostOf(files: Rootfs, more: ContainerSpecInput = {}): ContainerSpecInput {
  return { virtual_host: {}, filesystem: { rootfs: files.path }, ...more };
}

test("it has processes, a name, files and a network of its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files, privileged));
  assert.match(await shell(box, "echo $$; ps | wc -l"), /^1\n[345]\n$/);
  assert.equal(await shell(box, "hostname"), "box\n");
  assert.equal(await shell(box, "hostname other; hostname"), "other\n");
  assert.notEqual(hostname(), "other");
  assert.equal(await shell(box, "ls /"), "bin\ndev\netc\nhome\nproc\nsys\ntmp\n");
  assert.match(await shell(box, "ip -o link"), /^1: lo: .*LOOPBACK,UP.*\n$/);
  assert.match(await shell(box, "(echo hello | nc -l -p 5 &) ; sleep 0.2; nc 127.0.0.1 5"), /hello/);
  await box.destroy();
  await rig.assertClean();
});

test("root in it is nobody outside, and its files are root's", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  using more = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  const running = await box.run(["/bin/sleep", "60"], { stdio: "ignore" });
  const [uid, , gid] = ["Uid", "Gid"].flatMap(key =>
    new RegExp(`^${key}:\\s+(\\d+)\\s+(\\d+)`, "m")
      .exec(readFileSync(`/proc/${running.pid}/status`, "utf8"))!
      .slice(1),
  );
  assert.ok(Number(uid) >= 0x1000_0000, uid);
  assert.equal(uid, gid);
  await running.kill("SIGKILL");
  assert.equal(await shell(box, "id -u; id -g; touch /made; chown 1234:2345 /made"), "0\n0\n");
  const made = statSync(join(files.path, "made"));
  assert.deepEqual([made.uid, made.gid], [1234, 2345]);

  const other = await rig.create("/other", hostOf(more));
  const maps = await Promise.all([box, other].map(each => output(each, ["/bin/cat", "/proc/self/uid_map"])));
  const [first, second] = maps.map(map => Number(map.trim().split(/\s+/)[1]));
  assert.ok(Math.abs(first! - second!) >= 65_536, "the ranges of two containers do not overlap");
  await box.destroy();
  await other.destroy();
  await rig.assertClean();
});

test("without a root of its own it sees the host's, and root is root", async () => {
  await using rig = Rig.create();
  const box = await rig.create("/box", { virtual_host: { virtual_hostname: "named" } });
  assert.match(
    await shell(box, "echo $$; hostname; cat /proc/self/uid_map"),
    /^1\nnamed\n\s+0\s+0\s+4294967295\n$/,
  );
  await box.destroy();
});

test("the command's directory, environment and user are the container's", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  assert.equal(
    await output(box, ["env"]),
    `${["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "container=lmctfy"].join("\n")}\n`,
  );
  assert.equal(await output(box, ["pwd"]), "/\n");
  assert.equal(await output(box, ["pwd"], { cwd: "/home/someone" }), "/home/someone\n");
  assert.match(
    await output(box, ["id"], { user: "someone" }),
    /^uid=1234\(someone\) gid=2345 groups=.*77\(others\)/,
  );
  await assert.rejects(box.run(["id"], { user: "daemon" }), {
    code: "INVALID_ARGUMENT",
    message: /no user "daemon"/,
  });
  const direct = await rig.command(["run", "/box", "env"], { env: { SECRET: "of the host" } });
  assert.equal(direct.code, 0, direct.stderr);
  assert.ok(!direct.stdout.includes("SECRET"));
  const chosen = await rig.command([
    "run",
    "-e",
    "A=b",
    "-u",
    "someone",
    "-w",
    "/tmp",
    "/box",
    "sh",
    "-c",
    "echo $A; pwd; id -u",
  ]);
  assert.equal(chosen.stdout, "b\n/tmp\n1234\n", chosen.stderr);
  await box.destroy();
});

test("a passwd file that leads out of the root is not followed", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const etc = join(files.path, "etc");
  writeFileSync(join(files.directory, "outside"), "intruder:x:0:0::/:/bin/sh\n");
  renameSync(join(etc, "passwd"), join(etc, "old"));
  symlinkSync(join(files.directory, "outside"), join(etc, "passwd"));
  const box = await rig.create("/box", hostOf(files));
  await assert.rejects(box.run(["id"], { user: "intruder" }), { code: "INVALID_ARGUMENT" });
  await box.destroy();
});

test("what is mounted in it", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const shared = join(files.directory, "shared");
  mkdirSync(shared);
  writeFileSync(join(shared, "file"), "from the host\n");
  const rootfs = files.path;
  const box = await rig.create("/box", {
    virtual_host: {},
    filesystem: {
      rootfs,
      mounts: {
        mount: [
          { source: shared, target: "/data", read_only: true },
          { source: shared, target: "/deep/down/rw", options: ["noexec"] },
          { source: join(shared, "file"), target: "/etc/one-file", read_only: true },
          { type: "TMPFS", target: "/scratch", size: 1_000_000 },
        ],
      },
    },
  });
  assert.equal(await shell(box, "cat /data/file /etc/one-file"), "from the host\nfrom the host\n");
  assert.match(await shell(box, "touch /data/new"), /Read-only/);
  assert.match(
    await shell(box, "cp /bin/busybox /scratch/x 2>&1; dd if=/dev/zero of=/scratch/y bs=1M count=4"),
    /No space left/,
  );
  assert.match(await shell(box, "mount"), /on \/deep\/down\/rw .*nosuid,nodev,noexec/);
  await box.destroy();
});

test("links in a hostile root lead nowhere else", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const rootfs = files.path;
  const outside = join(files.directory, "outside");
  mkdirSync(outside);
  symlinkSync(outside, join(rootfs, "data")); // absolute: in the root there is nothing of that name
  symlinkSync("../../../../../../../../../../etc", join(rootfs, "up"));
  mkdirSync(join(files.directory, "shared"));
  writeFileSync(join(files.directory, "shared/mark"), "mark\n");
  const bind = (target: string) => ({ source: join(files.directory, "shared"), target });
  const box = await rig.create("/box", {
    virtual_host: {},
    filesystem: { rootfs, mounts: { mount: [bind("/up/x")] } },
  });
  assert.equal(await shell(box, "cat /etc/x/mark"), "mark\n");
  assert.ok(!existsSync("/etc/x"));
  await box.update({ filesystem: { mounts: { mount: [bind("/data/y")] } } });
  await assert.rejects(shell(box, "true"), { message: /"data".*ENOENT .*while mounting \/data\/y/ });
  assert.ok(!existsSync(join(outside, "y")));
  await box.destroy();
});

test("a root that can only be read", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const spec = hostOf(files);
  const box = await rig.create("/box", { ...spec, filesystem: { ...spec.filesystem, read_only: true } });
  assert.match(await shell(box, "touch /x"), /Read-only/);
  assert.equal(await shell(box, "touch /dev/shm/x && echo fine"), "fine\n");
  await box.destroy();
});

test("what the kernel tells about the host is hidden or cannot be changed", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  for (const [script, refused] of [
    ["echo x > /proc/sys/kernel/core_pattern", /Read-only|Permission|nonexistent/],
    ["echo h > /proc/sysrq-trigger", /Read-only|Permission|nonexistent/],
    ["echo 1 > /sys/kernel/profiling", /Read-only|Permission|nonexistent/],
    ["mkdir /sys/fs/cgroup/x", /Read-only|Permission|No such/],
    ["mknod /tmp/disk b 254 0", /not permitted/],
    ["mknod /tmp/mem c 1 1", /not permitted/],
  ] as const) {
    assert.match(await shell(box, `${script} 2>&1`), refused, script);
  }
  assert.equal(await shell(box, "cat /proc/keys /proc/timer_list 2>/dev/null | wc -c"), "0\n");
  assert.equal(await shell(box, "ls /sys/firmware | wc -l"), "0\n");
  await box.destroy();
});

test("what its root would need to undo that is refused", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  for (const started of [false, true]) {
    if (started) await box.start();
    for (const script of [
      "umount /proc/keys",
      "mount -t tmpfs none /tmp",
      "mount -o remount,rw /sys",
      "unshare -r true",
      "hostname other",
      "nsenter -t 1 -n true",
    ]) {
      assert.match(await shell(box, `${script} 2>&1 || echo refused`), /refused\n$/, script);
    }
    assert.match(await shell(box, "cat /proc/self/status"), /NoNewPrivs:\t1.*Seccomp:\t2/s);
  }
  await box.destroy({ force: true });
});

test("no descriptor, directory or process of the host is in reach", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  assert.equal(await shell(box, "ls /proc/self/fd | wc -l"), "4\n"); // three, and the directory that ls reads
  assert.match(await shell(box, "ls -d /proc/[0-9]* | wc -l"), /^[1-4]\n$/);
  assert.equal(await shell(box, "cat /proc/1/root/etc/hostname 2>/dev/null"), "");
  assert.equal(await shell(box, "ls /proc/1/root/"), await shell(box, "ls /"));
  await box.destroy();
});

test("its limits hold, its end is told, and it ends with its caller", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files, { memory: { limit: 30_000_000 }, pids: { limit: 10 } }));
  const hog = await box.run(["/bin/tool", "memhog", "100000000"], { stdio: "ignore" });
  assert.equal((await hog.exited).reason, "oom");
  const detached = await rig.command(["run", "-n", "/box", "sleep", "1000"]);
  assert.match(detached.stdout, /^pid="\d+"\n$/);
  assert.equal((await box.pids()).length, 1);
  await box.killAll();
  await eventually(
    () => box.lastExit(),
    end => end?.signal === "SIGKILL",
    "its end is recorded",
  );
  await box.destroy();
  await rig.assertClean();
});

test("namespaces that it shares", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const spec = hostOf(files, { virtual_host: { namespaces: { net: "host", uts: "host" } } });
  const box = await rig.create("/box", spec);
  assert.equal(await shell(box, "hostname"), `${hostname()}\n`);
  const links = readdirSync("/sys/class/net").length;
  assert.equal(await shell(box, "ip -o link | wc -l"), `${links}\n`);
  const joined = { virtual_host: { namespaces: { net: "/proc/self/ns/net" } } };
  await assert.rejects(box.update(joined), { code: "INVALID_ARGUMENT", message: /users of its own/ });
  await box.update({ virtual_host: { namespaces: { net: "/proc/self/ns/net", user: "host" } } });
  assert.equal(await shell(box, "ip -o link | wc -l"), `${links}\n`);
  await box.destroy();
});

test("sysctls of its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const sysctl = [
    { name: "net.ipv4.ip_forward", value: "1" },
    { name: "kernel.shm_rmid_forced", value: "1" },
  ];
  const box = await rig.create("/box", hostOf(files, { virtual_host: { sysctl } }));
  const before = readFileSync("/proc/sys/kernel/shm_rmid_forced", "utf8");
  assert.equal(
    await shell(box, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced"),
    "1\n1\n",
  );
  assert.equal(readFileSync("/proc/sys/kernel/shm_rmid_forced", "utf8"), before);
  await box.destroy();
});

test("what makes no sense is refused, and changes nothing", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const rootfs = files.path;
  const refuse = (spec: ContainerSpecInput, message: RegExp, code = "INVALID_ARGUMENT") =>
    assert.rejects(rig.create("/box", spec), { code, message });
  const mounts = (...mount: object[]) => ({ virtual_host: {}, filesystem: { rootfs, mounts: { mount } } });
  await refuse({ filesystem: { rootfs } }, /^filesystem.rootfs needs a virtual_host/);
  await refuse({ virtual_host: {}, filesystem: { rootfs: "rootfs" } }, /absolute path: "rootfs"/);
  await refuse({ virtual_host: {}, filesystem: { rootfs: `${rootfs}/bin/busybox` } }, /is not a directory/);
  await refuse(
    { virtual_host: {}, filesystem: { rootfs: "/no/such" } },
    /\/no\/such does not exist/,
    "NOT_FOUND",
  );
  await refuse(mounts({ target: "/x" }), /mount\[0\]\.source is missing/);
  await refuse(mounts({ source: "/etc" }), /mount\[0\]\.target is missing/);
  await refuse(mounts({ source: "/etc", target: "/../x" }), /contains "\.\."/);
  await refuse(mounts({ source: "/etc", target: "/" }), /target is \//);
  await refuse(mounts({ source: "/no/such", target: "/x" }), /does not exist/, "NOT_FOUND");
  await refuse(
    mounts({ source: "/etc", target: "/x", options: ["exec"] }),
    /"exec" is not one of suid, dev, noexec/,
  );
  await refuse(mounts({ type: "TMPFS", source: "/etc", target: "/x" }), /source is for BIND/);
  await refuse({ virtual_host: { virtual_hostname: "a b" } }, /no host name/);
  await refuse({ virtual_host: { namespaces: { net: "other" } } }, /or an absolute path: "other"/);
  await refuse(
    { virtual_host: { sysctl: [{ name: "kernel.core_pattern", value: "|/x" }] } },
    /whole machine's/,
  );
  await refuse(
    { virtual_host: { sysctl: [{ name: "net.ipv4.ip_forward", value: "1\n2" }] } },
    /more than one line/,
  );
  await refuse(
    { virtual_host: { namespaces: { net: "host" }, sysctl: [{ name: "net.core.somaxconn", value: "1" }] } },
    /no net namespace of its own/,
  );
  await refuse(
    { virtual_host: { init: { run_spec: {} } } },
    /^unimplemented: virtual_host.init.run_spec/,
    "UNIMPLEMENTED",
  );
  assert.deepEqual(await rig.lmctfy.list("/"), []);
  const box = await rig.create("/box", { virtual_host: {}, filesystem: { rootfs } });
  await assert.rejects(box.enter([process.pid]), { code: "FAILED_PRECONDITION", message: /virtual host/ });
  await box.destroy();
  await rig.assertClean();
});

test("started, commands share it; stopped, all of it ends", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files, privileged));
  const init = await box.start();
  assert.equal(await box.initPid(), init);
  assert.deepEqual(await box.pids(), [init]);
  await assert.rejects(box.start(), { code: "FAILED_PRECONDITION", message: /runs already/ });

  const sleeper = await rig.command(["run", "-n", "/box", "sleep", "1000"]);
  assert.equal(sleeper.code, 0, sleeper.stderr);
  assert.match(await shell(box, "ps"), /sleep 1000/);
  assert.equal(await shell(box, "hostname changed; hostname"), "changed\n");
  const direct = await rig.command([
    "run",
    "/box",
    "sh",
    "-c",
    "hostname; id -u; cat /proc/self/cgroup | grep 0::",
  ]);
  assert.equal(direct.stdout, "changed\n0\n0::/\n", direct.stderr);
  const outer = statSync(`/proc/${init}/ns/pid`).ino;
  assert.equal(await shell(box, "readlink /proc/self/ns/pid"), `pid:[${outer}]\n`);

  await box.stop();
  assert.equal(await box.initPid(), undefined);
  assert.deepEqual(await box.pids(), []);
  assert.equal(await shell(box, "hostname"), "box\n", "a machine of its own again");
  await box.stop();
  await box.destroy();
  await rig.assertClean();
});

test("the init's own end ends it, and is recorded", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const init_argv = ["/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"];
  const box = await rig.create("/box", hostOf(files, { virtual_host: { init: { init_argv } } }));
  await box.start();
  await shell(box, "kill -TERM 1");
  await eventually(
    () => box.initPid(),
    pid => pid === undefined,
    "the init has ended",
  );
  assert.equal((await box.lastExit())?.exitCode, 7);
  assert.equal(await shell(box, "echo $$"), "1\n");
  await box.start();
  await box.stop();
  assert.equal((await box.lastExit())?.exitCode, 7, "it shut down by itself");
  await box.update({ virtual_host: { init: { init_argv: ["/no/such"] } } });
  await assert.rejects(box.start(), { code: "FAILED_PRECONDITION", message: /its init \/no\/such: ENOENT/ });
  assert.equal(await box.initPid(), undefined);
  await eventually(
    () => box.pids(),
    pids => pids.length === 0,
    "what failed to start is gone",
  );
  await box.destroy();
  await rig.assertClean();
});

test("a process that does not want to end is killed", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  await box.start();
  const stubborn = await box.run(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
  for await (const chunk of stubborn.stdout!) if (String(chunk).includes("ready")) break;
  await box.stop({ graceMs: 100 });
  assert.equal((await stubborn.exited).signal, "SIGKILL");
  await box.destroy();
});

test("nothing of a virtual host is left after its end, however that comes", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const mounts = () => readFileSync("/proc/self/mountinfo", "utf8").split("\n").length;
  const before = mounts();
  const box = await rig.create("/box", hostOf(files));
  for (let round = 0; round < ROUNDS; round++) {
    await box.start();
    if (round % 3 === 0) await box.killAll();
    else await box.stop({ graceMs: 0 });
    await eventually(
      () => box.initPid(),
      pid => pid === undefined,
      "it has stopped",
    );
  }
  assert.deepEqual(await box.pids(), []);
  assert.equal(mounts(), before);
  await box.destroy();
  await rig.assertClean();
});

test("an ordinary container is neither started nor stopped", async () => {
  await using rig = Rig.create();
  const plain = await rig.create("/plain");
  await assert.rejects(plain.start(), { code: "FAILED_PRECONDITION", message: /no virtual host/ });
  await assert.rejects(plain.stop(), { code: "FAILED_PRECONDITION" });
  const said = await rig.command(["start", "/plain"]);
  assert.equal(said.code, 9);
  await plain.destroy();
});

test("start, stop and restart as commands", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", hostOf(files));
  const started = await rig.command(["start", "--json", "/box"]);
  const { name, pid } = JSON.parse(started.stdout) as { name: string; pid: number };
  assert.deepEqual([name, pid], ["/box", await box.initPid()]);
  const again = await rig.command(["restart", "-t", "1", "/box"]);
  assert.match(again.stdout, /^pid="\d+"\n$/, again.stderr);
  assert.notEqual(await box.initPid(), pid);
  assert.equal((await rig.command(["stop", "/box"])).code, 0);
  assert.equal(await box.initPid(), undefined);
  await box.destroy();
});

test("create, start and stop killed at random moments leave nothing", { timeout: 300_000 }, async t => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const spec = `virtual_host:{} filesystem:{rootfs:"${files.path}"}`;
  const usual = await durations(rig, spec);
  const mounts = () => readFileSync("/proc/self/mountinfo", "utf8").split("\n").length;
  const before = mounts();
  let hits = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const words = (["create", "start", "stop"] as const)[round % 3]!;
    if (words !== "create") await rig.create("/victim", await parseSpec(spec)).catch(() => {});
    if (words === "stop") await (await rig.lmctfy.get("/victim")).start().catch(() => {});
    const args = words === "create" ? ["create", "/victim", spec] : [words, "/victim"];
    const child = spawn(COMMAND, args, { env: { ...process.env, LMCTFY_ROOT: rig.root }, stdio: "ignore" });
    const exit = once(child, "exit");
    await Promise.race([exit, sleep(Math.random() * usual * 1.2)]);
    child.kill("SIGKILL");
    if ((await exit)[1] === "SIGKILL") hits++;
    // The next command, whichever it is; then it can be used, and removed.
    assert.deepEqual((await rig.command(["list"])).stderr, "", `round ${round}, ${words}`);
    const box = await rig.lmctfy.get("/victim").catch(() => undefined);
    if (box === undefined) continue;
    const said = await rig.command(["run", "/victim", "hostname"]);
    assert.equal(said.stdout, "victim\n", `round ${round}, ${words}: ${said.stderr}`);
    await box.destroy({ force: true });
  }
  t.diagnostic(`${hits} of ${ROUNDS} were killed before their end`);
  assert.equal(mounts(), before);
  await rig.assertClean();
});

/** What the longest of the commands takes here. */
async function durations(rig: Rig, spec: string): Promise<number> {
  let longest = 0;
  for (const args of [
    ["create", "/victim", spec],
    ["start", "/victim"],
    ["stop", "/victim"],
    ["destroy", "/victim"],
  ]) {
    const begin = performance.now();
    assert.equal((await rig.command(args)).code, 0, args.join(" "));
    longest = Math.max(longest, performance.now() - begin);
  }
  return longest;
}
