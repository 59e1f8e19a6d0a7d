/**
 * Getting into a virtual host that runs: all of its namespaces at once, from within its cgroups.
 *
 * ```
 * parent: does its init still run? ─▶ clone ─▶ hears the command's pid, reaps the go-between
 * go-between: cgroups ─▶ setns of all namespaces ─▶ clone with CLONE_PARENT, which gives the parent a child in there
 * ```
 * Two clones, because a process never changes its own PID namespace, only that of its children.
 */
import { AT_FDCWD, CLONE, LOCK, O, PR } from "../kernel/constants.ts";
import { type ProgramBuilder, type Register, STORE_DECIMAL } from "../kernel/program.ts";
import type { Joining } from "../resources/isolation.ts";
import { INIT_FILE, requireInit } from "./init-lock.ts";
import { becomeRootInside } from "./isolate/namespaces.ts";

const FLAGS = {
  pid: CLONE.NEWPID,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  net: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
  time: CLONE.NEWTIME,
} as const;

/** Where the monitor of an init has its lock open. */
export const WATCH_FD = 3;

/**
 * In the monitor of an init, before there is one: takes the lock that says so. It lets go when it has reaped the init, so
 * that the number is nobody else's as long as the lock is held.
 */
export function claimInit(b: ProgramBuilder, runtimeDirectory: string): Register {
  b.stage("looking whether its init runs already");
  const path = b.string(`${runtimeDirectory}/${INIT_FILE}`);
  const fd = b.syscall("openat", [AT_FDCWD, path, O.RDWR | O.CREAT | O.CLOEXEC, 0o600], { into: "watch" });
  b.syscall("flock", [fd, LOCK.EX | LOCK.NB]);
  b.syscall("ftruncate", [fd, 0]); // until the new one is noted, nobody takes the last one for it
  return fd;
}

/** Notes who it is. */
export function noteInit(b: ProgramBuilder, watch: Register, pid: Register): void {
  b.stage("noting the init");
  const text = b.buffer(24, '"PID"');
  b.store(text, pid, STORE_DECIMAL);
  b.syscall("write", [watch, text, 24]);
  b.syscall("dup3", [watch, WATCH_FD, O.CLOEXEC]);
}

/** Opens the init; ends the program when it is gone, before its pid may be another's. */
export function openInit(b: ProgramBuilder, joining: Joining, directory: Register): Register {
  if (joining.lockFile === undefined) requireInit(b, directory, INIT_FILE);
  else requireInit(b, AT_FDCWD, joining.lockFile);
  b.stage("opening its init");
  return b.syscall("pidfd_open", [joining.pid, 0], { into: "init", fd: true });
}

/** In the go-between, once it is in the cgroups. Nobody inside may trace it or read what it has open (prctl(2)). */
export function joinNamespaces(b: ProgramBuilder, joining: Joining, init: Register): void {
  b.stage("joining the namespaces");
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]);
  let flags: number = CLONE.NEWNS | (joining.ownUsers ? CLONE.NEWUSER : 0);
  for (const kind of joining.namespaces) flags |= FLAGS[kind];
  b.syscall("setns", [init, flags]);
}

/** In the child, which is inside. */
export function arriveInside(b: ProgramBuilder, joining: Joining): void {
  if (joining.ownUsers) becomeRootInside(b);
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]);
}
