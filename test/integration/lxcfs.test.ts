/** Truth inside: /proc/meminfo and its like tell about the container, where lxcfs runs. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { COMMAND, eventually, execute, Rig, type Said } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

/** Where cgroup2 is mounted, and how. */
function cgroupOptions(): { path: string; options: string } {
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const [, path = "", , options = ""] =
    lines.find(line => line.split(" ")[2] === "cgroup2")?.split(" ") ?? [];
  return { path, options };
}

/** A mount namespace of its own, in which lxcfs is mounted: nobody else on this machine takes it for the machine's. */
class Lxcfs implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "lmctfy-lxcfs-"));
  readonly #holder: ChildProcess;
  readonly #hadRuntime = existsSync("/run/lxcfs");
  readonly #cgroup = cgroupOptions();
  #server: ChildProcess | undefined;

  constructor() {
    if (!existsSync("/dev/fuse")) execFileSync("modprobe", ["fuse"]);
    const script = "echo ready; read line";
    this.#holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** Runs the command in there. */
  lmctfy(rig: Rig, ...args: string[]): Promise<Said> {
    return execute("nsenter", [`--mount=${this.#view}`, COMMAND, ...args], {
      env: { LMCTFY_ROOT: rig.root },
    });
  }

  async start(): Promise<void> {
    const mounted = () => /fuse\.lxcfs/.test(readFileSync(`/proc/${this.#holder.pid}/mountinfo`, "utf8"));
    await eventually(
      () => this.#holder.stdout!.read() !== null || this.#server !== undefined,
      Boolean,
      "the namespace",
    );
    const lxcfs = [
      "lxcfs",
      "--foreground",
      "--pidfile",
      join(this.directory, "pid"),
      join(this.directory, "mount"),
    ];
    execFileSync("mkdir", ["-p", join(this.directory, "mount")]);
    this.#server = spawn("nsenter", [`--mount=${this.#view}`, ...lxcfs], { stdio: "ignore" });
    await eventually(mounted, Boolean, "the mount of lxcfs");
  }

  async kill(): Promise<void> {
    const ended = once(this.#server!, "exit");
    this.#server!.kill("SIGKILL");
    await ended;
  }

  /** What systemd does when it restarts lxcfs. */
  unmount(): void {
    execFileSync("nsenter", [`--mount=${this.#view}`, "umount", "-l", join(this.directory, "mount")]);
  }

  get #view(): string {
    return `/proc/${this.#holder.pid}/ns/mnt`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server?.exitCode === null && this.#server.signalCode === null) await this.kill();
    const ended = once(this.#holder, "exit");
    this.#holder.stdin!.end();
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
    // It mounts cgroup2 for itself, and options of that file system are the whole machine's.
    const { path, options } = this.#cgroup;
    if (options !== cgroupOptions().options) execFileSync("mount", ["-o", `remount,${options}`, path]);
    if (this.#hadRuntime) return;
    for (const path of ["/run/lxcfs/controllers", "/run/lxcfs/root", "/run/lxcfs"])
      if (existsSync(path)) rmdirSync(path);
  }
}

const LIMIT_KB = 49_152;
const LOOK = `head -n 1 /proc/meminfo; echo cpus $(grep -c ^processor /proc/cpuinfo) $(cat /sys/devices/system/cpu/online); echo up $(cut -d. -f1 /proc/uptime)`;

test("where lxcfs runs, files in /proc tell about the container, and after a restart again", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  await using lxcfs = new Lxcfs();
  await lxcfs.start();
  const lmctfy = async (...args: string[]) => {
    const said = await lxcfs.lmctfy(rig, ...args);
    assert.deepEqual([said.code, said.stderr], [0, ""], args.join(" "));
    return said.stdout;
  };
  const look = (name: string) => lmctfy("run", name, "sh", "-c", LOOK);
  const limits = `memory:{limit:${LIMIT_KB * 1024}} cpu:{cpus:"0"}`;
  const rootfs = `rootfs:${JSON.stringify(files.path)}`;
  const truth = new RegExp(`^MemTotal: +${LIMIT_KB} kB\ncpus 1 0\nup \\d{1,2}\n$`);
  const machine = /^MemTotal: +\d{7,} kB\ncpus \d+ 0-\d+\nup \d+\n$/;

  await lmctfy("create", "/box", `virtual_host:{} filesystem:{${rootfs}} ${limits}`);
  assert.match(await look("/box"), machine, "it is not started");
  await lmctfy("start", "/box");
  assert.match(await look("/box"), truth);
  for (const file of ["diskstats", "loadavg", "stat", "swaps"])
    assert.match(
      await lmctfy("run", "/box", "sh", "-c", "mount"),
      new RegExp(`lxcfs on /proc/${file} type fuse.lxcfs \\(ro,nosuid,nodev,noexec`),
    );
  assert.equal(await lmctfy("run", "/box", "ls", "-A", "/dev/shm"), "", "nothing else of it is there");

  const own = join(files.directory, "own");
  writeFileSync(own, "mine\n");
  const mount = `mounts:{mount:{source:${JSON.stringify(own)} target:"/proc/meminfo"}}`;
  await lmctfy("create", "/own", `virtual_host:{} filesystem:{${rootfs} ${mount}} ${limits}`);
  await lmctfy("create", "/off", `virtual_host:{} filesystem:{${rootfs} lxcfs:false} ${limits}`);
  for (const name of ["/own", "/off"]) await lmctfy("start", name);
  assert.match(await look("/own"), /^mine\ncpus 1 0\n/, "what the spec mounts is on top");
  assert.match(await look("/off"), machine);

  await lxcfs.kill();
  assert.match((await lxcfs.lmctfy(rig, "run", "/box", "cat", "/proc/meminfo")).stderr, /not connected/);
  await lmctfy("restart", "/own");
  assert.match(await look("/own"), /^mine\ncpus \d+ 0-\d+\n/, "what starts without it starts");
  await lmctfy("init");
  assert.match(await look("/box"), machine);

  lxcfs.unmount();
  await lxcfs.start();
  await lmctfy("init");
  assert.match(await look("/box"), truth, "one that runs has it again");
  assert.match(await look("/own"), /^mine\ncpus 1 0\n/);
  assert.match(await look("/off"), machine);
  await lmctfy("restart", "/box");
  assert.match(await look("/box"), truth, "as one that is started anew");
  for (const name of ["/box", "/own", "/off"]) await lmctfy("destroy", "-f", name);
  await rig.assertClean();
});
