/** crun, runc and bwrap, made to do the same work as well as they can. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseMountinfo } from "../src/cgroup/mountinfo.ts";
import { LIMITS, PREFIX } from "./cgroup.ts";
import { BUILD, which } from "./paths.ts";
import type { Contender } from "./timer.ts";

export interface Others {
  contenders: Contender[];
  /** What is not there, and why. */
  missing: { name: string; reason: string }[];
  versions: Record<string, string>;
  close(): Promise<void>;
}

/** The bundle of an OCI runtime: the namespaces, mounts and limits of `floor isolated`, and nothing else. */
function ociConfig(rootfs: string, cgroup: string, command = "/bin/true"): object {
  return {
    ociVersion: "1.0.0",
    process: { terminal: false, user: { uid: 0, gid: 0 }, args: [command], env: ["PATH=/bin"], cwd: "/" },
    root: { path: rootfs, readonly: false },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "nodev", "noexec"] },
      {
        destination: "/dev",
        type: "tmpfs",
        source: "tmpfs",
        options: ["nosuid", "mode=755", "size=65536k"],
      },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "nodev", "noexec", "ro"] },
    ],
    linux: {
      cgroupsPath: `/${cgroup}`,
      namespaces: ["mount", "pid", "ipc", "uts", "network", "cgroup"].map(type => ({ type })),
      resources: {
        memory: { limit: LIMITS.memory },
        cpu: { quota: LIMITS.quota, period: LIMITS.period },
        pids: { limit: LIMITS.pids },
      },
    },
  };
}

export async function findOthers(rootfs: string): Promise<Others> {
  const others: Others = { contenders: [], missing: [], versions: {}, close: async () => {} };
  let view: HugetlbView | undefined;
  for (const name of ["crun", "runc"]) {
    const path = which(name);
    if (path === undefined) {
      others.missing.push({ name, reason: "not installed" });
      continue;
    }
    others.versions[name] = version(path);
    const id = `${PREFIX}-${name}`;
    const bundle = `${BUILD}/${name}`;
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}/config.json`, JSON.stringify(ociConfig(rootfs, id), null, 2));
    const argv = [path, "run", "--bundle", bundle, id];
    const forget = [path, "delete", "--force", id]; // of a bench that was killed
    trial(forget);
    let failure = trial(argv);
    if (failure !== undefined && HugetlbView.helps()) {
      view ??= await HugetlbView.open();
      trial(view.inside(forget));
      failure = trial(view.inside(argv));
    }
    if (failure !== undefined) others.missing.push({ name, reason: failure });
    else {
      const note = "makes and removes its cgroups, reads config.json, keeps a state directory";
      others.contenders.push({ name: `${name} run`, argv, mountNamespace: view?.path, note });
    }
  }
  const bwrap = which("bwrap");
  if (bwrap === undefined) others.missing.push({ name: "bwrap", reason: "not installed" });
  else {
    others.versions.bwrap = version(bwrap);
    const argv = [
      bwrap,
      "--unshare-ipc",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-uts",
      "--unshare-cgroup",
    ];
    argv.push("--bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/sys", "/sys");
    argv.push("--", "/bin/true");
    const note = "no cgroups, no limits; binds the host's /sys and device nodes";
    const failure = trial(argv);
    if (failure !== undefined) others.missing.push({ name: "bwrap", reason: failure });
    else others.contenders.push({ name: "bwrap", argv, note });
  }
  others.close = async () => view?.close();
  return others;
}

/** Containers of crun and runc that run, to execute something in. */
export async function findRunning(rootfs: string): Promise<Others> {
  const others: Others = { contenders: [], missing: [], versions: {}, close: async () => {} };
  const ends: string[][] = [];
  let view: HugetlbView | undefined;
  others.close = async () => {
    for (const end of ends) trial(end);
    await view?.close();
  };
  for (const name of ["crun", "runc"]) {
    const path = which(name);
    if (path === undefined) {
      others.missing.push({ name, reason: "not installed" });
      continue;
    }
    const id = `${PREFIX}-${name}-exec`;
    const bundle = `${BUILD}/${name}-exec`;
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}/config.json`, JSON.stringify(ociConfig(rootfs, id, "/bin/pause"), null, 2));
    const start = [path, "run", "--detach", "--bundle", bundle, id];
    let inside = (argv: string[]): string[] => argv;
    trial([path, "delete", "--force", id]); // of a bench that was killed
    let failure = trial(start);
    if (failure !== undefined && HugetlbView.helps()) {
      view ??= await HugetlbView.open();
      const { path: namespace } = view;
      inside = argv => ["nsenter", `--mount=${namespace}`, ...argv];
      trial(inside([path, "delete", "--force", id]));
      failure = trial(inside(start));
    }
    if (failure !== undefined) {
      others.missing.push({ name, reason: failure });
      continue;
    }
    ends.push(inside([path, "delete", "--force", id]));
    others.contenders.push({
      name: `${name} exec`,
      argv: [path, "exec", id, "/bin/true"],
      mountNamespace: view?.path,
    });
  }
  return others;
}

