/** The small sections of a spec: `monitoring`, `pids`. */
import { message, optional, type Resolved } from "../descriptor.ts";

export const MonitoringSpec = message("MonitoringSpec", "Measurements.", {
  enable_perf_counters: optional(1, "bool", "Whether hardware performance counters are collected.", {
    unserved: "use `perf stat --for-each-cgroup` on the container",
  }),
});
export interface MonitoringSpec extends Resolved<typeof MonitoringSpec> {}

export const PidsSpec = message("PidsSpec", "Number of tasks.", {
  limit: optional(1, "int64", "Most tasks (processes and threads) at a time; -1 is no limit.", {
    unit: "tasks",
    default: "-1 (no limit)",
  }),
});
export interface PidsSpec extends Resolved<typeof PidsSpec> {}
