/** Changing `cpu` of a container that exists. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl } from "../cgroup/files.ts";
import { parentOf } from "../cgroup/names.ts";
import type { HostStep } from "../cgroup/steps.ts";
import type { CpuSpec } from "../spec/index.ts";
import { isUnlimited, PERIOD, QUOTA_PER_MILLI, weightFor } from "./cpu.ts";
import { cpusOfMask, formatCpuList, parseCpuList } from "./cpu-mask.ts";
import { readNumber, readText } from "./numbers.ts";
import { change, refuseBelow, setting, type UpdateContext } from "./resource.ts";

/** The kernel's own period, which a cgroup without a quota has. */
const USUAL_PERIOD = 100_000n;

/** No container below may have more than this one: version 1 refuses it, version 2 ignores it. */
export function checkCpuBelow({ max_limit, mask }: CpuSpec, { below }: UpdateContext): void {
  const allowed = mask && new Set(cpusOfMask(mask.data ?? []));
  for (const { name, spec } of below) {
    const theirs = spec.cpu?.max_limit;
    if (max_limit !== undefined && theirs !== undefined && !isUnlimited(theirs) && theirs > max_limit) {
      throw refuseBelow(
        `cpu.max_limit ${max_limit} is less than that of \`${name}\`, which is ${theirs}`,
        name,
      );
    }
    const lacking = allowed && cpusOfMask(spec.cpu?.mask?.data ?? []).filter(cpu => !allowed.has(cpu));
    if (lacking?.length) {
      throw refuseBelow(`cpu.mask lacks CPU ${formatCpuList(lacking)}, which \`${name}\` has`, name);
    }
  }
}

export function updateCpu(spec: CpuSpec, context: UpdateContext): HostStep[] {
  const { cgroups, name } = context;
  return [
    ...(cgroups.version("cpu") === undefined ? [] : weightSteps(spec, cgroups, name)),
    ...(cgroups.version("cpu") === 2 ? quotaSteps2(spec, cgroups, name) : quotaSteps1(spec, cgroups, name)),
    ...(cgroups.version("cpuset") === 2 ? maskSteps2(spec, cgroups, name) : maskSteps1(spec, context)),
  ];
}

/** An idle cgroup has a weight of its own and takes no other (kernel/sched/fair.c, sched_group_set_shares). */
function weightSteps(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const { file, value, idle, field } = weightFor(spec, cgroups.version("cpu")!);
  const isIdle = readNumber(cgroups, name, "cpu", "cpu.idle") === 1n;
  const idleStep = (on: 0 | 1) => setting(cgroups, name, "cpu", "cpu.idle", on, field, { optional: true });
  const needed = spec.limit !== undefined || spec.scheduling_latency !== undefined;
  if (idle) return isIdle ? [] : [...change(cgroups, name, "cpu", file, value, field), idleStep(1)];
  if (isIdle) return [idleStep(0), setting(cgroups, name, "cpu", file, value, field)];
  return change(cgroups, name, "cpu", file, value, field, { needed });
}

function quotaSteps2({ max_limit }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const wanted = quotaFor(max_limit);
  const value = wanted === undefined ? `max ${USUAL_PERIOD}` : `${wanted} ${PERIOD}`;
  const needed = wanted !== undefined;
  return change(cgroups, name, "cpu", "cpu.max", value, "cpu.max_limit", { needed });
}

/** Two files: a period changes only while there is no quota, which might be too much or too little with it. */
function quotaSteps1({ max_limit }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const field = "cpu.max_limit";
  const wanted = quotaFor(max_limit);
  const needed = wanted !== undefined;
  const quota = (value: bigint) => change(cgroups, name, "cpu", "cpu.cfs_quota_us", value, field, { needed });
  const period = change(cgroups, name, "cpu", "cpu.cfs_period_us", needed ? PERIOD : USUAL_PERIOD, field, {
    needed,
  });
  if (period.length === 0) return quota(wanted ?? -1n);
  const last = needed ? [setting(cgroups, name, "cpu", "cpu.cfs_quota_us", wanted, field)] : [];
  return [...quota(-1n), ...period, ...last];
}

function quotaFor(maxLimit: bigint | undefined): bigint | undefined {
  return maxLimit === undefined || isUnlimited(maxLimit) ? undefined : maxLimit * QUOTA_PER_MILLI;
}

/**
 * Without a mask of its own a cpuset of version 2 is empty, which means that of the parent. One with processes in it
 * cannot become empty any more (kernel/cgroup/cpuset.c, validate_change), but hold all CPUs that there may ever be, of
 * which it gets those that the parent has.
 */
function maskSteps2({ mask }: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  const field = "cpu.mask";
  if (mask !== undefined) {
    const value = formatCpuList(cpusOfMask(mask.data ?? []));
    return change(cgroups, name, "cpuset", "cpuset.cpus", value, field, { needed: true });
  }
  const all = readControl("/sys/devices/system/cpu/possible")?.trim() ?? "0";
  const value = cgroups.isPopulated(name) ? all : "\n";
  const same = (now: string) => now === "" || now === value;
  return change(cgroups, name, "cpuset", "cpuset.cpus", value, field, { same });
}

/**
 * In version 1 each cpuset has a copy of its parent's, and lies within it at all times. So those below that have no mask
 * of their own change with it: first all become wide enough from the top down, then narrow from the bottom up.
 */
function maskSteps1({ mask }: CpuSpec, { cgroups, name, below }: UpdateContext): HostStep[] {
  const read = (of: string) => readText(cgroups, of, "cpuset", "cpuset.cpus");
  const write = (of: string, cpus: readonly number[]) =>
    setting(cgroups, of, "cpuset", "cpuset.cpus", formatCpuList(cpus), "cpu.mask");
  const wanted = mask ? cpusOfMask(mask.data ?? []) : parseCpuList(read(parentOf(name)) ?? "");
  const followers = new Set([name]);
  for (const { name: at, spec } of below)
    if (spec.cpu?.mask === undefined && followers.has(parentOf(at))) followers.add(at);
  const widen: HostStep[] = [];
  const narrow: HostStep[] = [];
  for (const at of followers) {
    const text = read(at);
    if (text === undefined) continue; // not made again since the machine started
    const now = parseCpuList(text);
    const both = [...new Set([...now, ...wanted])].sort((a, b) => a - b);
    if (both.length > now.length) widen.push(write(at, both));
    if (both.length > wanted.length) narrow.push(write(at, wanted));
  }
  return [...widen, ...narrow.reverse()];
}