/** Why a command fails; undefined when it works. */
function trial([file, ...args]: string[]): string | undefined {
  // What stays running must not hold a pipe of ours: its output is dropped.
  const { status, stderr, error } = spawnSync(file!, args, { encoding: "utf8", timeout: 20_000 });
  if (status === 0) return undefined;
  return (error?.message ?? stderr.trim().split("\n").at(-1)) || `exit code ${status}`;
}

function version(path: string): string {
  return spawnSync(path, ["--version"], { encoding: "utf8" }).stdout.split("\n")[0] ?? "";
}

/**
 * A mount namespace whose /sys/fs/cgroup shows what this machine's does, and a hugetlb hierarchy: crun refuses a
 * hybrid layout as long as one controller is in no version 1 hierarchy. It goes with the process that holds it.
 */
class HugetlbView {
  readonly path: string;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/ns/mnt`;
  }

  inside(argv: readonly string[]): string[] {
    return ["nsenter", `--mount=${this.path}`, ...argv];
  }

  /** Whether this is a machine with version 1 hierarchies and hugetlb in none. */
  static helps(): boolean {
    const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
    return mounts.some(mount => mount.type === "cgroup") && hugetlbHierarchy() === "0";
  }

  static async open(): Promise<HugetlbView> {
    const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
    const lines = ["set -e", "mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup"];
    const add = (type: string, options: string, path: string): void => {
      lines.push(`mkdir -p ${path}`, `mount -t ${type}${options && ` -o ${options}`} cgroup ${path}`);
    };
    for (const { type, options, mountPoint } of mounts) {
      if (!mountPoint.startsWith("/sys/fs/cgroup/")) continue;
      const words = options.filter(word => word !== "rw" && word !== "ro");
      const named = words.some(word => word.startsWith("name="));
      if (type === "cgroup2") add(type, "", mountPoint);
      else if (type === "cgroup") add(type, [...(named ? ["none"] : []), ...words].join(), mountPoint);
    }
    add("cgroup", "hugetlb", "/sys/fs/cgroup/hugetlb");
    // The holder ends with its standard input, whatever happens to this process.
    const script = `${lines.join("\n")}\necho ready\nread line || true\n`;
    const holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [ready] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (String(ready) !== "ready\n") throw new Error("could not mount a hugetlb hierarchy");
    return new HugetlbView(holder);
  }

  /**
   * Ends the holder. A hierarchy that is unmounted while one of its removed cgroups still waits for the kernel to
   * free it lives on, unseen: it has to be mounted and unmounted once more.
   */
  async close(): Promise<void> {
    const ended = once(this.#holder, "exit");
    this.#holder.stdin!.end();
    await ended;
    const directory = mkdtempSync(`${BUILD}/hugetlb-`);
    const script = `
      mount -t cgroup -o hugetlb cgroup ${directory}
      rmdir ${directory}/${PREFIX}-* 2>/dev/null
      sleep 0.1
      umount ${directory}`;
    for (let attempt = 0; attempt < 5 && !(await isHugetlbFree()); attempt++) {
      execFileSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", script]);
    }
    rmdirSync(directory);
  }
}

/** Whether hugetlb is in no hierarchy; the kernel takes a moment to end one. */
async function isHugetlbFree(): Promise<boolean> {
  for (let attempt = 0; attempt < 40; attempt++) {
    if (hugetlbHierarchy() === "0") return true;
    await sleep(10);
  }
  return false;
}

function hugetlbHierarchy(): string | undefined {
  return /^hugetlb\t(\d+)/m.exec(readFileSync("/proc/cgroups", "utf8"))?.[1];
}
