/** The namespaces of a container: made at the clone, or joined; their ids, names and network. */
import { AT_FDCWD, CLONE, MOUNT_ATTR, O, PR } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { type IdRange, type Isolation, isNew, type NamespaceKind } from "../../resources/isolation.ts";
import { requireInit } from "../init-lock.ts";
import { mountAttributes, setAttributes } from "./mount-api.ts";

const FLAG: Record<NamespaceKind, number> = {
  pid: CLONE.NEWPID,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  net: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
  time: CLONE.NEWTIME,
};

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** The one of cgroups is not among them: its root is where the process is when it is made. */
const AT_ONCE = ["pid", "ipc", "uts", "net", "time"] as const;

/**
 * Whether another process has to go before: one never changes its own PID namespace, only that of its children, and the clocks
 * of a new time namespace are set before anybody is in it.
 */
export const needsGoBetween = ({ namespaces, users }: Isolation): boolean =>
  users.kind === "path" || namespaces.pid.kind === "path" || namespaces.time.kind !== "host";

/** What is made at the clone: all, unless one goes before. */
export function cloneFlags(isolation: Isolation): number {
  const own = isolation.users.kind === "new" ? CLONE.NEWUSER : 0;
  return needsGoBetween(isolation) ? own : own | madeFlags(isolation);
}

/** In the one that goes before. */
export function makeNamespaces(b: ProgramBuilder, isolation: Isolation): void {
  b.stage("making the namespaces");
  b.syscall("unshare", [madeFlags(isolation)]);
  const { monotonic, boottime } = isolation.clocks;
  if (monotonic === 0n && boottime === 0n) return;
  b.stage("setting the clocks");
  const offsets = `monotonic ${monotonic} 0\nboottime ${boottime} 0\n`;
  const file = b.string("/proc/self/timens_offsets");
  const fd = b.syscall("openat", [AT_FDCWD, file, O.WRONLY | O.CLOEXEC, 0], { into: "fd", fd: true });
  b.syscall("write", [fd, b.string(offsets), offsets.length]);
  b.syscall("close", [fd]);
}

function madeFlags({ namespaces }: Isolation): number {
  return AT_ONCE.reduce(
    (flags: number, kind) => flags | (isNew(namespaces[kind]) ? FLAG[kind] : 0),
    CLONE.NEWNS,
  );
}

/** In the parent, which has the rights: the ids of the child's user namespace, and the root's files by them. */
export function mapIds(b: ProgramBuilder, pid: Register, ids: IdRange, roots: readonly Register[]): void {
  b.stage("mapping the ids of the user namespace");
  const path = b.bytes(Buffer.concat([Buffer.from("/proc/"), Buffer.alloc(24)]), '"/proc/PID"');
  b.store(b.slice(path, 6, 24), pid, 10);
  const fd = b.register("fd");
  const process = b.syscall("openat", [AT_FDCWD, path, O.PATH | O.CLOEXEC, 0], { into: "process", fd: true });
  const map = `0 ${ids.first} ${ids.count}\n`;
  for (const file of ["uid_map", "gid_map"]) {
    b.syscall("openat", [process, b.string(file), O.WRONLY | O.CLOEXEC, 0], { into: fd, fd: true });
    b.syscall("write", [fd, b.string(map), map.length]);
    b.syscall("close", [fd]);
  }
  if (roots.length > 0) {
    b.syscall("openat", [process, b.string("ns/user"), O.RDONLY | O.CLOEXEC, 0], { into: fd, fd: true });
    mapFiles(b, fd, roots);
    b.syscall("close", [fd]);
  }
  b.syscall("close", [process]);
}

/** Shows the owners of files as a user namespace has them. */
export function mapFiles(b: ProgramBuilder, users: Register, roots: readonly Register[]): void {
  b.stage("mapping the ids of the root filesystem");
  const attr = mountAttributes(b, MOUNT_ATTR.IDMAP, { userns: users });
  for (const root of roots) setAttributes(b, root, attr, { recursive: true });
}

/** In the child: the first process of its user namespace becomes root in it, with no group but its own. */
export function becomeRootInside(b: ProgramBuilder): void {
  b.stage("becoming root in the user namespace");
  b.syscall("setgroups", [0, 0]);
  b.syscall("setresgid", [0, 0, 0]);
  b.syscall("setresuid", [0, 0, 0]);
}

/** A namespace of others, open. */
export interface Joined {
  fd: Register;
  flag: number;
}

/** Namespaces of others, opened by the parent, which can see them; the users come last. */
export function openJoined(b: ProgramBuilder, { namespaces, users, alive }: Isolation): Joined[] {
  const joined = Object.entries({ ...namespaces, user: users }).flatMap(([kind, choice]) => {
    if (choice.kind !== "path") return [];
    b.stage(`opening the ${kind} namespace`);
    const fd = b.syscall("openat", [AT_FDCWD, b.string(choice.path), O.RDONLY | O.CLOEXEC, 0], {
      into: kind,
      fd: true,
    });
    return [{ fd, flag: kind === "user" ? CLONE.NEWUSER : FLAG[kind as NamespaceKind] }];
  });
  for (const file of alive) requireInit(b, AT_FDCWD, file);
  return joined;
}

/** In whoever joins. Rights over the others end where the users begin, which is why those come last. */
export function joinOthers(b: ProgramBuilder, joined: readonly Joined[]): void {
  if (joined.length === 0) return;
  b.stage("joining namespaces");
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]); // nobody who is there may trace it
  for (const { fd, flag } of joined) {
    b.syscall("setns", [fd, flag]);
    b.syscall("close", [fd]);
  }
}

/** Once the process is in its cgroups. */
export function ownCgroupView(b: ProgramBuilder, { namespaces }: Isolation): void {
  if (!isNew(namespaces.cgroup)) return;
  b.stage("making the cgroup namespace");
  b.syscall("unshare", [CLONE.NEWCGROUP]);
}

export function nameHost(b: ProgramBuilder, { hostname, domainname }: Isolation): void {
  if (hostname !== undefined) {
    b.stage("setting the host name");
    b.syscall("sethostname", [b.string(hostname), Buffer.byteLength(hostname)]);
  }
  if (domainname !== undefined) {
    b.stage("setting the domain name");
    b.syscall("setdomainname", [b.string(domainname), Buffer.byteLength(domainname)]);
  }
}

/** The loopback interface of a new network namespace is down. (struct ifreq: the name, then the flags.) */
export function startLoopback(b: ProgramBuilder): void {
  b.stage("starting the loopback interface");
  const request = Buffer.alloc(40);
  request.write("lo");
  request.writeUInt16LE(IFF_UP, 16);
  const socket = b.syscall("socket", [AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0], { into: "socket" });
  b.syscall("ioctl", [socket, SIOCSIFFLAGS, b.bytes(request, '{"lo", IFF_UP}')]);
  b.syscall("close", [socket]);
}
