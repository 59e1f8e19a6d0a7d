/** How much CPU at most: `max_limit` and `burst`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import { parentOf } from "../../cgroup/names.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { readNumber } from "../numbers.ts";
import {
  type CheckContext,
  change,
  checkRange,
  INT64_MAX,
  invalid,
  needController,
  refuseBelow,
  setting,
  type UpdateContext,
} from "../resource.ts";

/** Microseconds in which a quota is spent, as lmctfy has always set it: long enough for small quotas to be exact. */
const PERIOD = 250_000n;
const MICROS_PER_MILLI = PERIOD / 1000n;

/** The kernel's own period, which a cgroup without a quota has. */
const USUAL_PERIOD = 100_000n;

/** The kernel takes quotas from a millisecond on, and quota with burst below 2^44 microseconds. */
const LEAST = 1000n / MICROS_PER_MILLI;
const MOST = ((1n << 44n) - 1n) / MICROS_PER_MILLI;

const UNIT = "milli-CPU (1000 is one CPU)";

const NO_BURST = { ENOENT: "Linux before 5.14 has no bursts: leave cpu.burst out." } as const;

export function checkQuota({ max_limit, burst }: CpuSpec, context: CheckContext): void {
  const limit = max_limit === undefined || isUnlimited(max_limit) ? undefined : max_limit;
  if (limit !== undefined) checkRange("cpu.max_limit", limit, LEAST, MOST, UNIT);
  if (max_limit !== undefined) needController("cpu.max_limit", "cpu", context.cgroups);
  if (limit !== undefined) checkAbove(limit, context);
  if (burst === undefined || burst === 0n) return;
  if (limit === undefined) {
    throw invalid(
      "cpu.burst needs cpu.max_limit: it is what may be used beyond that",
      "Give a max_limit, or take the burst away with 0.",
    );
  }
  const most = limit < MOST - limit ? limit : MOST - limit;
  checkRange("cpu.burst", burst, 0n, most, "milli-CPU, with this cpu.max_limit");
  needBurst(context);
}

/** No container below may have more than this one: version 1 refuses it, version 2 ignores it. */
export function checkQuotaBelow({ max_limit }: CpuSpec, { below }: UpdateContext): void {
  for (const { name, spec } of below) {
    const theirs = spec.cpu?.max_limit;
    if (max_limit !== undefined && theirs !== undefined && !isUnlimited(theirs) && theirs > max_limit) {
      throw refuseBelow(
        `cpu.max_limit ${max_limit} is less than that of \`${name}\`, which is ${theirs}`,
        name,
      );
    }
  }
}

export function quotaSettings(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const quota = quotaOf(spec);
  if (quota === undefined) return [];
  const version = cgroups.version("cpu");
  const set = (file: string, value: bigint | string) =>
    setting(cgroups, name, "cpu", file, value, "cpu.max_limit");
  const steps =
    version === 2
      ? [set("cpu.max", `${quota} ${PERIOD}`)]
      : [set("cpu.cfs_period_us", PERIOD), set("cpu.cfs_quota_us", quota)];
  if (!spec.burst) return steps;
  const burst = spec.burst * MICROS_PER_MILLI;
  return [
    ...steps,
    setting(cgroups, name, "cpu", burstFile(cgroups), burst, "cpu.burst", { hints: NO_BURST }),
  ];
}

/** A burst is never more than the quota (kernel/sched/core.c, tg_set_cfs_bandwidth): it falls first, and rises last. */
export function updateQuota(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const quota =
    cgroups.version("cpu") === 2 ? quotaSteps2(spec, cgroups, name) : quotaSteps1(spec, cgroups, name);
  const wanted = (spec.burst ?? 0n) * MICROS_PER_MILLI;
  const now = readNumber(cgroups, name, "cpu", burstFile(cgroups)) ?? 0n;
  const burst = change(cgroups, name, "cpu", burstFile(cgroups), wanted, "cpu.burst", {
    needed: wanted !== 0n,
    hints: NO_BURST,
  });
  return wanted < now ? [...burst, ...quota] : [...quota, ...burst];
}

function quotaSteps2(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const wanted = quotaOf(spec);
  const value = wanted === undefined ? `max ${USUAL_PERIOD}` : `${wanted} ${PERIOD}`;
  const needed = wanted !== undefined;
  return change(cgroups, name, "cpu", "cpu.max", value, "cpu.max_limit", { needed });
}

/** Two files: a period changes only while there is no quota, which might be too much or too little with it. */
function quotaSteps1(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const field = "cpu.max_limit";
  const wanted = quotaOf(spec);
  const needed = wanted !== undefined;
  const quota = (value: bigint) => change(cgroups, name, "cpu", "cpu.cfs_quota_us", value, field, { needed });
  const period = change(cgroups, name, "cpu", "cpu.cfs_period_us", needed ? PERIOD : USUAL_PERIOD, field, {
    needed,
  });
  if (period.length === 0) return quota(wanted ?? -1n);
  const last = needed ? [setting(cgroups, name, "cpu", "cpu.cfs_quota_us", wanted, field)] : [];
  return [...quota(-1n), ...period, ...last];
}

function isUnlimited(maxLimit: bigint): boolean {
  return maxLimit >= INT64_MAX;
}

/** In microseconds per period; undefined for no limit. */
function quotaOf({ max_limit }: CpuSpec): bigint | undefined {
  return max_limit === undefined || isUnlimited(max_limit) ? undefined : max_limit * MICROS_PER_MILLI;
}

function burstFile(cgroups: Cgroups): string {
  return cgroups.version("cpu") === 2 ? "cpu.max.burst" : "cpu.cfs_burst_us";
}

/** Version 1 refuses a quota above that of a container above, version 2 ignores it: neither is what was asked for. */
function checkAbove(maxLimit: bigint, { cgroups, name }: CheckContext): void {
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

/** Refuses bursts where a cgroup that exists shows that the kernel has none; else the write shows it. */
function needBurst({ cgroups, name }: CheckContext): void {
  for (let at = name; ; at = parentOf(at)) {
    const read = (file: string) => readControl(cgroups.controllerFile(at, "cpu", file) ?? "");
    const quota = read(cgroups.version("cpu") === 2 ? "cpu.max" : "cpu.cfs_quota_us");
    if (quota !== undefined && read(burstFile(cgroups)) === undefined) {
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        `cpu.burst needs ${burstFile(cgroups)}, which this kernel does not have`,
        { hint: NO_BURST.ENOENT },
      );
    }
    if (quota !== undefined || at === "/") return;
  }
}
