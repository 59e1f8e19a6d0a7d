/**
 * Counters of a container, which count for as long as somebody has them open: a process of their own, that does nothing else. It
 * is the executor, sleeping.
 *
 * ```
 * starter: opens the cgroup ─▶ clone ─▶ hears that all is open
 * keeper:  locks its file, opens a counter per CPU and event, notes its pid, sleeps until it is killed
 * reader:  is the file locked? ─▶ a copy of each group's descriptor (pidfd_getfd) ─▶ read
 * ```
 * Its descriptors have known numbers, as the kernel gives the lowest that is free: 3 the file, 4 the report, 5 the cgroup, then
 * by CPU and by group each leader and those that follow it.
 */
import type { Arch } from "../kernel/arch.ts";
import { AT_FDCWD, archOpenFlags, LOCK, O, PR, SIGKILL } from "../kernel/constants.ts";
import { groupSize, PERF_EVENTS, PERF_FLAG, type PerfEvent, perfAttr } from "../kernel/perf.ts";
import {
  type DataRef,
  type Program,
  ProgramBuilder,
  type Register,
  STORE_DECIMAL,
} from "../kernel/program.ts";
import { dieWithParent, reportPipe } from "./child.ts";
import { clone3 } from "./clone.ts";

const FILE_FD = 3;
const REPORT_FD = 4;
const CGROUP_FD = 5;
const FIRST_FD = 6;
/** Where descriptors are out of the way of those. */
const ASIDE = 64;

const F_DUPFD_CLOEXEC = 1030;
const RLIMIT_NOFILE = 7;
const POLLIN = 1;

/** Room for the pid at the beginning of the file; the rest is what was written beside it. */
export const PID_SIZE = 24;

export const COUNTING_STAGE = "opening performance counters";
/** At which a reading fails when nobody keeps the counters. */
export const WATCH_STAGE = "looking whether its counters count";

/** Those that are counted together, the first of them leading. */
export function groupsOf(events: readonly PerfEvent[]): PerfEvent[][] {
  const types = [...new Set(events.map(event => PERF_EVENTS[event].type))];
  return types.map(type => events.filter(event => PERF_EVENTS[event].type === type));
}

/** Tries each event on the process itself; a byte for each that can be counted. */
export function compileProbe(arch: Arch, events: readonly PerfEvent[]): Program {
  const b = new ProgramBuilder(arch).stage("looking which events can be counted");
  const found = b.buffer(events.length, "found");
  for (const [i, event] of events.entries()) {
    const next = b.label();
    const fd = b.syscall(
      "perf_event_open",
      [b.bytes(perfAttr(event), event), 0, -1, -1, PERF_FLAG.FD_CLOEXEC],
      {
        into: "fd",
        fd: true,
        onError: next,
      },
    );
    b.syscall("close", [fd]);
    b.store(b.slice(found, i, 1), 1, 1);
    b.place(next);
  }
  return b.build({ returned: found });
}

export interface KeeperInput {
  /** Of the cgroup in the hierarchy with the perf_event controller. */
  directory: string;
  file: string;
  /** What the file says beside the pid. */
  text: string;
  cpus: readonly number[];
  events: readonly PerfEvent[];
}

