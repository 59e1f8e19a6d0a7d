/** Statistics of CPU time. */
import {
  type EnumName,
  enumeration,
  message,
  optional,
  type Resolved,
  repeated,
  required,
} from "../descriptor.ts";

export const PressureStats = message(
  "PressureStats",
  "Pressure: the share of time that tasks stood still for want of a resource.",
  {
    some_avg10: optional(1, "double", "At least one task stood still, last 10 seconds.", { unit: "percent" }),
    some_avg60: optional(2, "double", "The same, last 60 seconds.", { unit: "percent" }),
    some_avg300: optional(3, "double", "The same, last 300 seconds.", { unit: "percent" }),
    some_total: optional(4, "uint64", "The same, since the container was created.", { unit: "microseconds" }),
    full_avg10: optional(5, "double", "All tasks stood still, last 10 seconds.", { unit: "percent" }),
    full_avg60: optional(6, "double", "The same, last 60 seconds.", { unit: "percent" }),
    full_avg300: optional(7, "double", "The same, last 300 seconds.", { unit: "percent" }),
    full_total: optional(8, "uint64", "The same, since the container was created.", { unit: "microseconds" }),
  },
);
export interface PressureStats extends Resolved<typeof PressureStats> {}

export const CpuHistogramType = enumeration("CpuHistogramType", "What a histogram of scheduling counts.", {
  SERVE: [1, "Time from when a task woke until it slept again, running and waiting for a CPU."],
  ONCPU: [2, "Time that a task ran in one stretch."],
  SLEEP: [3, "Time that a task slept."],
  QUEUE_SELF: [
    4,
    "Time that a task waited for a CPU because of its own container: for another of its tasks, or for quota.",
  ],
  QUEUE_OTHER: [5, "Time that a task waited for a CPU that others had, of other containers or of none."],
});
export type CpuHistogramType = EnumName<typeof CpuHistogramType>;

export const HistogramBucket = message("HistogramMap.Bucket", "A bar of a histogram.", {
  bucket: required(
    1,
    "int32",
    "Upper bound of the times counted here; 2147483647 for those above all other bounds.",
    { unit: "nanoseconds" },
  ),
  value: required(2, "int64", "How many were counted."),
});
export interface HistogramBucket extends Resolved<typeof HistogramBucket> {}

export const HistogramMap = message("HistogramMap", "A histogram of scheduling.", {
  type: required(1, CpuHistogramType, "What it counts."),
  stat: repeated(2, HistogramBucket, "The bars."),
});
export interface HistogramMap extends Resolved<typeof HistogramMap> {}

export const ThrottlingData = message("ThrottlingData", "How `cpu.max_limit` made itself felt.", {
  periods: optional(1, "int64", "Periods in which the container wanted to run."),
  throttled_periods: optional(2, "int64", "Periods in which it reached the limit."),
  throttled_time: optional(3, "int64", "Time that it was kept from running.", { unit: "nanoseconds" }),
  bursts: optional(100, "int64", "Periods in which it went beyond the limit, by `cpu.burst`."),
  burst_time: optional(101, "int64", "CPU time that it used beyond the limit.", { unit: "nanoseconds" }),
});
export interface ThrottlingData extends Resolved<typeof ThrottlingData> {}

export const CpuUsage = message("CpuStats.Usage", "CPU time used since the container was created.", {
  total: optional(1, "uint64", "All of it.", { unit: "nanoseconds" }),
  per_cpu: repeated(2, "int64", "By CPU, from CPU 0 on; only cgroup version 1 knows it.", {
    unit: "nanoseconds",
  }),
  user: optional(3, "int64", "In user mode.", { unit: "nanoseconds" }),
  system: optional(4, "int64", "In the kernel.", { unit: "nanoseconds" }),
});
export interface CpuUsage extends Resolved<typeof CpuUsage> {}

export const CpuStats = message("CpuStats", "Statistics of CPU time.", {
  usage: optional(1, CpuUsage, "CPU time used."),
  load: optional(2, "int32", "Tasks that run or wait for a CPU, now."),
  throttling_data: optional(3, ThrottlingData, "How `cpu.max_limit` made itself felt."),
  histograms: repeated(
    4,
    HistogramMap,
    "Histograms of scheduling, over a window of time that one asks for (`lmctfy stats histograms`).",
  ),
  pressure: optional(100, PressureStats, "Time that tasks waited for a CPU."),
});
export interface CpuStats extends Resolved<typeof CpuStats> {}
