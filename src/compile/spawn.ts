/**
 * The program that starts a command for the library: run by the resident executor, it returns as soon as the command
 * runs, and leaves behind the child, a pidfd and our ends of the pipes.
 */
import type { FrozenMark } from "../cgroup/driver.ts";
import type { Arch } from "../kernel/arch.ts";
import { AT_FDCWD, archOpenFlags, LOCK, O } from "../kernel/constants.ts";
import { type Label, type Program, ProgramBuilder, type Register } from "../kernel/program.ts";
import {
  dieWithOuterParent,
  dieWithParent,
  type Entrance,
  execCommand,
  keepReportAlone,
  leaveSession,
  type ReportPipe,
  reportPipe,
  reportValue,
  setLimits,
} from "./child.ts";
import { clone3 } from "./clone.ts";
import { claimInit, noteInit, WATCH_FD } from "./join.ts";
import { EXIT_RECORD, exitRecord, letGo, OOM_TEXT_SIZE, readOomFile, waitAndRecord } from "./monitor.ts";
import { refusePaused } from "./paused.ts";
import { type Credentials, giveUpRights } from "./security.ts";
import { Starter, sealExecutor } from "./starter.ts";

export interface SpawnInput {
  entrance: Entrance;
  /** Locked, shared, while the command starts. */
  runtimeDirectory: string;
  /** The caller holds the lock. */
  locked?: boolean;
  oomFile: string | undefined;
  frozenMark: FrozenMark | undefined;
  argv: readonly string[];
  /** KEY=VALUE */
  env: readonly string[];
  cwd: string;
  user: Credentials | undefined;
  stdio: readonly ("pipe" | "inherit" | "ignore")[];
  detached: boolean;
  /** It is the init of a virtual host, detached. */
  isInit?: boolean;
  /** What the child does instead of executing argv; it never comes back. */
  action?: ((b: ProgramBuilder, report: ReportPipe) => void) | undefined;
}

export interface SpawnProgram {
  program: Program;
  /** The command's process id. */
  pid: Register;
  /** For signals that reach nobody else; absent when detached. */
  pidfd: Register | undefined;
  /** Our end of each pipe. */
  pipes: (Register | undefined)[];
}

export function compileSpawn(arch: Arch, input: SpawnInput): SpawnProgram {
  const b = new ProgramBuilder(arch);
  const child = b.label();
  const end = b.label();

  sealExecutor(b, input.entrance);
  b.stage("locking the container");
  const directory = [
    AT_FDCWD,
    b.string(input.runtimeDirectory),
    O.RDONLY | archOpenFlags(arch).DIRECTORY | O.CLOEXEC,
    0,
  ] as const;
  const lock = b.syscall("openat", directory, { into: "lock_fd", fd: true });
  if (!input.locked) b.syscall("flock", [lock, LOCK.SH | LOCK.NB]);
  refusePaused(b, input.frozenMark, lock);

  b.stage("preparing standard input and output");
  const { theirs, ours } = openStdio(b, input.stdio);

  const starter = new Starter(b, input.entrance, lock);
  const mask = b.bytes(new Uint8Array(8), "[]");
  const parent = b.register("parent");
  const report = reportPipe(b, "report");
  let pid = b.register("child");
  let pidfd: Register | undefined;
  if (input.detached) {
    pid = startMonitor(b, input, { pid, report, starter, child });
    starter.release();
  } else {
    b.syscall("getpid", [], { into: parent });
    starter.start(pid, report, child);
    b.syscall("close", [report.read]);
    // Nobody else reaps it, so its number is still its own.
    pidfd = b.syscall("pidfd_open", [pid, 0], { into: "pidfd", fd: true });
  }
  for (const fd of new Set([lock, ...starter.held, ...theirs])) if (fd) b.syscall("close", [fd]);
  b.jump(end);

  b.place(child);
  starter.arrive(report);
  b.stage("preparing standard input and output");
  for (const [target, fd] of theirs.entries()) if (fd) b.syscall("dup3", [fd, target, 0]);
  if (starter.apart && input.stdio.includes("ignore")) openNullInside(b, input.stdio);
  keepReportAlone(b, report);
  // Without the caller's input it needs no part in the caller's terminal, nor in the signals of its process group.
  if (input.detached || input.stdio[0] !== "inherit" || starter.apart) leaveSession(b);
  setLimits(b, input.entrance.limits);
  giveUpRights(b, input.entrance.security, input.user);
  b.stage("changing the working directory");
  b.syscall("chdir", [b.string(input.cwd)]);
  if (!input.detached) {
    if (starter.elsewhere) dieWithOuterParent(b, report);
    else dieWithParent(b, parent);
  }
  const argv = b.pointers(input.argv.map(word => b.string(word)));
  const env = b.pointers(input.env.map(entry => b.string(entry)));
  if (input.action) input.action(b, report);
  else execCommand(b, mask, argv, env, input.entrance);
  b.place(end);
  return { program: b.build(), pid, pidfd, pipes: ours };
}