/** Starts a keeper; fails when a counter cannot be opened, or when there is another one. */
export function compileKeeper(arch: Arch, { directory, file, text, cpus, events }: KeeperInput): Program {
  const b = new ProgramBuilder(arch).stage(COUNTING_STAGE);
  const flags = O.RDONLY | archOpenFlags(arch).DIRECTORY | O.CLOEXEC;
  const cgroup = b.syscall("openat", [AT_FDCWD, b.string(directory), flags, 0], { into: "cgroup", fd: true });
  const parent = b.syscall("getpid", [], { into: "parent" });
  const report = reportPipe(b, "report");
  const keeper = clone3(b, {}, "keeper");
  const child = b.label();
  b.jumpIf(keeper, "==", 0, child);
  for (const fd of [report.write, cgroup]) b.syscall("close", [fd]);
  b.join(report.read, { into: b.result });
  b.syscall("close", [report.read]);
  const end = b.label();
  b.jump(end);

  b.place(child);
  b.report(report.write);
  dieWithParent(b, parent); // until it is known who it is
  b.stage(COUNTING_STAGE);
  b.syscall("setsid", []);
  b.syscall("chdir", [b.string("/")]);
  const lock = b.syscall("openat", [AT_FDCWD, b.string(file), O.RDWR | O.CREAT | O.CLOEXEC, 0o600], {
    into: "lock",
  });
  b.syscall("flock", [lock, LOCK.EX | LOCK.NB]);
  b.syscall("ftruncate", [lock, 0]);
  settle(b, [
    [lock, FILE_FD],
    [report.write, REPORT_FD],
    [cgroup, CGROUP_FD],
  ]);
  raiseFiles(b);
  openCounters(b, cpus, groupsOf(events));
  const pid = b.buffer(PID_SIZE, '"PID"');
  b.store(pid, b.syscall("getpid", [], { into: "self" }), STORE_DECIMAL);
  b.syscall("write", [FILE_FD, pid, PID_SIZE]);
  b.syscall("write", [FILE_FD, b.string(text), Buffer.byteLength(text)]);
  b.syscall("prctl", [PR.SET_PDEATHSIG, 0, 0, 0, 0]);
  for (const fd of [CGROUP_FD, REPORT_FD]) b.syscall("close", [fd]); // the second tells that all is well
  b.stage("keeping performance counters");
  b.syscall("rt_sigtimedwait", [b.bytes(new Uint8Array(8), "[]"), 0, 0, 8]);
  b.exit(0);
  b.place(end);
  return b.build();
}

/** Gives descriptors their numbers, and closes all others. */
function settle(b: ProgramBuilder, numbers: readonly (readonly [fd: Register, number: number])[]): void {
  const copies = numbers.map(([fd], i) =>
    b.syscall("fcntl", [fd, F_DUPFD_CLOEXEC, ASIDE], { into: `aside${i}` }),
  );
  for (const [i, [, number]] of numbers.entries()) b.syscall("dup3", [copies[i]!, number, O.CLOEXEC]);
  const moved = b.bytes(new Uint8Array([REPORT_FD, 0, 0, 0]), `${REPORT_FD}`);
  b.report(b.load(moved, 4, "report"));
  const nothing = b.syscall("openat", [AT_FDCWD, b.string("/dev/null"), O.RDWR, 0], { into: "null" });
  for (const fd of [0, 1, 2]) b.syscall("dup3", [nothing, fd, 0]);
  b.syscall("close_range", [FIRST_FD, 0xffffffff, 0]);
}

/** A machine with many CPUs takes more than most processes may have open. */
function raiseFiles(b: ProgramBuilder): void {
  const limit = b.buffer(16, "limit");
  b.syscall("prlimit64", [0, RLIMIT_NOFILE, 0, limit]);
  b.store(b.slice(limit, 0, 8), b.load(b.slice(limit, 8, 8), 8, "hard"), 8);
  b.syscall("prlimit64", [0, RLIMIT_NOFILE, limit, 0]);
}

function openCounters(b: ProgramBuilder, cpus: readonly number[], groups: readonly PerfEvent[][]): void {
  const attrs = new Map<PerfEvent, DataRef>();
  for (const event of groups.flat()) attrs.set(event, b.bytes(perfAttr(event), event));
  const flags = PERF_FLAG.PID_CGROUP | PERF_FLAG.FD_CLOEXEC;
  for (const { cpu, group, fd } of leaders(cpus, groups)) {
    for (const [i, event] of group.entries()) {
      b.syscall("perf_event_open", [attrs.get(event)!, CGROUP_FD, cpu, i === 0 ? -1 : fd, flags]);
    }
  }
}

