/** CPU time: `cpu` of a spec. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl } from "../cgroup/files.ts";
import { parentOf } from "../cgroup/names.ts";
import type { HostStep } from "../cgroup/steps.ts";
import { LmctfyError } from "../errors.ts";
import type { CpuSpec } from "../spec/index.ts";
import { cpusOfMask, formatCpuList, parseCpuList } from "./cpu-mask.ts";
import { cpuStats } from "./cpu-stats.ts";
import { checkCpuBelow, updateCpu } from "./cpu-update.ts";
import {
  type CheckContext,
  checkRange,
  INT64_MAX,
  invalid,
  needController,
  type Resource,
  setting,
} from "./resource.ts";

const SHARES = { min: 2n, usual: 1024n, max: 262_144n };
const WEIGHT = { min: 1n, usual: 100n, max: 10_000n };

/** The most that fits into cpu.shares: 256 CPUs. */
const MAX_LIMIT = (SHARES.max * 1000n) / SHARES.usual;

/** Microseconds in which a quota is spent, as lmctfy has always set it: long enough for small quotas to be exact. */
export const PERIOD = 250_000n;
export const QUOTA_PER_MILLI = PERIOD / 1000n;

/** The kernel takes quotas from a millisecond on, and below 2^44 microseconds. */
const MIN_MAX_LIMIT = 1000n / QUOTA_PER_MILLI;
const MAX_MAX_LIMIT = ((1n << 44n) - 1n) / QUOTA_PER_MILLI;

export const cpu: Resource<"cpu"> = {
  section: "cpu",

  check(spec, context) {
    const { limit, max_limit, mask, scheduling_latency } = spec;
    if (limit !== undefined) checkRange("cpu.limit", limit, 0n, MAX_LIMIT, "milli-CPU (1000 is one CPU)");
    if (max_limit !== undefined && !isUnlimited(max_limit)) {
      checkRange("cpu.max_limit", max_limit, MIN_MAX_LIMIT, MAX_MAX_LIMIT, "milli-CPU (1000 is one CPU)");
    }
    for (const field of ["limit", "max_limit", "scheduling_latency"] as const) {
      if (spec[field] !== undefined) needController(`cpu.${field}`, "cpu", context.cgroups);
    }
    if (scheduling_latency !== undefined) latencyFactor(scheduling_latency);
    if (max_limit !== undefined && !isUnlimited(max_limit)) checkAncestors(max_limit, context);
    if (mask !== undefined) checkMask(mask.data ?? [], context);
  },

  settings(spec, cgroups, name) {
    return [
      ...weightSettings(spec, cgroups, name),
      ...quotaSettings(spec, cgroups, name),
      ...maskSettings(spec, cgroups, name),
    ];
  },

  checkBelow: checkCpuBelow,
  update: updateCpu,
  stats: cpuStats,
};

/** cpu.shares for milli-CPUs, as the original computes it. */
export function sharesOf(limit: bigint): bigint {
  return clamp((limit * SHARES.usual) / 1000n, SHARES);
}

/** cpu.weight for cpu.shares, by the map that container runtimes share. */
export function weightOf(shares: bigint): bigint {
  return 1n + ((shares - 2n) * 9999n) / 262_142n;
}

function clamp(value: bigint, range: { min: bigint; max: bigint }): bigint {
  return value < range.min ? range.min : value > range.max ? range.max : value;
}

