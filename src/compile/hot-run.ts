/**
 * The program of `lmctfy run`: compiled when the container is made, run by the executor alone. It serves both the
 * foreground (mode 0) and `-n` (mode 1); argv and environment are the caller's.
 *
 * ```
 * lock, hand over when paused, read the OOM counter, block signals
 * foreground:  clone ──▶ child      wait, passing signals on ──▶ exit with its code
 * detached:    clone ──▶ monitor: clone ──▶ child               wait, record
 * child:       enter cgroups ──▶ exec
 * ```
 */
import type { FrozenMark } from "../cgroup/driver.ts";
import type { Arch } from "../kernel/arch.ts";
import { AT_FDCWD, CORE_DUMPED, LOCK, O, SIGKILL, SIGSYS } from "../kernel/constants.ts";
import {
  type DataRef,
  type Program,
  ProgramBuilder,
  type Register,
  STORE_DECIMAL,
} from "../kernel/program.ts";
import { ISOLATED_ENVIRONMENT } from "../resources/isolation.ts";
import {
  blockSignals,
  dieWithOuterParent,
  dieWithParent,
  type Entrance,
  execCommand,
  keepReportAlone,
  leaveSession,
  reportPipe,
  reportValue,
  restoreSignals,
  setLimits,
} from "./child.ts";
import { clone3 } from "./clone.ts";
import { EXIT_RECORD, exitRecord, letGo, OOM_TEXT_SIZE, readOomFile, waitAndRecord } from "./monitor.ts";
import { refusePaused } from "./paused.ts";
import { giveUpRights } from "./security.ts";
import { Starter, sealExecutor } from "./starter.ts";

export interface HotRunInput {
  name: string;
  entrance: Entrance;
  /** The file that counts the container's out-of-memory kills. */
  oomFile: string | undefined;
  frozenMark: FrozenMark | undefined;
  runtimeDirectory: string;
  stamp: bigint;
}

export function compileHotRun(arch: Arch, input: HotRunInput): Program {
  const b = new ProgramBuilder(arch);
  const child = b.label();
  const detached = b.label();
  const pid = b.register("child");

  sealExecutor(b, input.entrance);
  b.stage("locking the container");
  b.syscall("flock", [b.directory, LOCK.SH | LOCK.NB]); // busy: the TypeScript side waits, and says so
  refusePaused(b, input.frozenMark, b.directory);
  const fd = b.register("fd");
  const record = exitRecord(b);
  const before = b.slice(record, EXIT_RECORD.before, OOM_TEXT_SIZE);
  b.stage("counting out-of-memory kills");
  if (input.oomFile !== undefined) readOomFile(b, input.oomFile, before, fd);

  const starter = new Starter(b, input.entrance, b.directory);
  const mask = blockSignals(b);
  const start = b.register("start");
  b.jumpIf(b.mode, "==", 1, detached);

  // ── foreground ──
  const self = b.syscall("getpid", [], { into: "parent" });
  const report = reportPipe(b, "report");
  starter.start(pid, report, child);
  b.stage("waiting for the command");
  b.syscall("close", [b.directory]);
  const status = b.wait(pid, { forwardSignals: true });
  const plain = b.label();
  const killed = b.label();
  b.jumpIf(status, "==", SIGKILL, killed);
  if (input.entrance.security?.seccomp !== undefined)
    for (const filtered of [SIGSYS, SIGSYS | CORE_DUMPED, (128 + SIGSYS) << 8])
      b.jumpIf(status, "==", filtered, killed);
  b.jumpIf(status, "!=", (128 + SIGKILL) << 8, plain); // a shell's way to say it of its own child
  b.place(killed);
  explainKill(b, input.name, status, before, mask);
  b.place(plain);
  b.exit(status, true);

  // ── detached ──
  b.place(detached);
  b.stage("starting the monitor");
  const answer = reportPipe(b, "answer");
  const monitor = clone3(b, {}, "monitor");
  const inMonitor = b.label();
  b.jumpIf(monitor, "==", 0, inMonitor);
  b.syscall("close", [answer.write]);
  b.join(answer.read, { into: b.result });
  const end = b.label();
  b.jump(end);

  b.place(inMonitor);
  b.report(answer.write);
  b.syscall("setsid", []);
  const inner = reportPipe(b, "inner");
  // the child knows one report descriptor, whoever cloned it
  const moved = b.buffer(8, "report");
  b.store(moved, inner.write, 8);
  b.load(moved, 8, report.write);
  b.stage("starting the command");
  starter.start(pid, inner, child);
  reportValue(b, answer.write, pid);
  letGo(b);
  waitAndRecord(b, { pid, record, runtimeDirectory: input.runtimeDirectory, oomFile: input.oomFile });

  // ── child ──
  b.place(child);
  starter.arrive(report);
  keepReportAlone(b, report);
  const bound = b.label();
  const foreground = b.label();
  b.jumpIf(b.mode, "==", 0, foreground);
  leaveSession(b);
  const nothing = b.syscall("openat", [AT_FDCWD, b.string("/dev/null"), O.RDWR | O.CLOEXEC, 0], {
    into: start,
  });
  for (const target of [0, 1, 2]) b.syscall("dup3", [nothing, target, 0]);
  b.jump(bound);
  b.place(foreground);
  if (starter.apart) leaveSession(b);
  if (starter.elsewhere) dieWithOuterParent(b, report);
  else dieWithParent(b, self);
  b.place(bound);
  setLimits(b, input.entrance.limits);
  giveUpRights(b, input.entrance.security, undefined);
  const own = input.entrance.isolation || input.entrance.joining;
  execCommand(b, mask, null, own ? environmentOf(b) : null, input.entrance);
  b.place(end);
  return b.build({ stamp: input.stamp });
}

/** What a command in a container of its own kind is told; nothing of the caller's, which is another machine's. */
function environmentOf(b: ProgramBuilder): DataRef {
  return b.pointers(ISOLATED_ENVIRONMENT.map(entry => b.string(entry)));
}

/**
 * SIGKILL may be the kernel's answer to a lack of memory, SIGSYS is that of a seccomp filter: the TypeScript side finds
 * out and says so, for it is rare.
 */
function explainKill(
  b: ProgramBuilder,
  name: string,
  status: Register,
  before: ReturnType<ProgramBuilder["slice"]>,
  mask: DataRef,
): void {
  restoreSignals(b, mask); // it has to obey the caller's ^C
  const number = b.buffer(24, '"STATUS"');
  b.store(number, status, STORE_DECIMAL);
  const words = [b.string("lmctfy"), b.string("--killed"), b.string(name), number, before];
  b.exec(b.pointers(words), null, { ownCli: true, onError: "ignore" });
}
