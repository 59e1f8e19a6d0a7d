/** /proc, /sys and the cgroups as a container sees them, and what of them is hidden or read-only. */
import { MOUNT_ATTR } from "../../kernel/constants.ts";
import type { Label, ProgramBuilder, Register } from "../../kernel/program.ts";
import { attach, cloneAt, freshMount, InRoot, mountAttributes, setAttributes } from "./mount-api.ts";

const SAFE = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;

/** What tells about the host, or reaches its hardware: the list that container runtimes share. */
const MASKED = {
  proc: {
    files: ["kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "interrupts"],
    directories: ["acpi", "asound", "dynamic_debug", "scsi"],
  },
  sys: { files: [], directories: ["firmware", "devices/virtual/powercap"] },
} as const;

const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"] as const;

export interface Scratch {
  mount: Register;
  target: Register;
  context: Register;
}

/**
 * Paths below /proc, /sys and /dev are followed from the mounts that we made, never from the root: whoever can write the
 * root may exchange its /proc for a directory of his own meanwhile, and the masks would lie in that, the mount be elsewhere
 * without them.
 */
export class KernelFiles {
  readonly #b: ProgramBuilder;
  readonly #use: Scratch;
  readonly #proc: InRoot;
  readonly #sys: InRoot;

  /** Mounts them. */
  constructor(
    b: ProgramBuilder,
    inRoot: InRoot,
    sysCopy: Register | undefined,
    cgroups: "none" | "read-only" | "writable",
    use: Scratch,
  ) {
    this.#b = b;
    this.#use = use;
    const { target, context, mount } = use;
    b.stage("setting up /proc");
    const proc = b.register("proc");
    freshMount(b, "proc", SAFE, [], proc, context);
    mountOn(b, inRoot, "/proc", proc, target);
    this.#proc = new InRoot(b, proc);
    b.stage("setting up /sys");
    const sys = sysCopy ?? b.register("sysfs");
    if (sysCopy === undefined) freshMount(b, "sysfs", SAFE | MOUNT_ATTR.RDONLY, [], sys, context);
    mountOn(b, inRoot, "/sys", sys, target);
    this.#sys = new InRoot(b, sys);
    if (cgroups === "none" || sysCopy !== undefined) return;
    b.stage("setting up /sys/fs/cgroup");
    whereThere(b, this.#sys, "fs/cgroup", target, () => {
      const access = cgroups === "writable" ? 0 : MOUNT_ATTR.RDONLY;
      freshMount(b, "cgroup2", SAFE | access, [], mount, context);
      attach(b, mount, target);
      b.syscall("close", [mount]);
    });
  }

  /** Opens a path below /proc or /sys; `missing` = where to go when it is not there. */
  open(path: string, into: Register, missing?: Label): void {
    const [, top, rest] = /^\/(proc|sys)\/(.+)$/.exec(path)!;
    (top === "proc" ? this.#proc : this.#sys).open(rest!, into, missing);
  }

  /**
   * After all mounts: nothing can be put over a mask later, for the container may not mount.
   *
   * @param dev the container's, whose null device lies over files
   */
  hide(dev: Register): void {
    const b = this.#b;
    const { mount, target, context } = this.#use;
    b.stage("making parts of /proc and /sys read-only");
    for (const path of READ_ONLY) {
      whereThere(b, this.#proc, path, target, () => {
        cloneAt(b, target, mount);
        setAttributes(b, mount, mountAttributes(b, SAFE | MOUNT_ATTR.RDONLY), { recursive: false });
        attach(b, mount, target);
        b.syscall("close", [mount]);
      });
    }
    b.stage("hiding parts of /proc and /sys");
    const source = b.register("null");
    new InRoot(b, dev).open("null", source);
    for (const [under, { files, directories }] of [
      [this.#proc, MASKED.proc],
      [this.#sys, MASKED.sys],
    ] as const) {
      for (const path of files) {
        whereThere(b, under, path, target, () => {
          cloneAt(b, source, mount);
          attach(b, mount, target);
          b.syscall("close", [mount]);
        });
      }
      for (const path of directories) {
        whereThere(b, under, path, target, () => {
          freshMount(b, "tmpfs", SAFE | MOUNT_ATTR.RDONLY, EMPTY, mount, context);
          attach(b, mount, target);
          b.syscall("close", [mount]);
        });
      }
    }
    b.syscall("close", [source]);
  }
}

const EMPTY = [
  ["size", "0"],
  ["nr_inodes", "2"],
  ["mode", "0555"],
] as const;

function mountOn(b: ProgramBuilder, inRoot: InRoot, path: string, mount: Register, target: Register): void {
  inRoot.ensure(path, "directory", target);
  attach(b, mount, target);
  b.syscall("close", [target]);
}

function whereThere(
  b: ProgramBuilder,
  under: InRoot,
  path: string,
  target: Register,
  then: () => void,
): void {
  const missing = b.label();
  under.open(path, target, missing);
  then();
  b.syscall("close", [target]);
  b.place(missing);
}