export function isUnlimited(maxLimit: bigint): boolean {
  return maxLimit >= INT64_MAX;
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

/**
 * The kernel has no latency of its own to set for a cgroup; a task of a heavier one preempts sooner and waits less,
 * so latency is weight: PREMIER four times, NORMAL a quarter of what `limit` asks for, BEST_EFFORT an idle cgroup.
 */
export function weightFor(spec: CpuSpec, version: 1 | 2): Weight {
  const { limit, scheduling_latency } = spec;
  const factor = latencyFactor(scheduling_latency ?? "PRIORITY");
  const [file, range] = version === 1 ? (["cpu.shares", SHARES] as const) : (["cpu.weight", WEIGHT] as const);
  if (factor === "idle") return { file, value: range.min, idle: true, field: "cpu.scheduling_latency" };
  const base =
    limit === undefined ? range.usual : version === 1 ? sharesOf(limit) : weightOf(sharesOf(limit));
  const field = limit === undefined ? "cpu.scheduling_latency" : "cpu.limit";
  return { file, value: clamp((base * factor[0]) / factor[1], range), idle: false, field };
}

export interface Weight {
  file: string;
  value: bigint;
  /** Whether it runs only on what others leave. */
  idle: boolean;
  /** The field that it comes from. */
  field: string;
}

function weightSettings(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const { limit, scheduling_latency } = spec;
  if (limit === undefined && (scheduling_latency === undefined || scheduling_latency === "PRIORITY"))
    return [];
  const { file, value, idle, field } = weightFor(spec, cgroups.version("cpu")!);
  const steps = [setting(cgroups, name, "cpu", file, value, field)];
  // Linux before 5.15 has no idle cgroups and makes do with the least weight.
  if (idle) steps.push(setting(cgroups, name, "cpu", "cpu.idle", 1, field, { optional: true }));
  return steps;
}

function quotaSettings({ max_limit }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  if (max_limit === undefined || isUnlimited(max_limit)) return [];
  const field = "cpu.max_limit";
  const quota = max_limit * QUOTA_PER_MILLI;
  if (cgroups.version("cpu") === 2) {
    return [setting(cgroups, name, "cpu", "cpu.max", `${quota} ${PERIOD}`, field)];
  }
  return [
    setting(cgroups, name, "cpu", "cpu.cfs_period_us", PERIOD, field),
    setting(cgroups, name, "cpu", "cpu.cfs_quota_us", quota, field),
  ];
}

function maskSettings({ mask }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  if (mask === undefined) return [];
  // The memory nodes come from the parent: by cgroup.clone_children in version 1, by themselves in version 2.
  return [
    setting(cgroups, name, "cpuset", "cpuset.cpus", formatCpuList(cpusOfMask(mask.data ?? [])), "cpu.mask"),
  ];
}

/** Version 1 refuses a quota above that of a container above, version 2 ignores it: neither is what was asked for. */
function checkAncestors(maxLimit: bigint, { cgroups, name }: CheckContext): void {
  for (let at = parentOf(name); at !== "/"; at = parentOf(at)) {
    const theirs = readMaxLimit(cgroups, at);
    if (theirs === undefined) continue;
    if (maxLimit * 1000n <= theirs) return;
    throw new LmctfyError(
      "OUT_OF_RANGE",
      `cpu.max_limit ${maxLimit} is more than that of \`${at}\`, which is ${Number(theirs) / 1000} milli-CPU`,
      { hint: `Lower it, or raise that of \`${at}\` first.` },
    );
  }
}

/** The quota of a container in thousandths of milli-CPUs; undefined without one. */
function readMaxLimit(cgroups: Cgroups, name: string): bigint | undefined {
  const read = (file: string) => readControl(cgroups.controllerFile(name, "cpu", file) ?? "")?.trim();
  const [quota, period] =
    cgroups.version("cpu") === 2
      ? (read("cpu.max") ?? "max").split(" ")
      : [read("cpu.cfs_quota_us") ?? "-1", read("cpu.cfs_period_us")];
  if (quota === "max" || quota === "-1" || !period) return undefined;
  return (BigInt(quota!) * 1_000_000n) / BigInt(period);
}

function checkMask(words: readonly bigint[], context: CheckContext): void {
  const wanted = cpusOfMask(words);
  if (wanted.length === 0) {
    throw invalid(
      "cpu.mask names no CPU",
      "Bit 0 of the last word is CPU 0: `mask:{data:3}` is CPU 0 and 1.",
    );
  }
  needController("cpu.mask", "cpuset", context.cgroups);
  const { cpus, owner } = availableCpus(context);
  const have = new Set(cpus);
  const lacking = wanted.filter(each => !have.has(each));
  if (lacking.length === 0) return;
  const plural = lacking.length === 1 ? "" : "s";
  throw invalid(
    `cpu.mask names CPU${plural} ${formatCpuList(lacking)}, which ${owner} does not have: it has ${formatCpuList(cpus)}`,
  );
}

/** The CPUs that the parent may use, or where the cgroups are still to be made, the nearest cgroup above. */
function availableCpus({ cgroups, name }: CheckContext): { cpus: number[]; owner: string } {
  const file = cgroups.version("cpuset") === 2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
  const owner = parentOf(name) === "/" ? "this machine" : `\`${parentOf(name)}\``;
  const parentFile = cgroups.controllerFile(parentOf(name), "cpuset", file) ?? "";
  for (let at = parentFile.slice(0, -file.length - 1); at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const text = readControl(`${at}/${file}`);
    if (text?.trim()) return { cpus: parseCpuList(text), owner };
  }
  return { cpus: parseCpuList(readControl("/sys/devices/system/cpu/online") ?? "0"), owner: "this machine" };
}
