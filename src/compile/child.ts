/** The child's part of a run: into the cgroups, bind it to its parent, tidy up, exec. */
import { AT_FDCWD, ERRNO, O, PR, SIG_SETMASK, SIGKILL } from "../kernel/constants.ts";
import { type DataRef, type ProgramBuilder, REPORT_VALUE, type Register } from "../kernel/program.ts";
import type { Isolation, Joining } from "../resources/isolation.ts";
import type { ProcessLimit } from "../resources/rlimits.ts";
import type { ProcessSecurity } from "../resources/security/index.ts";
import { seal } from "./security.ts";

/** Where a container's processes go, and what they see. */
export interface Entrance {
  /** A view of the machine of its own, for each command. */
  isolation?: Isolation | undefined;
  /** A virtual host that runs: its view, for all of them. */
  joining?: Joining | undefined;
  /** cgroup v2 directory, entered at birth (CLONE_INTO_CGROUP). */
  cloneInto?: string | undefined;
  /** cgroup v1 `cgroup.procs` files, entered by writing. */
  procs: readonly string[];
  /** oom_score_adj of the processes. */
  oomScoreAdj?: number | undefined;
  /** Limits of each by itself. */
  limits?: readonly ProcessLimit[] | undefined;
  /** What they give up. */
  security?: ProcessSecurity | undefined;
}

/** All signals blocked, and room for what was blocked before. */
export function blockSignals(builder: ProgramBuilder): DataRef {
  const all = builder.bytes(new Uint8Array(8).fill(0xff), "~[]");
  const old = builder.buffer(8, "old_mask");
  builder.syscall("rt_sigprocmask", [SIG_SETMASK, all, old, 8]);
  return old;
}

export function restoreSignals(builder: ProgramBuilder, mask: DataRef): void {
  builder.syscall("rt_sigprocmask", [SIG_SETMASK, mask, 0, 8]);
}

/** The pipe through which a child reports what went wrong; its end of file says that the command runs. */
export interface ReportPipe {
  read: Register;
  write: Register;
}

export function reportPipe(builder: ProgramBuilder, name: string): ReportPipe {
  const ends = builder.buffer(8, "pipe");
  builder.syscall("pipe2", [ends, O.CLOEXEC]);
  return {
    read: builder.load(builder.slice(ends, 0, 4), 4, `${name}_read`, true),
    write: builder.load(builder.slice(ends, 4, 4), 4, `${name}_write`, true),
  };
}

const REPORT_FD = 3;

/**
 * In the child, once it has arrived: what it was given of the host goes, and the report moves to the first descriptor after
 * the standard ones. From here on it follows paths that others choose (its working directory, the command, the `#!` in that),
 * and one through /proc/self/fd must not lead to the host: closing on exec would be too late, for execve has followed them by then.
 */
export function keepReportAlone(builder: ProgramBuilder, { write }: ReportPipe): void {
  builder.stage("closing what is the host's");
  builder.syscall("dup3", [write, REPORT_FD, O.CLOEXEC], { tolerate: ERRNO.EINVAL }); // it is that one already
  builder.syscall("close_range", [REPORT_FD + 1, 0xffffffff, 0]);
  builder.load(builder.struct([[4, REPORT_FD]], `{${REPORT_FD}}`), 4, write);
  builder.report(write);
}

/** Tells the one who waits at the other end of the pipe the pid of the command. */
export function reportValue(builder: ProgramBuilder, pipe: Register, value: Register): void {
  const report = builder.struct(
    [
      [4, REPORT_VALUE],
      [4, 0],
      [8, 0],
    ],
    `{value=${value.name}}`,
  );
  builder.store(builder.slice(report, 8, 8), value, 8);
  builder.syscall("write", [pipe, report, report.extent]);
}

/** Writes a text to an existing file. */
export function writeFile(builder: ProgramBuilder, path: string, text: string, fd: Register): void {
  builder.syscall("openat", [AT_FDCWD, builder.string(path), O.WRONLY | O.CLOEXEC, 0], { into: fd });
  builder.syscall("write", [fd, builder.string(text), Buffer.byteLength(text)]);
  builder.syscall("close", [fd]);
}

/**
 * Enters the cgroups that clone3 did not enter. Before anything else, and with the caller's rights: from here on
 * whatever the child uses is the container's.
 */
export function enterCgroups(builder: ProgramBuilder, entrance: Entrance): void {
  const fd = builder.register("fd");
  builder.stage("entering the cgroups");
  for (const path of entrance.procs) writeFile(builder, path, "0", fd);
  if (entrance.oomScoreAdj !== undefined) {
    builder.stage("setting memory.eviction_priority");
    writeFile(builder, "/proc/self/oom_score_adj", String(entrance.oomScoreAdj), fd);
  }
}

/**
 * Of the caller's session a process may push keys into the terminal, and signal the caller's process group with kill(0), across
 * PID namespaces. So those who see another machine have one of their own.
 */
export function leaveSession(builder: ProgramBuilder): void {
  builder.stage("leaving the caller's session");
  builder.syscall("setsid", []);
}

/**
 * Ends this process when its parent ends. After the user is set, for that resets it; and the parent may be gone
 * before the call, which getppid then tells.
 */
export function dieWithParent(builder: ProgramBuilder, parent: Register): void {
  builder.stage("binding the command to its parent");
  builder.syscall("prctl", [PR.SET_PDEATHSIG, SIGKILL, 0, 0, 0]);
  const now = builder.syscall("getppid", [], { into: "ppid" });
  const alive = builder.label();
  builder.jumpIf(now, "==", parent, alive);
  builder.exit(125);
  builder.place(alive);
}

/**
 * The same where the parent is in another PID namespace, and getppid tells nothing: the other end of a pipe that only
 * it holds does, after `keepReportAlone` (struct pollfd: descriptor, events, revents).
 */
export function dieWithOuterParent(builder: ProgramBuilder, report: ReportPipe): void {
  builder.stage("binding the command to its parent");
  builder.syscall("prctl", [PR.SET_PDEATHSIG, SIGKILL, 0, 0, 0]);
  const poll = builder.struct(
    [
      [4, 0],
      [4, 0],
    ],
    "{report, POLLERR}",
  );
  builder.store(builder.slice(poll, 0, 4), report.write, 4);
  const now = builder.struct(
    [
      [8, 0],
      [8, 0],
    ],
    "{0}",
  );
  const gone = builder.syscall("ppoll", [poll, 1, now, 0, 0], { into: "gone" });
  const alive = builder.label();
  builder.jumpIf(gone, "==", 0, alive);
  builder.exit(125);
  builder.place(alive);
}

/** After all that needs descriptors and files of its own, and before the rights to raise something go. */
export function setLimits(builder: ProgramBuilder, limits: Entrance["limits"] = []): void {
  for (const { name, number, soft, hard } of limits) {
    builder.stage(`setting rlimits.${name}`);
    const value = builder.struct(
      [
        [8, soft],
        [8, hard],
      ],
      `{${soft}, ${hard}}`,
    );
    builder.syscall("prlimit64", [0, number, value, 0]);
  }
}

/** The last steps: signals are the caller's, and the command takes over. */
export function execCommand(
  builder: ProgramBuilder,
  mask: DataRef,
  argv: DataRef | null,
  envp: DataRef | null,
  entrance: Entrance,
): void {
  builder.stage("starting the command");
  restoreSignals(builder, mask);
  seal(builder, entrance.security);
  builder.exec(argv, envp);
}
