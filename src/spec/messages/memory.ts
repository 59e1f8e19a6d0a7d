/** `memory` of a spec. */
import { message, NO_PATCH, optional, type Resolved, repeated } from "../descriptor.ts";

export const MemoryTmpfsSpec = message(
  "MemorySpec.TmpfsSpec",
  "Memory file systems charged to the container.",
  {
    path: repeated(1, "string", "Absolute path."),
  },
);
export interface MemoryTmpfsSpec extends Resolved<typeof MemoryTmpfsSpec> {}

export const MemoryDirty = message(
  "MemorySpec.Dirty",
  "How much changed file data may wait to be written: either ratios or limits, not both.",
  {
    ratio: optional(1, "int32", "Share of the container's memory at which its writers start to wait.", {
      unit: "percent",
      range: [0, 100],
    }),
    limit: optional(2, "int32", "Amount at which its writers start to wait.", {
      unit: "bytes",
    }),
    background_ratio: optional(3, "int32", "Share of the container's memory at which writing back starts.", {
      unit: "percent",
      range: [0, 100],
    }),
    background_limit: optional(4, "int32", "Amount at which writing back starts.", {
      unit: "bytes",
    }),
  },
);
export interface MemoryDirty extends Resolved<typeof MemoryDirty> {}

export const HugetlbLimit = message("MemorySpec.HugetlbLimit", "A limit of huge pages of one size.", {
  page_size: optional(1, "string", "Size of a page, such as `2MB` or `1GB`; must be given."),
  limit: optional(
    2,
    "int64",
    "What the container may use and reserve; -1 is no limit. The kernel counts whole pages.",
    {
      unit: "bytes",
      default: "-1 (no limit)",
    },
  ),
});
export interface HugetlbLimit extends Resolved<typeof HugetlbLimit> {}

export const MemorySpec = message("MemorySpec", "Memory, swap, and who gives way when they run out.", {
  eviction_priority: optional(
    1,
    "int32",
    "Who gives way when the machine runs out of memory: the lower the number, the sooner its tasks are killed. Tasks have the priority that it has when they are started.",
    { range: [0, 10000], default: "5000" },
  ),
  limit: optional(
    2,
    "int64",
    "The memory that the container may use; -1 is no limit. At the limit the kernel reclaims, and kills if it must.",
    { unit: "bytes", default: "-1 (no limit)" },
  ),
  max_limit: optional(
    3,
    "int64",
    "With both, the container is slowed down and has to give back above `limit`, and a task is killed above `max_limit` (cgroup v2). Alone, it is a `limit`.",
    { unit: "bytes", default: "the same as `limit`" },
  ),
  reservation: optional(4, "int64", "The memory that is left to the container when others need memory.", {
    unit: "bytes",
    default: "0",
  }),
  hugetlbfs_path: optional(5, "string", "Absolute path of a hugetlbfs to charge to the container.", {
    unserved: "memory.hugetlb limits huge pages, wherever a hugetlbfs is mounted",
  }),
  tmpfs: optional(6, MemoryTmpfsSpec, "Memory file systems to charge to the container.", {
    unserved: "every tmpfs is charged to whoever writes to it; filesystem.mounts mounts one, with a size",
  }),
  swap_limit: optional(
    7,
    "int64",
    "Memory and swap together that the container may use; -1 is no limit. So swap alone is `swap_limit` less `limit`, which has to be given too.",
    { unit: "bytes", default: "-1 (no limit)" },
  ),
  compression_sampling_ratio: optional(
    8,
    "int32",
    "One in how many pages is compressed to learn the ratio.",
    {
      unserved: NO_PATCH,
    },
  ),
  stale_page_age: optional(9, "int32", "Scans after which an untouched page counts as stale.", {
    unserved: NO_PATCH,
  }),
  dirty: optional(10, MemoryDirty, "How much changed file data may wait to be written.", {
    unserved:
      "the kernel has one setting for the whole machine (vm.dirty_ratio), and shares it out by memory.limit",
  }),
  kmem_charge_usage: optional(
    11,
    "bool",
    "Whether kernel memory counts as usage. Today's kernels always count it: false is refused.",
    { default: "true" },
  ),
  reservation_strict: optional(
    100,
    "bool",
    "Whether the reservation is left to the container in any case: others are killed before it has to give of it (cgroup v2).",
    { default: "false" },
  ),
  oom_group: optional(
    101,
    "bool",
    "Whether all tasks of the container are killed together when one of them has to be (cgroup v2).",
    { default: "false" },
  ),
  hugetlb: repeated(102, HugetlbLimit, "Limits of huge pages, which are not part of `limit`."),
  zswap_limit: optional(
    103,
    "int64",
    "Memory that its compressed swap may use, before it goes to a disk; -1 is no limit, 0 is none at all (cgroup v2).",
    { unit: "bytes", default: "-1 (no limit)" },
  ),
});
export interface MemorySpec extends Resolved<typeof MemorySpec> {}