/**
 * The container's own null device instead of the host's, of which root in there could change the mode. Where device rules
 * do not let it, it keeps the host's.
 */
function openNullInside(b: ProgramBuilder, stdio: SpawnInput["stdio"]): void {
  const refused = b.label();
  const file = [AT_FDCWD, b.string("/dev/null"), O.RDWR | O.CLOEXEC, 0] as const;
  const nothing = b.syscall("openat", file, { into: "own_null", onError: refused });
  for (const [target, kind] of stdio.entries())
    if (kind === "ignore") b.syscall("dup3", [nothing, target, 0]);
  b.place(refused);
}

/** The child's ends (undefined = what the executor has) and ours. */
function openStdio(
  b: ProgramBuilder,
  stdio: SpawnInput["stdio"],
): { theirs: (Register | undefined)[]; ours: (Register | undefined)[] } {
  const theirs: (Register | undefined)[] = [];
  const ours: (Register | undefined)[] = [];
  let nothing: Register | undefined;
  for (const [target, kind] of stdio.entries()) {
    switch (kind) {
      case "inherit":
        theirs.push(undefined);
        ours.push(undefined);
        break;
      case "ignore":
        nothing ??= b.syscall("openat", [AT_FDCWD, b.string("/dev/null"), O.RDWR | O.CLOEXEC, 0], {
          into: "null",
          fd: true,
        });
        theirs.push(nothing);
        ours.push(undefined);
        break;
      case "pipe": {
        const { read, write } = reportPipe(b, ["stdin", "stdout", "stderr"][target]!);
        theirs.push(target === 0 ? read : write);
        ours.push(target === 0 ? write : read);
        break;
      }
      default:
        kind satisfies never;
    }
  }
  return { theirs, ours };
}

/** As in the hot path: monitor, then child; the register holds the command's pid. */
function startMonitor(
  b: ProgramBuilder,
  input: SpawnInput,
  run: {
    pid: Register;
    report: ReportPipe;
    starter: Starter;
    child: Label;
  },
): Register {
  const { pid, report, starter } = run;
  const record = exitRecord(b);
  const fd = b.register("fd");
  if (input.oomFile !== undefined) {
    readOomFile(b, input.oomFile, b.slice(record, EXIT_RECORD.before, OOM_TEXT_SIZE), fd);
  }
  b.stage("starting the monitor");
  const answer = reportPipe(b, "answer");
  const monitor = clone3(b, {}, "monitor");
  const inParent = b.label();
  b.jumpIf(monitor, "!=", 0, inParent);
  b.report(answer.write);
  b.syscall("setsid", []);
  const watch = input.isInit && claimInit(b, input.runtimeDirectory);
  b.stage("starting the command");
  starter.start(pid, report, run.child);
  if (watch) noteInit(b, watch, pid);
  reportValue(b, answer.write, pid);
  letGo(b, input.isInit ? WATCH_FD : undefined);
  waitAndRecord(b, {
    pid,
    record,
    runtimeDirectory: input.runtimeDirectory,
    oomFile: input.oomFile,
    isInit: input.isInit ?? false,
  });
  b.place(inParent);
  for (const ending of [answer.write, report.write, report.read]) b.syscall("close", [ending]);
  const result = b.join(answer.read, { into: "pid" });
  b.syscall("close", [answer.read]);
  return result;
}
