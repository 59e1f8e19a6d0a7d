/** Statistics of memory. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import { LEAF } from "../../cgroup/names.ts";
import type { KernelMemory, MemoryData, MemoryStats, NumaStats, Thp } from "../../spec/index.ts";
import { defined, parseFields, parseNumber, readNumber, readPressure, readText } from "../numbers.ts";
import type { StatsLevel } from "../resource.ts";
import { hugetlbStats } from "./hugetlb.ts";
import { idlePages } from "./idle.ts";
import { hasOneNode, numaOfOneNode, parseNumaStat1, parseNumaStat2 } from "./numa.ts";

export function memoryStats(cgroups: Cgroups, name: string, level: StatsLevel): MemoryStats | undefined {
  const version = cgroups.version("memory");
  if (version === undefined) return undefined;
  const full = level === "full";
  return version === 2 ? stats2(cgroups, name, full) : stats1(cgroups, name, full);
}

function stats1(cgroups: Cgroups, name: string, full: boolean): MemoryStats {
  const number = (file: string) => readNumber(cgroups, name, "memory", file);
  const stat = parseFields(readText(cgroups, name, "memory", "memory.stat"));
  const usage = number("memory.usage_in_bytes");
  const effective = limitOf(stat.get("hierarchical_memory_limit"));
  // The kernel's is a part of it.
  const kernel = full && usage !== 0n ? number("memory.kmem.usage_in_bytes") : usage;
  const oom = parseFields(readText(cgroups, name, "memory", "memory.oom_control"));
  return defined<MemoryStats>({
    limit: limitOf(number("memory.limit_in_bytes")),
    effective_limit: effective,
    reservation: limitOf(number("memory.soft_limit_in_bytes")),
    usage,
    max_usage: number("memory.max_usage_in_bytes"),
    working_set: workingSet(usage, stat.get("total_inactive_anon"), stat.get("total_inactive_file")),
    fail_count: number("memory.failcnt"),
    oom_kill_count: oom.get("oom_kill"),
    swap_usage: stat.get("total_swap"),
    ...(full && {
      container_data: data1(stat, "", kernel),
      hierarchical_data: data1(stat, "total_"),
      hierarchical_memory_limit: effective,
      numa: hasOneNode()
        ? numaOfOneNode(stat, stat, "total_")
        : parseNumaStat1(readText(cgroups, name, "memory", "memory.numa_stat")),
      swap_limit: limitOf(number("memory.memsw.limit_in_bytes")),
      hugetlb: hugetlbStats(cgroups, name),
      idle_page: idlePages(cgroups, name),
      pressure: readPressure(cgroups, name, "memory.pressure"),
    }),
  });
}

function stats2(cgroups: Cgroups, name: string, full: boolean): MemoryStats {
  const number = (file: string) => readNumber(cgroups, name, "memory", file);
  const stat = parseFields(readText(cgroups, name, "memory", "memory.stat"));
  const events = parseFields(readText(cgroups, name, "memory", "memory.events"));
  const usage = number("memory.current");
  const limit = number("memory.max");
  const effective = effectiveLimit(cgroups, name, limit);
  const swapMax = full ? number("memory.swap.max") : undefined;
  const own = full ? (leafStat(cgroups, name) ?? stat) : stat;
  return defined<MemoryStats>({
    limit,
    effective_limit: effective,
    reservation: number("memory.low"),
    usage,
    max_usage: number("memory.peak"),
    working_set: workingSet(usage, stat.get("inactive_anon"), stat.get("inactive_file")),
    fail_count: events.get("max"),
    oom_count: events.get("oom"),
    oom_kill_count: events.get("oom_kill"),
    swap_usage: number("memory.swap.current"),
    ...(full && {
      container_data: data2(own),
      hierarchical_data: data2(stat),
      hierarchical_memory_limit: effective,
      numa: hasOneNode() ? numaOfOneNode(own, stat) : numa2(cgroups, name),
      swap_limit: swapLimit(limit, swapMax),
      hugetlb: hugetlbStats(cgroups, name),
      idle_page: idlePages(cgroups, name),
      zswap_usage: stat.get("zswap"),
      zswap_limit: stat.has("zswap") ? number("memory.zswap.max") : undefined,
      pressure: readPressure(cgroups, name, "memory.pressure"),
    }),
  });
}

/** Version 1 has a number for no limit, the largest that is a multiple of the page size. */
function limitOf(value: bigint | undefined): bigint | undefined {
  return value !== undefined && value >= 1n << 62n ? -1n : value;
}

