/** The first process of a virtual host that is started: PID 1, which everything in it ends with. */
import { PR } from "../kernel/constants.ts";
import type { ProgramBuilder } from "../kernel/program.ts";

const SIGNAL = { HUP: 1, INT: 2, QUIT: 3, TERM: 15, CHLD: 17, PWR: 30 } as const;
const SIG_IGN = 1;

/**
 * The default: it waits to be told to end. That SIGCHLD is ignored has the kernel reap whatever is left to it (wait(2)). It
 * is the executor, so nobody in the container may reach it: it is not dumpable, which also hides /proc/1/exe.
 */
export function defaultInit(b: ProgramBuilder): void {
  b.stage("becoming the init");
  // struct sigaction of the kernel: handler, flags, restorer, mask
  const ignore = b.struct(
    [
      [8, SIG_IGN],
      [8, 0],
      [8, 0],
      [8, 0],
    ],
    "{SIG_IGN}",
  );
  b.syscall("rt_sigaction", [SIGNAL.CHLD, ignore, 0, 8]);
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]);
  const ends = [SIGNAL.HUP, SIGNAL.INT, SIGNAL.QUIT, SIGNAL.TERM, SIGNAL.PWR];
  const mask = Buffer.alloc(8);
  mask.writeBigUInt64LE(ends.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n));
  // The signals are blocked, so that none is lost; nothing stays open, which tells that it runs.
  b.syscall("close_range", [3, 0xffffffff, 0]);
  b.syscall("rt_sigtimedwait", [b.bytes(mask, "[HUP INT QUIT TERM PWR]"), 0, 0, 8]);
  b.exit(0);
}
