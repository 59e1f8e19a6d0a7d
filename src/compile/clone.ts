/** `struct clone_args` of clone3(2). */
import { CLONE, SIGCHLD } from "../kernel/constants.ts";
import { formatFlags } from "../kernel/print.ts";
import type { DataRef, ProgramBuilder, Register } from "../kernel/program.ts";

const CGROUP_OFFSET = 80;

export interface CloneArguments {
  /** CLONE_* without CLONE_INTO_CGROUP, which follows from `cgroup`. */
  flags?: number;
  /** Where the kernel puts a pidfd. */
  pidfd?: DataRef;
  /** What the parent gets when the child ends; 0 with CLONE_PARENT. @default SIGCHLD */
  exitSignal?: number;
  /** Descriptor of the cgroup v2 directory that the child starts in. */
  cgroup?: Register | undefined;
}

/** Emits clone3; the register is the child's pid, or 0 in the child. */
export function clone3(builder: ProgramBuilder, args: CloneArguments, into: Register | string): Register {
  const flags =
    BigInt(args.flags ?? 0) |
    (args.pidfd ? BigInt(CLONE.PIDFD) : 0n) |
    (args.cgroup ? BigInt(CLONE.INTO_CGROUP) : 0n);
  const shown = [
    `flags=${formatFlags(flags, CLONE, "CLONE_")}`,
    ...(args.exitSignal === 0 ? [] : ["exit_signal=SIGCHLD"]),
    ...(args.cgroup ? [`cgroup=${args.cgroup.name}`] : []),
  ];
  const struct = builder.struct(
    [
      [8, flags],
      [8, args.pidfd ?? 0],
      [8, 0], // child_tid
      [8, 0], // parent_tid
      [8, args.exitSignal ?? SIGCHLD],
      [8, 0], // stack
      [8, 0], // stack_size
      [8, 0], // tls
      [8, 0], // set_tid
      [8, 0], // set_tid_size
      [8, 0], // cgroup
    ],
    `{${shown.join(", ")}}`,
  );
  if (args.cgroup) builder.store(builder.slice(struct, CGROUP_OFFSET, 8), args.cgroup, 8);
  return builder.syscall("clone3", [struct, struct.extent], { into });
}
