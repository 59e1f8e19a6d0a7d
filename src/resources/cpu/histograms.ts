/**
 * Histograms of scheduling, as the original's kernel counted them (cpuacct.histogram): a program for bpftrace(8), and what it prints.
 * It follows the scheduler's tracepoints (include/trace/events/sched.h).
 */
import type { CpuHistogramType, HistogramMap } from "../../spec/index.ts";

/** Upper bounds of the bars, in nanoseconds: each has ten times that of the one before. */
export const BOUNDS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000] as const;

/** What stands for no bound: the largest int32. */
const NO_BOUND = 2_147_483_647;

const NAMES = {
  serve: "SERVE",
  oncpu: "ONCPU",
  sleep: "SLEEP",
  self: "QUEUE_SELF",
  other: "QUEUE_OTHER",
} as const satisfies Record<string, CpuHistogramType>;
type Name = keyof typeof NAMES;

/** Says that it counts, so that what happens from then on is seen. */
export const READY = "counting";

export interface Watched {
  /** Ids of the version 2 cgroups of a container and all below it: the inode numbers of their directories. */
  cgroups: readonly bigint[];
  /** The threads in them now. Those to come are seen as they are made, and when they have run once. */
  tids: readonly number[];
  seconds: number;
}

/**
 * A tracepoint tells pids; the cgroup is known of the task that is running, which in sched_switch is the one that leaves. So
 * tasks of the container are remembered by pid (the arguments by variables, or the verifier refuses what the compiler makes of them), and what one waited for is decided by who had the CPU before it: the container
 * itself, or nobody, while it had no quota; or others.
 */
export function histogramProgram({ cgroups, tids, seconds }: Watched): string {
  const count = (name: Name, from: string): string =>
    `$d = nsecs - ${from}; @${name}[${BOUNDS.map((bound, i) => `$d <= ${bound} ? ${i} : `).join("")}${BOUNDS.length}] = count();`;
  const forget = (pid: string): string =>
    ["ran", "waits", "woke", "sleeps"].map(map => `delete(@${map}[${pid}]);`).join(" ");
  return `
BEGIN {
  ${cgroups.map(id => `@in[${id}] = 1;`).join("\n  ")}
  ${tids.map(tid => `@task[${tid}] = 1;`).join("\n  ")}
}
tracepoint:sched:sched_process_fork /@in[cgroup]/ { @task[args->child_pid] = 1; }
tracepoint:sched:sched_process_exit /@task[args->pid]/ {
  $pid = args->pid;
  delete(@task[$pid]); ${forget("$pid")}
}
tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new /@task[args->pid]/ {
  $pid = args->pid;
  @waits[$pid] = nsecs;
  @woke[$pid] = nsecs;
  if (@sleeps[$pid]) { ${count("sleep", "@sleeps[$pid]")} delete(@sleeps[$pid]); }
}
tracepoint:sched:sched_switch {
  $prev = args->prev_pid;
  $state = args->prev_state;
  $next = args->next_pid;
  $mine = @in[cgroup];
  if ($mine) {
    @task[$prev] = 1;
    if (@ran[$prev]) { ${count("oncpu", "@ran[$prev]")} delete(@ran[$prev]); }
    if (($state & 0xff) == 0) {
      @waits[$prev] = nsecs;
    } else {
      if (@woke[$prev]) { ${count("serve", "@woke[$prev]")} delete(@woke[$prev]); }
      if (($state & 0x70) == 0) { @sleeps[$prev] = nsecs; }
    }
  } else if (@task[$prev]) {
    delete(@task[$prev]); ${forget("$prev")}
  }
  if (@task[$next]) {
    @ran[$next] = nsecs;
    if (@waits[$next]) {
      if ($mine || $prev == 0) { ${count("self", "@waits[$next]")} } else { ${count("other", "@waits[$next]")} }
      delete(@waits[$next]);
    }
  }
}
interval:ms:1 /!@told/ { @told = 1; printf("${READY}\\n"); }
interval:s:${seconds} { exit(); }
END { ${["in", "task", "ran", "waits", "woke", "sleeps", "told"].map(map => `clear(@${map});`).join(" ")} }
`;
}

/** All five of them, in the order of the enumeration; what it printed, a line of JSON per map. */
export function parseHistograms(output: string): HistogramMap[] {
  const bars = new Map<string, Record<string, number>>();
  for (const line of output.split("\n")) {
    if (!line.startsWith('{"type": "map"')) continue;
    const [[map, counts]] = Object.entries(JSON.parse(line).data) as [[string, Record<string, number>]];
    bars.set(map.slice(1), counts);
  }
  return (Object.keys(NAMES) as Name[]).map(name => ({
    type: NAMES[name],
    stat: [...BOUNDS, NO_BOUND].map((bucket, i) => ({ bucket, value: BigInt(bars.get(name)?.[i] ?? 0) })),
  }));
}
