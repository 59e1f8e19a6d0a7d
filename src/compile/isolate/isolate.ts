/**
 * A process with a view of the machine of its own: namespaces, ids, a root filesystem, and nothing of the host in reach.
 *
 * ```
 * parent: copies of the root, of what is bound, of devices ─▶ clone ─▶ ids, of the root's files too ─▶ "go on"
 * child:  (in its cgroups) waits for that ─▶ root inside ─▶ mounts, by descriptors ─▶ pivot_root ─▶ names, network
 * ```
 * The parent opens what lies on the host, because the child's rights end where its user namespace does; the child attaches
 * it, because only it is in the new mount namespace.
 */
import { CLONE, MNT_DETACH, MOUNT_ATTR, MS, O } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { type Isolation, isNew } from "../../resources/isolation.ts";
import { Devices } from "./devices.ts";
import { KernelFiles, type Scratch } from "./kernel-files.ts";
import {
  attach,
  attachOverRoot,
  cloneTree,
  freshMount,
  InRoot,
  mountAttributes,
  setAttributes,
} from "./mount-api.ts";
import {
  becomeRootInside,
  cloneFlags,
  type Joined,
  joinOthers,
  makeNamespaces,
  mapFiles,
  mapIds,
  nameHost,
  needsGoBetween,
  openJoined,
  ownCgroupView,
  startLoopback,
} from "./namespaces.ts";
import { mountLayers } from "./overlay.ts";
import { mountTruth, openTruth } from "./truth.ts";

/** A slave of the host's mounts sees them come; nothing goes the other way. */
const MS_PRIVATE = MS.PRIVATE;
const MS_SLAVE = MS.SLAVE;

export class Isolate {
  /** For the clone. */
  readonly flags: number;
  /** Whether the child is in another PID namespace than its parent. */
  readonly elsewhere: boolean;
  /** Whether what is cloned is only the one that goes before: `inBetween`, and then a clone of its own. */
  readonly goesBetween: boolean;
  readonly #b: ProgramBuilder;
  readonly #isolation: Isolation;
  readonly #root: Register;
  /** What of the host is the root, if anything is. */
  readonly #roots: Register[];
  /** Its layers, and what is written to, when it has such. */
  readonly #lower: Register[];
  readonly #top: Register | undefined;
  readonly #binds: Register[];
  readonly #sys: Register | undefined;
  readonly #lxcfs: Register | undefined;
  readonly #devices: Devices;
  readonly #joined: readonly Joined[];
  readonly #go: { read: Register; write: Register } | undefined;

