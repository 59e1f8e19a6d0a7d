/** /proc, /sys and the cgroups as a container sees them, and what of them is hidden or read-only. */
import { MOUNT_ATTR } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { attach, cloneAt, freshMount, type InRoot, mountAttributes, setAttributes } from "./mount-api.ts";

const SAFE = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;

/** What tells about the host, or reaches its hardware: the list that container runtimes share. */
const MASKED = {
  files: [
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/interrupts",
  ],
  directories: ["/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"],
} as const;

const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;

export interface Scratch {
  mount: Register;
  target: Register;
  context: Register;
}

export function mountKernelFiles(
  b: ProgramBuilder,
  inRoot: InRoot,
  sysCopy: Register | undefined,
  cgroups: "none" | "read-only" | "writable",
  use: Scratch,
): void {
  b.stage("setting up /proc");
  mountOn(b, inRoot, "/proc", () => freshMount(b, "proc", SAFE, [], use.mount, use.context), use);
  b.stage("setting up /sys");
  if (sysCopy === undefined) {
    mountOn(
      b,
      inRoot,
      "/sys",
      () => freshMount(b, "sysfs", SAFE | MOUNT_ATTR.RDONLY, [], use.mount, use.context),
      use,
    );
  } else {
    inRoot.ensure("/sys", "directory", use.target);
    attach(b, sysCopy, use.target);
    b.syscall("close", [use.target]);
  }
  if (cgroups === "none" || sysCopy !== undefined) return;
  b.stage("setting up /sys/fs/cgroup");
  const missing = b.label();
  inRoot.open("/sys/fs/cgroup", use.target, missing);
  const access = cgroups === "writable" ? 0 : MOUNT_ATTR.RDONLY;
  freshMount(b, "cgroup2", SAFE | access, [], use.mount, use.context);
  attach(b, use.mount, use.target);
  b.syscall("close", [use.target]);
  b.syscall("close", [use.mount]);
  b.place(missing);
}

/** After all mounts: nothing can be put over a mask later, for the container may not mount. */
export function hideKernelFiles(b: ProgramBuilder, inRoot: InRoot, use: Scratch): void {
  const { mount, target, context } = use;
  b.stage("making parts of /proc and /sys read-only");
  for (const path of READ_ONLY) {
    whereThere(b, inRoot, path, target, () => {
      cloneAt(b, target, mount);
      setAttributes(b, mount, mountAttributes(b, SAFE | MOUNT_ATTR.RDONLY), { recursive: false });
      attach(b, mount, target);
      b.syscall("close", [mount]);
    });
  }
  b.stage("hiding parts of /proc and /sys");
  const source = b.register("null");
  // The null device of the /dev that was just made; nobody else has had a hand in it.
  inRoot.open("/dev/null", source);
  for (const path of MASKED.files) {
    whereThere(b, inRoot, path, target, () => {
      cloneAt(b, source, mount);
      attach(b, mount, target);
      b.syscall("close", [mount]);
    });
  }
  b.syscall("close", [source]);
  for (const path of MASKED.directories) {
    whereThere(b, inRoot, path, target, () => {
      freshMount(
        b,
        "tmpfs",
        SAFE | MOUNT_ATTR.RDONLY,
        [
          ["size", "0"],
          ["nr_inodes", "2"],
          ["mode", "0555"],
        ],
        mount,
        context,
      );
      attach(b, mount, target);
      b.syscall("close", [mount]);
    });
  }
}

function mountOn(b: ProgramBuilder, inRoot: InRoot, path: string, make: () => void, use: Scratch): void {
  inRoot.ensure(path, "directory", use.target);
  make();
  attach(b, use.mount, use.target);
  b.syscall("close", [use.target]);
  b.syscall("close", [use.mount]);
}

function whereThere(
  b: ProgramBuilder,
  inRoot: InRoot,
  path: string,
  target: Register,
  then: () => void,
): void {
  const missing = b.label();
  inRoot.open(path, target, missing);
  then();
  b.syscall("close", [target]);
  b.place(missing);
}
