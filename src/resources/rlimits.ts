/** Limits of each process by itself: `rlimits` of a spec, and `filesystem.fd_limit`. */
import { readControl } from "../cgroup/files.ts";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpec, Rlimit, RlimitsSpec } from "../spec/index.ts";
import { checkRange, INT64_MAX, invalid, type ProcessSettings, type Resource } from "./resource.ts";

export type RlimitName = keyof RlimitsSpec;

/** A limit as prlimit64(2) takes it. */
export interface ProcessLimit {
  name: RlimitName;
  /** RLIMIT_*, which are the same on x86_64 and aarch64. */
  number: number;
  soft: bigint;
  hard: bigint;
}

/** include/uapi/asm-generic/resource.h; the name in /proc/PID/limits. */
const LIMITS: Readonly<Record<RlimitName, readonly [number: number, shown: string]>> = {
  cpu: [0, "Max cpu time"],
  fsize: [1, "Max file size"],
  data: [2, "Max data size"],
  stack: [3, "Max stack size"],
  core: [4, "Max core file size"],
  rss: [5, "Max resident set"],
  nproc: [6, "Max processes"],
  nofile: [7, "Max open files"],
  memlock: [8, "Max locked memory"],
  as: [9, "Max address space"],
  locks: [10, "Max file locks"],
  sigpending: [11, "Max pending signals"],
  msgqueue: [12, "Max msgqueue size"],
  nice: [13, "Max nice priority"],
  rtprio: [14, "Max realtime priority"],
  rttime: [15, "Max realtime timeout"],
};

const INFINITY = (1n << 64n) - 1n;
const CAP_SYS_RESOURCE = 24n;

export const rlimits: Resource<"rlimits"> = {
  section: "rlimits",

  check(spec, { proc = "/proc/self", spec: whole }) {
    const limits = limitsOf(spec);
    if (spec.nofile !== undefined && whole?.filesystem?.fd_limit !== undefined) {
      throw invalid("rlimits.nofile and filesystem.fd_limit are the same limit: give one of them");
    }
    checkAllowed(limits, proc);
  },

  settings: () => [],
  update: () => [],
  processSettings: (spec, whole) => limitSettings(spec, whole),
};

/** What `filesystem.fd_limit` comes to. */
export function fdLimit(limit: bigint): ProcessLimit {
  return { name: "nofile", number: LIMITS.nofile[0], soft: limit, hard: limit };
}

export function checkFdLimit(limit: bigint, proc = "/proc/self"): void {
  checkRange("filesystem.fd_limit", limit, 0n, 1n << 30n, "open files");
  checkAllowed([fdLimit(limit)], proc, "filesystem.fd_limit");
}

/** All that are set, of both sections. */
export function limitSettings(spec: RlimitsSpec, { filesystem }: ContainerSpec): ProcessSettings {
  const files = filesystem?.fd_limit === undefined ? [] : [fdLimit(filesystem.fd_limit)];
  const limits = [...limitsOf(spec), ...files];
  return limits.length === 0 ? {} : { limits };
}

function limitsOf(spec: RlimitsSpec): ProcessLimit[] {
  return (Object.keys(LIMITS) as RlimitName[]).flatMap(name => {
    const limit = spec[name];
    return limit === undefined ? [] : [resolve(name, limit)];
  });
}

function resolve(name: RlimitName, { soft, hard }: Rlimit): ProcessLimit {
  const field = `rlimits.${name}`;
  const [low, high] = [soft ?? hard, hard ?? soft];
  if (low === undefined || high === undefined) throw invalid(`${field} says neither soft nor hard`);
  for (const value of [low, high])
    if (value !== -1n) checkRange(field, value, 0n, INT64_MAX, "or -1 for no limit");
  const limit = { name, number: LIMITS[name][0], soft: numberOf(low), hard: numberOf(high) };
  if (limit.soft <= limit.hard) return limit;
  throw invalid(`${field}.soft ${low} is more than ${field}.hard ${high}`);
}

const numberOf = (value: bigint): bigint => (value === -1n ? INFINITY : value);

/** Raising what is hard takes a capability; better said now than by every command. */
function checkAllowed(limits: readonly ProcessLimit[], proc: string, as?: string): void {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readControl(`${proc}/status`) ?? "")?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) return;
  const table = readControl(`${proc}/limits`) ?? "";
  for (const { name, hard } of limits) {
    const now = new RegExp(`^${LIMITS[name][1]}\\s+\\S+\\s+(\\S+)`, "m").exec(table)?.[1];
    if (now === undefined || now === "unlimited" || hard <= BigInt(now)) continue;
    throw new LmctfyError(
      "PERMISSION_DENIED",
      `${as ?? `rlimits.${name}`} ${hard === INFINITY ? -1n : hard} is more than this process's own hard limit ${now}, and it lacks CAP_SYS_RESOURCE, which raising that needs`,
      { hint: `Run with that capability, or use ${now} at most.` },
    );
  }
}
