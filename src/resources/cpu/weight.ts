/** Who gets a contended CPU: `limit` and `scheduling_latency`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { readNumber } from "../numbers.ts";
import { type CheckContext, change, checkRange, invalid, needController, setting } from "../resource.ts";

/**
 * The kernel's range of weights and its default (kernel/sched/core.c). One CPU, 1000 milli-CPU, is the default in both,
 * so that it weighs what a container without a limit does, and twice the limit is twice the weight. This is the
 * kernel's own relation between the two (sched_weight_from_cgroup), and systemd's. The maps of other runtimes, which
 * stretch 2..262144 to 1..10000, do not keep proportions: the old one (straight) makes 39 of 1024 shares, the new one
 * (quadratic in the logarithm) 100, but 59 of half of them.
 */
const WEIGHTS = {
  1: { file: "cpu.shares", min: 2n, usual: 1024n, max: 262_144n },
  2: { file: "cpu.weight", min: 1n, usual: 100n, max: 10_000n },
} as const;

export interface Weight {
  file: string;
  value: bigint;
  /** Whether it runs only on what others leave. */
  idle: boolean;
  /** The field that it comes from. */
  field: string;
}

export function checkWeight({ limit, scheduling_latency }: CpuSpec, { cgroups }: CheckContext): void {
  if (scheduling_latency !== undefined) {
    latencyFactor(scheduling_latency);
    needController("cpu.scheduling_latency", "cpu", cgroups);
  }
  if (limit === undefined) return;
  needController("cpu.limit", "cpu", cgroups);
  const { usual, max } = WEIGHTS[cgroups.version("cpu")!];
  checkRange("cpu.limit", limit, 0n, (max * 1000n) / usual, "milli-CPU (1000 is one CPU)");
}

type Latency = NonNullable<CpuSpec["scheduling_latency"]>;

/** How much more than its share a container gets at once, as numerator and denominator; "idle" runs on what is left. */
function latencyFactor(latency: Latency): [bigint, bigint] | "idle" {
  switch (latency) {
    case "PREMIER":
      return [4n, 1n];
    case "PRIORITY":
      return [1n, 1n];
    case "NORMAL":
      return [1n, 4n];
    case "BEST_EFFORT":
      return "idle";
    default:
      throw invalid(`cpu.scheduling_latency ${latency satisfies never} is not known`);
  }
}

export function weightFor({ limit, scheduling_latency }: CpuSpec, version: 1 | 2): Weight {
  const { file, min, usual, max } = WEIGHTS[version];
  const factor = latencyFactor(scheduling_latency ?? "PRIORITY");
  if (factor === "idle") return { file, value: min, idle: true, field: "cpu.scheduling_latency" };
  const [many, few] = [(limit ?? 1000n) * usual * factor[0], 1000n * factor[1]];
  // Shares are cut off, as the original does; weights are so coarse that the nearest one is meant.
  const value = version === 1 ? many / few : (many + few / 2n) / few;
  const field = limit === undefined ? "cpu.scheduling_latency" : "cpu.limit";
  return { file, value: value < min ? min : value > max ? max : value, idle: false, field };
}

export function weightSettings(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  if (cgroups.version("cpu") === undefined) return [];
  const { file, value, idle, field } = weightFor(spec, cgroups.version("cpu")!);
  const { limit, scheduling_latency = "PRIORITY" } = spec;
  if (limit === undefined && scheduling_latency === "PRIORITY") return [];
  const steps = [setting(cgroups, name, "cpu", file, value, field)];
  // Linux before 5.15 has no idle cgroups and makes do with the least weight.
  if (idle) steps.push(setting(cgroups, name, "cpu", "cpu.idle", 1, field, { optional: true }));
  if (scheduling_latency === "PREMIER")
    steps.push(setting(cgroups, name, "cpu", CLAMP.file, CLAMP.most, field, { optional: true }));
  return steps;
}

/**
 * The speed that a CPU has at least when it runs the container's tasks, where the kernel sets it by how busy they are (CONFIG_UCLAMP_TASK_GROUP;
 * Documentation/admin-guide/cgroup-v2.rst, cpu.uclamp.min): who has to be quick does not wait for a CPU that is just waking up.
 */
const CLAMP = { file: "cpu.uclamp.min", most: "max", none: "0.00" } as const;

function updateClamp({ scheduling_latency }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const wanted = scheduling_latency === "PREMIER" ? CLAMP.most : CLAMP.none;
  return change(cgroups, name, "cpu", CLAMP.file, wanted, "cpu.scheduling_latency");
}

/** An idle cgroup has a weight of its own and takes no other (kernel/sched/fair.c, sched_group_set_shares). */
export function updateWeight(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  if (cgroups.version("cpu") === undefined) return [];
  const { file, value, idle, field } = weightFor(spec, cgroups.version("cpu")!);
  const isIdle = readNumber(cgroups, name, "cpu", "cpu.idle") === 1n;
  const idleStep = (on: 0 | 1) => setting(cgroups, name, "cpu", "cpu.idle", on, field, { optional: true });
  const needed = spec.limit !== undefined || spec.scheduling_latency !== undefined;
  const clamp = updateClamp(spec, cgroups, name);
  if (idle)
    return [...clamp, ...(isIdle ? [] : [...change(cgroups, name, "cpu", file, value, field), idleStep(1)])];
  if (isIdle) return [idleStep(0), setting(cgroups, name, "cpu", file, value, field), ...clamp];
  return [...change(cgroups, name, "cpu", file, value, field, { needed }), ...clamp];
}
