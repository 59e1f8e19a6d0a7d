/** A command that is to run in a paused container has to wait, and not inside of a program, which nobody could interrupt. */
import type { FrozenMark } from "../cgroup/driver.ts";
import { AT_FDCWD, O } from "../kernel/constants.ts";
import type { Program, ProgramBuilder, Register } from "../kernel/program.ts";

const STAGE = "looking whether the container is paused";
const TEXT_SIZE = 64;

/** Ends the program when the container is paused. Whoever pauses it holds its lock alone, so that it stays as it is. */
export function refusePaused(builder: ProgramBuilder, mark: FrozenMark | undefined, lock: Register): void {
  if (mark === undefined) return;
  const running = builder.label();
  builder.stage(STAGE);
  const fd = builder.syscall("openat", [AT_FDCWD, builder.string(mark.path), O.RDONLY | O.CLOEXEC, 0], {
    into: "state",
    fd: true,
    onError: running,
  });
  const text = builder.buffer(TEXT_SIZE, "state");
  builder.syscall("read", [fd, text, TEXT_SIZE], { onError: "ignore" });
  builder.syscall("close", [fd]);
  const byte = builder.load(builder.slice(text, mark.offset, 1), 1, "paused");
  builder.jumpIf(byte, "!=", mark.value, running);
  // No such operation: it fails with EINVAL, and that is all it is for.
  builder.syscall("flock", [lock, 0]);
  builder.place(running);
}

/** Whether a program that failed at this step did so because the container is paused. */
export function failedAsPaused(program: Program, step: number): boolean {
  const operation = program.operations[step];
  return operation?.stage === STAGE && operation.label.startsWith("flock(");
}
