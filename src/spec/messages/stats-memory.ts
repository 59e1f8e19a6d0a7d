/** Statistics of memory. */
import { message, NO_PATCH, optional, type Resolved, repeated } from "../descriptor.ts";
import { PressureStats } from "./stats-cpu.ts";

const BYTES = { unit: "bytes" } as const;
const GOOGLE = { unserved: NO_PATCH } as const;
const GOOGLE_BYTES = { ...BYTES, ...GOOGLE } as const;
const ZSWAP = { unserved: "today's kernels count it for the whole machine only" } as const;

export const Thp = message("MemoryStats.MemoryData.THP", "Transparent huge pages.", {
  fault_alloc: optional(1, "int64", "Huge pages given at a page fault."),
  fault_fallback: optional(2, "int64", "Page faults that got small pages instead.", GOOGLE),
  collapse_alloc: optional(3, "int64", "Huge pages made of small ones."),
  collapse_alloc_failed: optional(4, "int64", "Attempts to do so that failed.", GOOGLE),
  split: optional(5, "int64", "Huge pages taken apart.", GOOGLE),
});
export interface Thp extends Resolved<typeof Thp> {}

export const KernelMemory = message(
  "MemoryStats.MemoryData.Kernel",
  "Memory that the kernel uses for the container.",
  {
    memory: optional(1, "int64", "All of it.", BYTES),
    slab_memory: optional(2, "int64", "Kernel objects, such as inodes and directory entries.", BYTES),
    stack_memory: optional(3, "int64", "Kernel stacks of the tasks.", BYTES),
    pgtable_memory: optional(4, "int64", "Page tables.", BYTES),
    vmalloc_memory: optional(5, "int64", "Memory mapped page by page.", BYTES),
    misc_memory: optional(6, "int64", "The rest.", GOOGLE_BYTES),
    targeted_slab_memory: optional(7, "int64", "Kernel objects charged on purpose.", GOOGLE_BYTES),
    compressed_memory: optional(8, "int64", "Compressed pages.", BYTES),
  },
);
export interface KernelMemory extends Resolved<typeof KernelMemory> {}

export const MemoryData = message("MemoryStats.MemoryData", "What memory is used for.", {
  cache: optional(1, "int64", "Contents of files.", BYTES),
  rss: optional(2, "int64", "Memory of programs that no file backs.", BYTES),
  rss_huge: optional(3, "int64", "The part of `rss` in huge pages.", BYTES),
  mapped_file: optional(4, "int64", "Files that are mapped.", BYTES),
  pgpgin: optional(5, "int64", "Pages charged so far."),
  pgpgout: optional(6, "int64", "Pages uncharged so far."),
  pgfault: optional(7, "int64", "Page faults so far."),
  pgmajfault: optional(8, "int64", "Page faults so far that needed a disk."),
  dirty: optional(9, "int64", "Changed contents of files that wait to be written.", BYTES),
  writeback: optional(10, "int64", "Changed contents of files that are being written.", BYTES),
  inactive_anon: optional(11, "int64", "Program memory not used lately.", BYTES),
  active_anon: optional(12, "int64", "Program memory used lately.", BYTES),
  inactive_file: optional(13, "int64", "Contents of files not used lately.", BYTES),
  active_file: optional(14, "int64", "Contents of files used lately.", BYTES),
  unevictable: optional(15, "int64", "Memory that cannot be reclaimed, such as locked memory.", BYTES),
  thp: optional(16, Thp, "Transparent huge pages."),
  kernel: optional(17, KernelMemory, "Memory of the kernel that counts as usage."),
  kernel_noncharged: optional(18, KernelMemory, "Memory of the kernel that does not.", GOOGLE),
  compressed_pool_pages: optional(19, "int64", "Pages that hold compressed pages.", GOOGLE),
  compressed_stored_pages: optional(20, "int64", "Pages stored compressed.", GOOGLE),
  compressed_reject_compress_poor: optional(21, "int64", "Pages that did not compress well.", GOOGLE),
  zswap_zsmalloc_fail: optional(22, "int64", "Failures to store a compressed page.", GOOGLE),
  zswap_kmemcache_fail: optional(23, "int64", "Failures to record a compressed page.", ZSWAP),
  zswap_duplicate_entry: optional(24, "int64", "Pages stored twice.", ZSWAP),
  zswap_compressed_pages: optional(25, "int64", "Pages compressed so far."),
  zswap_decompressed_pages: optional(26, "int64", "Pages decompressed so far."),
  zswap_compression_nsec: optional(27, "int64", "Time spent on compressing.", {
    unit: "nanoseconds",
    ...GOOGLE,
  }),
  zswap_decompression_nsec: optional(28, "int64", "Time spent on decompressing.", {
    unit: "nanoseconds",
    ...GOOGLE,
  }),
  shmem: optional(100, "int64", "Shared memory and memory file systems, a part of `cache`.", BYTES),
  swap: optional(101, "int64", "Swap.", BYTES),
  sock: optional(102, "int64", "Buffers of network connections.", BYTES),
});
export interface MemoryData extends Resolved<typeof MemoryData> {}

export const NumaNode = message("MemoryStats.NumaStats.NumaData.Stat.Node", "A node of a NUMA machine.", {
  level: optional(1, "int32", "Number of the node."),
  page_count: optional(2, "int64", "Pages there."),
});
export interface NumaNode extends Resolved<typeof NumaNode> {}