  /** Emits what comes before the clone: everything of the host that the child needs, as descriptors. */
  constructor(b: ProgramBuilder, isolation: Isolation) {
    this.#b = b;
    this.#isolation = isolation;
    this.flags = cloneFlags(isolation);
    this.goesBetween = needsGoBetween(isolation);
    const { users, namespaces } = isolation;
    this.elsewhere = namespaces.pid.kind !== "host";
    this.#joined = openJoined(b, isolation);
    b.stage("opening the root filesystem");
    this.#root = b.register("root");
    const { rootfs, layers } = isolation;
    this.#lower = (layers?.lower ?? []).map((path, i) =>
      cloneTree(b, path, { into: `layer${i}`, recursive: false }),
    );
    this.#top = layers?.top.startsWith("/")
      ? cloneTree(b, layers.top, { into: "top", recursive: false })
      : undefined;
    if (rootfs !== undefined) cloneTree(b, rootfs, { into: this.#root });
    this.#roots = [
      ...(rootfs === undefined ? [] : [this.#root]),
      ...this.#lower,
      ...(this.#top ? [this.#top] : []),
    ];
    for (const root of this.#roots) {
      // What the host mounts in it later is the host's; nothing that the container does comes back.
      setAttributes(b, root, mountAttributes(b, 0, { propagation: MS_PRIVATE }), { recursive: true });
    }
    const shared = this.#joined.find(({ flag }) => flag === CLONE.NEWUSER);
    if (shared && isolation.mapsRoot) mapFiles(b, shared.fd, this.#roots);
    b.stage("opening what is mounted");
    this.#binds = isolation.mounts.flatMap((mount, i) => {
      if (mount.kind !== "bind") return [];
      const tree = cloneTree(b, mount.source, { into: `bind${i}` });
      const propagation = mount.follows ? MS_SLAVE : MS_PRIVATE;
      setAttributes(b, tree, mountAttributes(b, mount.attributes, { propagation }), { recursive: true });
      return [tree];
    });
    if (isolation.lxcfs !== undefined) this.#lxcfs = openTruth(b, isolation.lxcfs);
    b.stage("opening devices");
    this.#devices = new Devices(b, { bind: users.kind !== "host" });
    if (!isNew(namespaces.net)) {
      this.#sys = cloneTree(b, "/sys", { into: "sys" });
      const safe = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.RDONLY;
      setAttributes(b, this.#sys, mountAttributes(b, safe, { propagation: MS_PRIVATE }), { recursive: true });
    }
    if (users.kind === "new") {
      const ends = b.buffer(8, "go");
      b.syscall("pipe2", [ends, O.CLOEXEC]);
      this.#go = {
        read: b.load(b.slice(ends, 0, 4), 4, "go_read", true),
        write: b.load(b.slice(ends, 4, 4), 4, "go_write", true),
      };
    }
  }

  /** In whoever cloned: gives the child its ids and lets it go on. */
  afterClone(pid: Register): void {
    const b = this.#b;
    const { users, mapsRoot } = this.#isolation;
    if (this.#go && users.kind === "new") {
      mapIds(b, pid, users.ids, mapsRoot ? this.#roots : []);
      b.syscall("write", [this.#go.write, b.string("."), 1]);
    }
    b.stage("starting the command");
    this.release();
  }

  /** Closes what was opened for the child. */
  release(): void {
    for (const fd of this.#held()) this.#b.syscall("close", [fd]);
  }

  #held(): Register[] {
    const joined = this.#joined.map(({ fd }) => fd);
    const go = this.#go ? [this.#go.read, this.#go.write] : [];
    return [
      ...this.#roots,
      ...this.#binds,
      ...this.#devices.held,
      ...(this.#sys ? [this.#sys] : []),
      ...(this.#lxcfs ? [this.#lxcfs] : []),
      ...joined,
      ...go,
    ];
  }

  /** In the one that goes before, once it is in its cgroups: everything but what its child has to do. */
  inBetween(): void {
    this.#waitForIds();
    joinOthers(this.#b, this.#joined);
    makeNamespaces(this.#b, this.#isolation);
  }

  /** In the child, once it is in its cgroups: everything up to the new root. */
  inChild(): void {
    const b = this.#b;
    const isolation = this.#isolation;
    const { namespaces } = isolation;
    if (!this.goesBetween) {
      this.#waitForIds();
      joinOthers(b, this.#joined);
    }
    if (isolation.users.kind !== "host") becomeRootInside(b);
    ownCgroupView(b, isolation);
    const use: Scratch = {
      mount: b.register("mount"),
      target: b.register("target"),
      context: b.register("fs"),
    };

    b.stage("setting up the root filesystem");
    b.syscall("mount", [0, b.string("/"), 0, MS.REC | MS_PRIVATE, 0]);
    if (isolation.layers !== undefined) {
      const layers = { lower: this.#lower, top: this.#top, ownUsers: isolation.users.kind !== "host" };
      mountLayers(b, layers, this.#root, use);
    } else if (this.#roots.length === 0) {
      const safe = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
      freshMount(b, "tmpfs", safe, [["mode", "0755"]], this.#root, use.context);
    }
    attachOverRoot(b, this.#root);
    b.syscall("umask", [0]);
    const inRoot = new InRoot(b, this.#root);
    const cgroups = !isNew(namespaces.cgroup) ? "none" : isolation.managesCgroups ? "writable" : "read-only";
    const kernelFiles = new KernelFiles(b, inRoot, this.#sys, cgroups, use);
    const dev = b.register("dev");
    this.#devices.setUp(inRoot, { ...use, dev });
    if (this.#lxcfs) mountTruth(b, kernelFiles, dev, this.#lxcfs, use);
    this.#mounts(inRoot, use);
    this.#sysctls(kernelFiles, use);
    kernelFiles.hide(dev);

    b.stage("entering the root filesystem");
    if (isolation.readOnly) {
      setAttributes(b, this.#root, mountAttributes(b, MOUNT_ATTR.RDONLY), { recursive: false });
    }
    const here = b.string(".");
    b.syscall("fchdir", [this.#root]);
    b.syscall("pivot_root", [here, here]);
    b.syscall("umount2", [here, MNT_DETACH]);
    b.syscall("chdir", [b.string("/")]);
    b.syscall("umask", [0o022]);
    if (isNew(namespaces.uts)) nameHost(b, isolation);
    if (isNew(namespaces.net)) startLoopback(b);
  }

  /** When the parent is gone there is nobody to go on for. */
  #waitForIds(): void {
    const b = this.#b;
    if (!this.#go) return;
    b.stage("waiting for the ids of the user namespace");
    b.syscall("close", [this.#go.write]);
    const got = b.syscall("read", [this.#go.read, b.buffer(8, "go"), 1], { into: "got" });
    const there = b.label();
    b.jumpIf(got, "==", 1, there);
    b.exit(125);
    b.place(there);
  }

  #mounts(inRoot: InRoot, { mount, target, context }: Scratch): void {
    const b = this.#b;
    const binds = [...this.#binds];
    for (const each of this.#isolation.mounts) {
      b.stage(`mounting ${each.target}`);
      switch (each.kind) {
        case "bind": {
          inRoot.ensure(each.target, each.directory ? "directory" : "file", target);
          attach(b, binds.shift()!, target);
          break;
        }
        case "fresh":
          inRoot.ensure(each.target, "directory", target);
          freshMount(b, each.type, each.attributes, each.options, mount, context);
          attach(b, mount, target);
          b.syscall("close", [mount]);
          break;
        default:
          each satisfies never;
      }
      b.syscall("close", [target]);
    }
  }

  /** Through the /proc that was just mounted, by names that have been checked. */
  #sysctls(kernelFiles: KernelFiles, { mount: sys, target: fd }: Scratch): void {
    const b = this.#b;
    const { sysctls } = this.#isolation;
    if (sysctls.length === 0) return;
    kernelFiles.open("/proc/sys", sys);
    for (const [name, value] of sysctls) {
      b.stage(`setting the sysctl ${name}`);
      b.syscall("openat", [sys, b.string(name.replaceAll(".", "/")), O.WRONLY | O.CLOEXEC, 0], { into: fd });
      b.syscall("write", [fd, b.string(value), Buffer.byteLength(value)]);
      b.syscall("close", [fd]);
    }
    b.syscall("close", [sys]);
  }
}
