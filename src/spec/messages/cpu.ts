/** `cpu` of a spec: how much CPU, how soon, and which. */
import { type EnumName, enumeration, message, optional, type Resolved, repeated } from "../descriptor.ts";

export const SchedulingLatency = enumeration(
  "SchedulingLatency",
  "How soon a task that becomes runnable gets a CPU.",
  {
    BEST_EFFORT: [1, "No guarantee: runs when nobody else wants to."],
    NORMAL: [2, "For ordinary work: a quarter of the weight that `limit` gives."],
    PRIORITY: [3, "For work that people wait for: the weight that `limit` gives."],
    PREMIER: [4, "For work that everything else waits for: four times the weight that `limit` gives."],
  },
);
export type SchedulingLatency = EnumName<typeof SchedulingLatency>;

export const CpuMask = message("CpuSpec.Mask", "A set of CPUs as a bit mask.", {
  data: repeated(
    1,
    "uint64",
    "The mask in words of 64 bits, highest word first: the last word holds CPU 0 (bit 0) to CPU 63 (bit 63).",
  ),
});
export interface CpuMask extends Resolved<typeof CpuMask> {}

export const CpuSpec = message("CpuSpec", "CPU time, and the CPUs it is spent on.", {
  scheduling_latency: optional(
    1,
    SchedulingLatency,
    "How soon the container's tasks get a CPU when they become runnable.",
    { default: "PRIORITY" },
  ),
  limit: optional(
    2,
    "uint64",
    "The CPU that the container gets when everybody wants some: 1000 is one CPU. It may use more while others are idle.",
    { unit: "milli-CPU" },
  ),
  max_limit: optional(
    3,
    "uint64",
    "The CPU that the container never exceeds, even on an idle machine: 1500 is one and a half CPUs.",
    { unit: "milli-CPU", default: "no limit" },
  ),
  mask: optional(4, CpuMask, "The CPUs that the container may run on.", { default: "those of the parent" }),
  burst: optional(
    100,
    "uint64",
    "How far beyond `max_limit` the container may go for a while, with what it left unused before; at most `max_limit`.",
    { unit: "milli-CPU", default: "0" },
  ),
  cpus: optional(
    101,
    "string",
    'The CPUs that the container may run on, as a list like "0-3,8": the same as `mask`, for people. Empty for those of the parent.',
    { default: "those of the parent" },
  ),
  mems: optional(
    102,
    "string",
    'The memory nodes (NUMA) that the container may take memory from, as a list like "0-1". Empty for those of the parent.',
    { default: "those of the parent" },
  ),
});
export interface CpuSpec extends Resolved<typeof CpuSpec> {}
