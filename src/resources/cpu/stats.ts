/** Statistics of CPU time. */

import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import type { CpuStats, CpuUsage, ThrottlingData } from "../../spec/index.ts";
import { defined, parseFields, readNumber, readPressure, readText } from "../numbers.ts";
import type { StatsLevel } from "../resource.ts";

/** The kernel counts in ticks of a hundredth of a second for programs, whatever its own clock. */
const TICK = 10_000_000n;

const NO_TICKS: ReadonlyMap<string, bigint> = new Map([
  ["user", 0n],
  ["system", 0n],
]);

export function cpuStats(cgroups: Cgroups, name: string, level: StatsLevel): CpuStats | undefined {
  const full = level === "full";
  const stats = cgroups.version("cpu") === 2 ? stats2(cgroups, name, full) : stats1(cgroups, name, full);
  return (
    stats &&
    defined<CpuStats>({
      ...stats,
      pressure: full ? readPressure(cgroups, name, "cpu.pressure") : undefined,
    })
  );
}

/** One file holds it all, in microseconds. */
function stats2(cgroups: Cgroups, name: string, full: boolean): CpuStats {
  const fields = parseFields(readText(cgroups, name, "cpu", "cpu.stat"));
  const nanoseconds = (field: string) => scaled(fields.get(field), 1000n);
  return defined<CpuStats>({
    usage: defined<CpuUsage>({
      total: nanoseconds("usage_usec"),
      user: nanoseconds("user_usec"),
      system: nanoseconds("system_usec"),
    }),
    throttling_data: full
      ? throttling(fields, nanoseconds("throttled_usec"), nanoseconds("burst_usec"))
      : undefined,
  });
}

function stats1(cgroups: Cgroups, name: string, full: boolean): CpuStats | undefined {
  const perCpu = full
    ? readText(cgroups, name, "cpuacct", "cpuacct.usage_percpu")?.trim().split(" ").map(BigInt)
    : undefined;
  // Their sum is what the kernel itself makes of them (kernel/sched/cpuacct.c, cpuusage_read).
  const total =
    perCpu?.reduce((sum, each) => sum + each, 0n) ?? readNumber(cgroups, name, "cpuacct", "cpuacct.usage");
  if (total === undefined) return undefined;
  // What took no time took none of either kind.
  const ticks = total === 0n ? NO_TICKS : parseFields(readText(cgroups, name, "cpuacct", "cpuacct.stat"));
  const fields = full ? parseFields(readText(cgroups, name, "cpu", "cpu.stat")) : new Map<string, bigint>();
  return defined<CpuStats>({
    usage: defined<CpuUsage>({
      total,
      per_cpu: perCpu,
      user: scaled(ticks.get("user"), TICK),
      system: scaled(ticks.get("system"), TICK),
    }),
    throttling_data: throttling(fields, fields.get("throttled_time"), fields.get("burst_time")),
  });
}

function throttling(
  fields: Map<string, bigint>,
  throttledTime: bigint | undefined,
  burstTime: bigint | undefined,
): ThrottlingData | undefined {
  const periods = fields.get("nr_periods");
  if (periods === undefined) return undefined;
  return defined<ThrottlingData>({
    periods,
    throttled_periods: fields.get("nr_throttled"),
    throttled_time: throttledTime,
    bursts: fields.get("nr_bursts"),
    burst_time: burstTime,
  });
}

function scaled(value: bigint | undefined, factor: bigint): bigint | undefined {
  return value === undefined ? undefined : value * factor;
}

/**
 * Tasks that run or wait for a CPU now, as cpu.nr_running of the original's kernel. This kernel tells it only task by
 * task; where there is none, nothing more is read than that.
 */
export function runnableTasks(cgroups: Cgroups, name: string): number {
  if (!cgroups.isPopulated(name)) return 0;
  let runnable = 0;
  for (const tid of cgroups.tids(name, { recursive: true })) {
    const stat = readControl(`/proc/${tid}/stat`) ?? "";
    // The name before the state may hold anything, `)` too.
    if (stat[stat.lastIndexOf(")") + 2] === "R") runnable++;
  }
  return runnable;
}
