/** Whether an init runs: its monitor has a file locked until it has reaped it, so that its pid is nobody else's meanwhile. */
import { type AT_FDCWD, LOCK, O } from "../kernel/constants.ts";
import type { Program, ProgramBuilder, Register } from "../kernel/program.ts";

/** In the container's runtime directory: the pid of its init as text. */
export const INIT_FILE = "_init";

const STAGE = "looking whether its init runs";

/** Ends the program when the init is gone. */
export function requireInit(b: ProgramBuilder, directory: Register | typeof AT_FDCWD, file: string): void {
  b.stage(STAGE);
  const alive = b.label();
  const fd = b.syscall("openat", [directory, b.string(file), O.RDONLY | O.CLOEXEC, 0], {
    into: "init",
    fd: true,
  });
  b.syscall("flock", [fd, LOCK.SH | LOCK.NB], { onError: alive });
  // The lock was free: nobody watches over an init. No such operation: it fails with EINVAL, and that is all it is for.
  b.syscall("flock", [fd, 0]);
  b.place(alive);
  b.syscall("close", [fd]);
}

/** Whether a program that failed at this step did so because the init has ended. */
export function failedAsEnded(program: Program, step: number): boolean {
  return program.operations[step]?.stage === STAGE;
}
