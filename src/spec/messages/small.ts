/** The small sections of a spec: `monitoring`, `pids`. */
import { message, optional, type Resolved } from "../descriptor.ts";

export const MonitoringSpec = message("MonitoringSpec", "Measurements.", {
  enable_perf_counters: optional(
    1,
    "bool",
    "Whether performance counters count for the container and all below it, from then on: cycles, instructions, page faults and others. Each switch from and to its tasks takes a little longer.",
    { default: "false" },
  ),
});
export interface MonitoringSpec extends Resolved<typeof MonitoringSpec> {}

export const PidsSpec = message("PidsSpec", "Number of tasks.", {
  limit: optional(1, "int64", "Most tasks (processes and threads) at a time; -1 is no limit.", {
    unit: "tasks",
    default: "-1 (no limit)",
  }),
});
export interface PidsSpec extends Resolved<typeof PidsSpec> {}

export const Rlimit = message(
  "RlimitsSpec.Rlimit",
  "A limit of each process; -1 is none. One of the two alone stands for both.",
  {
    soft: optional(1, "int64", "What counts; a process may raise it up to `hard`.", { default: "as `hard`" }),
    hard: optional(2, "int64", "What it may be raised to.", { default: "as `soft`" }),
  },
);
export interface Rlimit extends Resolved<typeof Rlimit> {}

export const RlimitsSpec = message(
  "RlimitsSpec",
  "Limits of each process by itself (getrlimit(2)), which its children inherit. What is not given is the caller's.",
  {
    cpu: optional(1, Rlimit, "CPU time; beyond it the kernel sends SIGXCPU, and at `hard` SIGKILL.", {
      unit: "seconds",
    }),
    fsize: optional(2, Rlimit, "Size of a file that it writes; beyond it the kernel sends SIGXFSZ.", {
      unit: "bytes",
    }),
    data: optional(3, Rlimit, "Data segment and private writable mappings.", { unit: "bytes" }),
    stack: optional(4, Rlimit, "Stack of its first thread.", { unit: "bytes" }),
    core: optional(5, Rlimit, "Core dump; 0 for none.", { unit: "bytes" }),
    rss: optional(6, Rlimit, "Has no effect on today's kernels.", { unit: "bytes" }),
    nproc: optional(
      7,
      Rlimit,
      "Tasks of its user, on the whole machine; root is not bound by it. See `pids`.",
    ),
    nofile: optional(8, Rlimit, "Open files."),
    memlock: optional(9, Rlimit, "Locked memory.", { unit: "bytes" }),
    as: optional(10, Rlimit, "Address space.", { unit: "bytes" }),
    locks: optional(11, Rlimit, "Has no effect on today's kernels."),
    sigpending: optional(12, Rlimit, "Queued signals of its user."),
    msgqueue: optional(13, Rlimit, "POSIX message queues of its user.", { unit: "bytes" }),
    nice: optional(14, Rlimit, "How nice it has to be: 20 less the lowest nice value."),
    rtprio: optional(15, Rlimit, "Highest real-time priority."),
    rttime: optional(16, Rlimit, "CPU time of a real-time task without a pause.", { unit: "microseconds" }),
  },
);
export interface RlimitsSpec extends Resolved<typeof RlimitsSpec> {}
