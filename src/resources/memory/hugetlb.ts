/** Huge pages: `hugetlb` of a spec. They are set aside by the machine (vm.nr_hugepages), and are not part of `limit`. */
import { readdirSync } from "node:fs";
import type { Cgroups } from "../../cgroup/driver.ts";
import { fieldOf } from "../../cgroup/files.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import type { HugetlbStats, MemorySpec } from "../../spec/index.ts";
import { defined, readNumber, readText } from "../numbers.ts";
import { change, invalid, setting, type UpdateContext } from "../resource.ts";
import { amountOf, checkAmount } from "./amount.ts";

const SIZES = "/sys/kernel/mm/hugepages";

/** Both what is in use and what is reserved: a mapping beyond the second fails, instead of a SIGBUS when it is touched. */
const FILES = { 1: ["limit_in_bytes", "rsvd.limit_in_bytes"], 2: ["max", "rsvd.max"] } as const;

/** Sizes of huge pages by the names that control files have them by, in bytes (mm/hugetlb_cgroup.c, mem_fmt). */
export function pageSizes(path = SIZES): Map<string, bigint> {
  const sizes = new Map<string, bigint>();
  for (const entry of entriesOf(path)) {
    const kilobytes = /^hugepages-(\d+)kB$/.exec(entry)?.[1];
    if (kilobytes !== undefined) sizes.set(nameOf(BigInt(kilobytes)), BigInt(kilobytes) * 1024n);
  }
  return sizes;
}

function nameOf(kilobytes: bigint): string {
  if (kilobytes >= 1n << 20n) return `${kilobytes >> 20n}GB`;
  return kilobytes >= 1n << 10n ? `${kilobytes >> 10n}MB` : `${kilobytes}KB`;
}

export function checkHugetlb({ hugetlb = [] }: MemorySpec, known = pageSizes()): void {
  const seen = new Set<string>();
  for (const [i, { page_size, limit }] of hugetlb.entries()) {
    const field = `memory.hugetlb[${i}]`;
    if (page_size === undefined)
      throw invalid(`${field}.page_size is missing`, `One of ${[...known.keys()].join(", ")}.`);
    if (!known.has(page_size)) {
      const those = known.size === 0 ? "none" : [...known.keys()].join(", ");
      throw invalid(`${field}.page_size ${JSON.stringify(page_size)}: this machine has ${those}`);
    }
    if (seen.has(page_size)) throw invalid(`${field}: there is a limit for ${page_size} before`);
    seen.add(page_size);
    checkAmount(`${field}.limit`, limit, 0n);
  }
}

export function newHugetlbSteps({ hugetlb = [] }: MemorySpec, cgroups: Cgroups, name: string): HostStep[] {
  if (hugetlb.length === 0) return [];
  const steps = hugetlb.flatMap(({ page_size, limit }) => {
    const amount = amountOf(limit);
    if (amount === undefined) return [];
    return filesOf(cgroups, page_size!).map((file, i) =>
      setting(cgroups, name, "hugetlb", file, amount, "memory.hugetlb", { optional: i > 0 }),
    );
  });
  return [...cgroups.controllerSteps(name, "hugetlb"), ...steps];
}

export function hugetlbSteps(
  { hugetlb = [] }: MemorySpec,
  { cgroups, name, before }: UpdateContext,
): HostStep[] {
  const there = before === undefined || (before.memory?.hugetlb ?? []).length > 0;
  if (hugetlb.length === 0 && !there) return [];
  const wanted = new Map(hugetlb.map(({ page_size, limit }) => [page_size!, amountOf(limit)]));
  const none = cgroups.version("hugetlb") === 2 ? "max" : "-1";
  const steps = [...pageSizes()].flatMap(([size, bytes]) => {
    const amount = wanted.get(size);
    return filesOf(cgroups, size).flatMap((file, i) =>
      change(cgroups, name, "hugetlb", file, amount ?? none, "memory.hugetlb", {
        needed: amount !== undefined && i === 0,
        hints: {
          EBUSY: "What runs in the container uses more of them: end some of it, or choose a higher limit.",
        },
        same: (now, then) => sameLimit(now, then, bytes),
      }),
    );
  });
  return hugetlb.length === 0 ? steps : [...cgroups.controllerSteps(name, "hugetlb"), ...steps];
}

const filesOf = (cgroups: Cgroups, size: string): string[] =>
  FILES[cgroups.version("hugetlb") ?? 2].map(file => `hugetlb.${size}.${file}`);

/** The kernel keeps whole pages, and version 1 has a number for no limit. */
function sameLimit(now: string, wanted: string, page: bigint): boolean {
  const limit = (text: string): bigint | undefined =>
    text === "max" || text === "-1" || BigInt(text) >= 1n << 60n ? undefined : BigInt(text) / page;
  return limit(now.trim()) === limit(wanted.trim());
}

/** Undefined unless the controller counts for the container. */
export function hugetlbStats(cgroups: Cgroups, name: string): HugetlbStats[] | undefined {
  const version = cgroups.version("hugetlb");
  if (version === undefined || !isUsed(cgroups)) return undefined;
  const stats = [...pageSizes().keys()].flatMap(size => {
    const number = (file: string) => readNumber(cgroups, name, "hugetlb", `hugetlb.${size}.${file}`);
    const usage = number(version === 2 ? "current" : "usage_in_bytes");
    if (usage === undefined) return [];
    const limit = number(FILES[version][0]);
    const reached = fieldOf(readText(cgroups, name, "hugetlb", `hugetlb.${size}.events`) ?? "", "max");
    return [
      defined<HugetlbStats>({
        page_size: size,
        usage,
        max_usage: version === 1 ? number("max_usage_in_bytes") : undefined,
        limit: limit !== undefined && limit >= 1n << 60n ? -1n : limit,
        fail_count: version === 1 ? number("failcnt") : reached === undefined ? undefined : BigInt(reached),
      }),
    ];
  });
  return stats.length > 0 ? stats : undefined;
}

/** For how long it is believed that nobody uses huge pages, which is some files less for each container. */
const BELIEVED_MS = 100;

let looked: { at: number; cgroups: Cgroups; used: boolean } | undefined;

function isUsed(cgroups: Cgroups): boolean {
  if (cgroups.version("hugetlb") === 1) return true;
  const at = performance.now();
  if (looked === undefined || looked.cgroups !== cgroups || at - looked.at > BELIEVED_MS) {
    const enabled = readText(cgroups, "/", "hugetlb", "cgroup.subtree_control") ?? "";
    looked = { at, cgroups, used: enabled.trim().split(" ").includes("hugetlb") };
  }
  return looked.used;
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return []; // a kernel without huge pages
  }
}
