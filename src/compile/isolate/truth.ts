/**
 * What of /proc and /sys tells about the container instead of the machine: files of lxcfs, mounted over the kernel's.
 *
 * A container that runs keeps what is mounted. When lxcfs goes, those files answer ENOTCONN until `replaceTruth` takes them
 * away, and puts those of the next lxcfs there.
 */
import { AT_FDCWD, CLONE, MNT_DETACH, MOUNT_ATTR, MS, O, PR } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { reportPipe } from "../child.ts";
import { clone3 } from "../clone.ts";
import type { KernelFiles, Scratch } from "./kernel-files.ts";
import { attach, attachAt, cloneAt, cloneTree, InRoot, mountAttributes, setAttributes } from "./mount-api.ts";

/** Those that lxcfs and every kernel have (slabinfo it leaves empty). */
export const TRUTHS = [
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
  "/sys/devices/system/cpu",
] as const;

const UMOUNT_NOFOLLOW = 8;
const SAFE = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.RDONLY;
/** Something in /dev that is there in any case, on which it is mounted for a moment. */
const ASIDE = "shm";

/** In the parent: the mount of lxcfs, as a descriptor. */
export function openTruth(b: ProgramBuilder, path: string): Register {
  b.stage("opening lxcfs");
  const tree = cloneTree(b, path, { into: "lxcfs", recursive: false });
  setAttributes(b, tree, mountAttributes(b, SAFE, { propagation: MS.PRIVATE }), { recursive: false });
  return tree;
}

/**
 * In the child, whose /proc and /sys are there: an lxcfs that has just gone leaves the kernel's own files. All by descriptors of
 * mounts (see KernelFiles).
 *
 * @param dev the container's /dev
 */
export function mountTruth(
  b: ProgramBuilder,
  kernelFiles: KernelFiles,
  dev: Register,
  tree: Register,
  use: Scratch,
): void {
  b.stage("mounting lxcfs");
  const aside = b.register("aside");
  new InRoot(b, dev).open(ASIDE, aside);
  attach(b, tree, aside);
  b.syscall("close", [aside]);
  const inTree = new InRoot(b, tree);
  for (const path of TRUTHS) {
    const missing = b.label();
    const missingThere = b.label();
    inTree.open(path, aside, missing);
    kernelFiles.open(path, use.target, missingThere);
    cloneAt(b, aside, use.mount);
    attach(b, use.mount, use.target);
    for (const fd of [use.mount, use.target]) b.syscall("close", [fd]);
    b.place(missingThere);
    b.syscall("close", [aside]);
    b.place(missing);
  }
  b.syscall("fchdir", [tree]);
  b.syscall("umount2", [b.string("."), MNT_DETACH]);
  b.syscall("close", [tree]);
}

/**
 * In a container that runs: takes some of them away, and puts others there.
 *
 * @param mounts the mount namespace: a path below /proc
 * @param add where lxcfs is mounted, and which of its files are wanted
 */
export function replaceTruth(
  b: ProgramBuilder,
  mounts: string,
  remove: readonly string[],
  add: { from: string; paths: readonly string[] } | undefined,
): void {
  b.stage("opening its mounts");
  const there = b.syscall("openat", [AT_FDCWD, b.string(mounts), O.RDONLY | O.CLOEXEC, 0], {
    into: "mounts",
    fd: true,
  });
  b.stage("opening lxcfs");
  const attributes = mountAttributes(b, SAFE, { propagation: MS.PRIVATE });
  const added = (add?.paths ?? []).map((path, i) => {
    const fd = cloneTree(b, `${add!.from}${path}`, { into: `file${i}`, recursive: false });
    setAttributes(b, fd, attributes, { recursive: false });
    return { path, fd };
  });
  const report = reportPipe(b, "report");
  const inside = b.label();
  const child = clone3(b, {}, "child");
  b.jumpIf(child, "==", 0, inside);
  b.syscall("close", [report.write]);
  for (const { fd } of added) b.syscall("close", [fd]);
  b.syscall("close", [there]);
  b.join(report.read, {});
  b.syscall("close", [report.read]);
  b.wait(child, {});
  const end = b.label();
  b.jump(end);

  b.place(inside);
  b.report(report.write);
  b.stage("mounting lxcfs");
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]); // nobody who is there may trace it
  b.syscall("setns", [there, CLONE.NEWNS]);
  // From here on the container's own root is /: whatever lies on the way, it is in there. One that is gone is fine.
  for (const path of remove)
    b.syscall("umount2", [b.string(path), MNT_DETACH | UMOUNT_NOFOLLOW], { onError: "ignore" });
  for (const { path, fd } of added) attachAt(b, fd, path);
  b.exit(0);
  b.place(end);
}