/** What was used lately; the rest could be dropped, or swapped out, without being missed soon. */
function workingSet(usage: bigint | undefined, ...inactive: (bigint | undefined)[]): bigint | undefined {
  if (usage === undefined) return undefined;
  const left = inactive.reduce<bigint>((rest, part) => rest - (part ?? 0n), usage);
  return left < 0n ? 0n : left;
}

/** The smallest limit of a container and of all cgroups above it, also those above our subtree. */
function effectiveLimit(cgroups: Cgroups, name: string, own: bigint | undefined): bigint | undefined {
  const file = "/memory.max";
  const path = cgroups.controllerFile(name, "memory", "memory.max");
  const top = cgroups.layout.hierarchies.find(hierarchy => hierarchy.version === 2)?.mountPoint ?? "";
  if (path === undefined || own === undefined) return own;
  let least = own;
  let at = path.slice(0, -file.length);
  while (at.length > top.length) {
    at = at.slice(0, at.lastIndexOf("/"));
    const limit = parseNumber(readControl(at + file));
    if (limit !== undefined && limit >= 0n && (least < 0n || limit < least)) least = limit;
  }
  return least;
}

function swapLimit(limit: bigint | undefined, swapMax: bigint | undefined): bigint | undefined {
  if (limit === undefined || swapMax === undefined) return undefined;
  return limit < 0n || swapMax < 0n ? -1n : limit + swapMax;
}

/** The container's own part: its leaf's, once it has children and the leaf is counted apart from them. */
function leafStat(cgroups: Cgroups, name: string): Map<string, bigint> | undefined {
  const text = readText(cgroups, name, "memory", `${LEAF}/memory.stat`);
  return text === undefined ? undefined : parseFields(text);
}

function numa2(cgroups: Cgroups, name: string): NumaStats | undefined {
  const text = (file: string) => readText(cgroups, name, "memory", file);
  const all = text("memory.numa_stat");
  return parseNumaStat2(all, text(`${LEAF}/memory.numa_stat`) ?? all);
}

const SAME = [
  "pgfault",
  "pgmajfault",
  "inactive_anon",
  "active_anon",
  "inactive_file",
  "active_file",
  "unevictable",
  "shmem",
] as const;

const OLD = [
  "cache",
  "rss",
  "rss_huge",
  "mapped_file",
  "pgpgin",
  "pgpgout",
  "dirty",
  "writeback",
  "swap",
] as const;

function data1(stat: Map<string, bigint>, prefix: string, kernel?: bigint): MemoryData {
  const fields = [...SAME, ...OLD].map(field => [field, stat.get(prefix + field)] as const);
  return defined<MemoryData>({
    ...(Object.fromEntries(fields) as MemoryData),
    kernel: kernel === undefined ? undefined : { memory: kernel },
  });
}

function data2(stat: Map<string, bigint>): MemoryData {
  const same = Object.fromEntries(SAME.map(field => [field, stat.get(field)])) as MemoryData;
  return defined<MemoryData>({
    ...same,
    cache: stat.get("file"),
    rss: stat.get("anon"),
    rss_huge: stat.get("anon_thp"),
    mapped_file: stat.get("file_mapped"),
    dirty: stat.get("file_dirty"),
    writeback: stat.get("file_writeback"),
    sock: stat.get("sock"),
    zswap_compressed_pages: stat.get("zswpout"),
    zswap_decompressed_pages: stat.get("zswpin"),
    thp: defined<Thp>({
      fault_alloc: stat.get("thp_fault_alloc"),
      collapse_alloc: stat.get("thp_collapse_alloc"),
    }),
    kernel: defined<KernelMemory>({
      memory: stat.get("kernel"),
      slab_memory: stat.get("slab"),
      stack_memory: stat.get("kernel_stack"),
      pgtable_memory: stat.get("pagetables"),
      vmalloc_memory: stat.get("vmalloc"),
      compressed_memory: stat.get("zswap"),
    }),
  });
}