/** Groups by CPU, and the number of their first descriptor. */
function leaders(
  cpus: readonly number[],
  groups: readonly PerfEvent[][],
): { cpu: number; group: PerfEvent[]; fd: number }[] {
  let fd = FIRST_FD;
  return cpus.flatMap(cpu =>
    groups.map(group => {
      const leader = { cpu, group, fd };
      fd += group.length;
      return leader;
    }),
  );
}

/** Reads all groups, by CPU; the file first, as it is now. */
export function compileReading(
  arch: Arch,
  input: Pick<KeeperInput, "file" | "cpus" | "events"> & { pid: number },
): Program {
  const b = new ProgramBuilder(arch).stage(WATCH_STAGE);
  const groups = groupsOf(input.events);
  const all = leaders(input.cpus, groups);
  const sizes = all.map(({ group }) => groupSize(group.length));
  const data = b.buffer(
    sizes.reduce((sum, size) => sum + size, PID_SIZE),
    "counts",
  );
  const file = b.syscall("openat", [AT_FDCWD, b.string(input.file), O.RDONLY | O.CLOEXEC, 0], {
    into: "file",
    fd: true,
  });
  requireHeld(b, file);
  b.syscall("read", [file, b.slice(data, 0, PID_SIZE), PID_SIZE]);
  b.stage("reading performance counters");
  const keeper = b.syscall("pidfd_open", [input.pid, 0], { into: "keeper", fd: true });
  let at = PID_SIZE;
  for (const [i, { fd }] of all.entries()) {
    const copy = b.syscall("pidfd_getfd", [keeper, fd, 0], { into: "copy", fd: true });
    b.syscall("read", [copy, b.slice(data, at, sizes[i]!), sizes[i]!]);
    b.syscall("close", [copy]);
    at += sizes[i]!;
  }
  for (const fd of [keeper, file]) b.syscall("close", [fd]);
  return b.build({ returned: data });
}

/** Ends a keeper, waits until it has ended, and removes its file. */
export function compileKeeperEnd(arch: Arch, file: string, pid: number | undefined): Program {
  const b = new ProgramBuilder(arch).stage("closing performance counters");
  const end = b.label();
  const free = b.label();
  const name = b.string(file);
  const fd = b.syscall("openat", [AT_FDCWD, name, O.RDONLY | O.CLOEXEC, 0], {
    into: "file",
    fd: true,
    onError: end,
  });
  if (pid !== undefined) {
    const held = b.label();
    b.syscall("flock", [fd, LOCK.SH | LOCK.NB], { onError: held });
    b.jump(free);
    b.place(held);
    const keeper = b.syscall("pidfd_open", [pid, 0], { into: "keeper", fd: true, onError: free });
    b.syscall("pidfd_send_signal", [keeper, SIGKILL, 0, 0], { onError: "ignore" });
    const entry = b.bytes(pollEntry(), "{keeper, POLLIN}");
    b.store(b.slice(entry, 0, 4), keeper, 4);
    const second = b.bytes(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "{1 s}");
    b.syscall("ppoll", [entry, 1, second, 0, 0]);
    b.syscall("close", [keeper]);
  }
  b.place(free);
  b.syscall("close", [fd]);
  b.syscall("unlinkat", [AT_FDCWD, name, 0], { onError: "ignore" });
  b.place(end);
  return b.build();
}

function pollEntry(): Uint8Array {
  const entry = Buffer.alloc(8);
  entry.writeUInt16LE(POLLIN, 4);
  return entry;
}

function requireHeld(b: ProgramBuilder, file: Register): void {
  const held = b.label();
  b.syscall("flock", [file, LOCK.SH | LOCK.NB], { onError: held });
  b.syscall("flock", [file, 0]); // it was free: no such operation, and so the end of the program
  b.place(held);
}
