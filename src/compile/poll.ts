/** A child of the executor that waits until a descriptor is ready, and tells by its exit code what it is ready for. */
import type { Arch } from "../kernel/arch.ts";
import { SIGKILL } from "../kernel/constants.ts";
import { type Program, ProgramBuilder, type Register } from "../kernel/program.ts";
import { dieWithParent } from "./child.ts";
import { clone3 } from "./clone.ts";

/** poll(2); the exit code has room for these. */
export const POLL = { IN: 1, PRI: 2, ERR: 8, HUP: 16 } as const;

export interface PollProgram {
  program: Program;
  /** The child, whose exit code is `revents`. */
  pid: Register;
  pidfd: Register;
}

/** @param fd an open descriptor in the executor */
export function compilePoll(arch: Arch, fd: number, events: number): PollProgram {
  const b = new ProgramBuilder(arch).stage("waiting for an event");
  const parent = b.syscall("getpid", [], { into: "parent" });
  const pidfdAt = b.buffer(4, "pidfd");
  const pid = clone3(b, { pidfd: pidfdAt }, "child");
  const inParent = b.label();
  b.jumpIf(pid, "!=", 0, inParent);
  // It holds nothing open but what it waits for: neither the client's socket nor anybody's pipe.
  b.syscall("close_range", [0, fd - 1, 0]);
  b.syscall("close_range", [fd + 1, 0xffffffff, 0]);
  b.syscall("chdir", [b.string("/")]);
  dieWithParent(b, parent);
  const entry = b.struct(
    [
      [4, fd],
      [2, events],
      [2, 0],
    ],
    `{fd=${fd}, events=${events}}`,
  );
  b.syscall("ppoll", [entry, 1, 0, 0, 0]);
  b.exit(b.load(b.slice(entry, 6, 2), 2, "revents"));
  b.place(inParent);
  const pidfd = b.load(pidfdAt, 4, "pidfd", true);
  return { program: b.build(), pid, pidfd };
}

/** Ends such a child, and closes what belongs to it; what is closed or has ended already is fine. */
export function compilePollEnd(arch: Arch, pidfd: number | undefined, fds: readonly number[]): Program {
  const b = new ProgramBuilder(arch).stage("waiting no longer for an event");
  if (pidfd !== undefined) {
    b.syscall("pidfd_send_signal", [pidfd, SIGKILL, 0, 0], { onError: "ignore" });
    b.syscall("close", [pidfd], { onError: "ignore" });
  }
  for (const fd of fds) b.syscall("close", [fd], { onError: "ignore" });
  return b.build();
}