export const NumaStat = message("MemoryStats.NumaStats.NumaData.Stat", "Pages of one kind.", {
  node: repeated(1, NumaNode, "By node."),
  total_page_count: optional(2, "int64", "All nodes together."),
});
export interface NumaStat extends Resolved<typeof NumaStat> {}

export const NumaData = message("MemoryStats.NumaStats.NumaData", "Where pages are.", {
  total: optional(1, NumaStat, "All pages."),
  file: optional(2, NumaStat, "Contents of files."),
  anon: optional(3, NumaStat, "Program memory."),
  unevictable: optional(4, NumaStat, "Pages that cannot be reclaimed."),
});
export interface NumaData extends Resolved<typeof NumaData> {}

export const NumaStats = message("MemoryStats.NumaStats", "Where pages are, on a NUMA machine.", {
  container_data: optional(1, NumaData, "The container alone."),
  hierarchical_data: optional(2, NumaData, "The container and all below it."),
});
export interface NumaStats extends Resolved<typeof NumaStats> {}

export const IdlePages = message("MemoryStats.IdlePageStats.Stats", "Pages that were idle for some time.", {
  age_in_secs: optional(1, "int32", "For at least how long.", { unit: "seconds" }),
  clean: optional(2, "int64", "Unchanged.", GOOGLE_BYTES),
  dirty_file: optional(3, "int64", "Changed contents of files.", GOOGLE_BYTES),
  dirty_swap: optional(4, "int64", "Program memory that could be swapped out.", BYTES),
  file: optional(100, "int64", "Contents of files, changed or not.", BYTES),
});
export interface IdlePages extends Resolved<typeof IdlePages> {}

export const IdlePageStats = message("MemoryStats.IdlePageStats", "Idle pages.", {
  stats: repeated(1, IdlePages, "By age."),
  scans: optional(2, "int64", "Scans of the memory so far.", GOOGLE),
  stale: optional(3, "int64", "Memory that counts as stale.", GOOGLE_BYTES),
});
export interface IdlePageStats extends Resolved<typeof IdlePageStats> {}

export const CompressionSamplingStats = message(
  "MemoryStats.CompressionSamplingStats",
  "How well pages compress, from a sample.",
  {
    raw_size: optional(1, "int64", "Size of the sample.", BYTES),
    compressed_size: optional(2, "int64", "Size of the sample, compressed.", BYTES),
    fifo_overflow: optional(3, "int64", "Pages that could not be sampled."),
  },
);
export interface CompressionSamplingStats extends Resolved<typeof CompressionSamplingStats> {}

export const HugetlbStats = message("MemoryStats.HugetlbStats", "Huge pages of one size.", {
  page_size: optional(1, "string", "Size of a page."),
  usage: optional(2, "int64", "Used now.", BYTES),
  max_usage: optional(3, "int64", "Most ever used; cgroup v2 does not tell.", BYTES),
  limit: optional(4, "int64", "The limit; -1 is none.", BYTES),
  fail_count: optional(5, "int64", "How often the limit was reached."),
});
export interface HugetlbStats extends Resolved<typeof HugetlbStats> {}

export const MemoryStats = message("MemoryStats", "Statistics of memory.", {
  limit: optional(1, "int64", "The container's limit.", BYTES),
  effective_limit: optional(2, "int64", "The smallest limit of the container and those above it.", BYTES),
  reservation: optional(3, "int64", "The container's reservation.", BYTES),
  usage: optional(4, "int64", "Memory used, whether lately or not.", BYTES),
  max_usage: optional(5, "int64", "Most memory ever used.", BYTES),
  working_set: optional(
    6,
    "int64",
    "Memory used lately: `usage` without what could be dropped at once.",
    BYTES,
  ),
  container_data: optional(7, MemoryData, "What the container uses memory for."),
  hierarchical_data: optional(8, MemoryData, "What the container and all below it use memory for."),
  hierarchical_memory_limit: optional(9, "int64", "The same as `effective_limit`.", BYTES),
  numa: optional(10, NumaStats, "Where pages are."),
  idle_page: optional(
    11,
    IdlePageStats,
    "Idle pages, where the kernel sorts them by age (multi-generational LRU).",
  ),
  compression_sampling: optional(12, CompressionSamplingStats, "How well pages compress.", GOOGLE),
  fail_count: optional(13, "int64", "How often the limit was reached."),
  pressure: optional(100, PressureStats, "Time that tasks waited for memory."),
  oom_count: optional(101, "int64", "How often the container was out of memory."),
  oom_kill_count: optional(102, "int64", "How many tasks were killed for want of memory."),
  swap_usage: optional(103, "int64", "Swap used.", BYTES),
  hugetlb: repeated(105, HugetlbStats, "Huge pages by size, once any container has a limit of them."),
  zswap_usage: optional(106, "int64", "Memory that compressed swap uses.", BYTES),
  zswap_limit: optional(107, "int64", "What it may use; -1 is no limit.", BYTES),
  swap_limit: optional(104, "int64", "Memory and swap together that may be used, as in the spec.", BYTES),
});
export interface MemoryStats extends Resolved<typeof MemoryStats> {}
