/** Statistics of a container: one section per resource. */
import { message, NO_PATCH, NOT_YET, optional, type Resolved, repeated } from "../descriptor.ts";
import { CpuStats, PressureStats } from "./stats-cpu.ts";
import { MemoryStats } from "./stats-memory.ts";

export const NetworkInterfaceStats = message("NetworkStats.Interface", "Traffic of an interface.", {
  name: optional(1, "string", "Name in the container."),
  rx_bytes: optional(2, "uint64", "Received.", { unit: "bytes" }),
  tx_bytes: optional(3, "uint64", "Sent.", { unit: "bytes" }),
  rx_packets: optional(4, "uint64", "Packets received."),
  tx_packets: optional(5, "uint64", "Packets sent."),
  rx_errors: optional(6, "uint64", "Packets received broken."),
  tx_errors: optional(7, "uint64", "Packets that could not be sent."),
  rx_dropped: optional(8, "uint64", "Packets received and dropped."),
  tx_dropped: optional(9, "uint64", "Packets dropped instead of sent."),
});
export interface NetworkInterfaceStats extends Resolved<typeof NetworkInterfaceStats> {}

export const NetworkStats = message("NetworkStats", "Statistics of a network of the container's own.", {
  interface: repeated(100, NetworkInterfaceStats, "By interface."),
});
export interface NetworkStats extends Resolved<typeof NetworkStats> {}

export const BlockIoDeviceStats = message("BlockIoStats.Device", "Transfers from and to a block device.", {
  major: optional(1, "int64", "Major number."),
  minor: optional(2, "int64", "Minor number."),
  read_bytes: optional(3, "uint64", "Read.", { unit: "bytes" }),
  write_bytes: optional(4, "uint64", "Written.", { unit: "bytes" }),
  read_ops: optional(5, "uint64", "Read operations."),
  write_ops: optional(6, "uint64", "Write operations."),
  discard_bytes: optional(7, "uint64", "Discarded.", { unit: "bytes" }),
  discard_ops: optional(8, "uint64", "Discard operations."),
  name: optional(100, "string", "Name in /dev; absent when the device is gone."),
  cost_usage: optional(101, "uint64", "Device time used, by the kernel's cost model (io.cost).", {
    unit: "microseconds",
  }),
});
export interface BlockIoDeviceStats extends Resolved<typeof BlockIoDeviceStats> {}

export const BlockIoStats = message("BlockIoStats", "Statistics of block devices.", {
  device: repeated(100, BlockIoDeviceStats, "By device."),
  pressure: optional(101, PressureStats, "Time that tasks waited for transfers."),
});
export interface BlockIoStats extends Resolved<typeof BlockIoStats> {}

export const MonitoringStats = message(
  "MonitoringStats",
  "What performance counters counted (perf_event_open(2)) of the container and all below it, since they were enabled.",
  {
    cycles: optional(100, "uint64", "CPU cycles."),
    instructions: optional(101, "uint64", "Instructions that were completed."),
    cache_misses: optional(102, "uint64", "Accesses to memory that no cache had, usually the last one."),
    branch_misses: optional(103, "uint64", "Branches that were predicted wrong."),
    cpu_clock: optional(104, "uint64", "CPU time.", { unit: "nanoseconds" }),
    page_faults: optional(105, "uint64", "Page faults."),
    context_switches: optional(106, "uint64", "Switches from its tasks to others."),
    cpu_migrations: optional(107, "uint64", "Moves of its tasks to another CPU."),
    uncounted: repeated(
      108,
      "string",
      "Those of the above that this machine does not count: virtual machines often have none of the hardware's.",
    ),
    interrupted: optional(
      109,
      "bool",
      "The process that keeps the counters was killed, and with it went what they had counted. `update` starts them anew.",
    ),
  },
);
export interface MonitoringStats extends Resolved<typeof MonitoringStats> {}

const UNSERVED = { unserved: NO_PATCH } as const;

export const FilesystemStats = message("FilesystemStats", "Statistics of open files.", {
  fd_usage: optional(1, "int64", "Open files.", UNSERVED),
  fd_max_usage: optional(2, "int64", "Most open files ever.", UNSERVED),
  fd_fail_count: optional(3, "int64", "How often the limit was reached.", UNSERVED),
});
export interface FilesystemStats extends Resolved<typeof FilesystemStats> {}

export const PidsStats = message("PidsStats", "Statistics of tasks.", {
  current: optional(1, "int64", "Tasks now."),
  limit: optional(2, "int64", "The limit; -1 is none."),
  peak: optional(3, "int64", "Most tasks ever."),
  fail_count: optional(4, "int64", "How often the limit kept a task from starting."),
});
export interface PidsStats extends Resolved<typeof PidsStats> {}

export const ContainerStats = message(
  "ContainerStats",
  "Statistics of a container. A section is absent when the container does not isolate that resource.",
  {
    cpu: optional(1, CpuStats, "CPU time."),
    memory: optional(2, MemoryStats, "Memory and swap."),
    network: optional(4, NetworkStats, "Network traffic.", { unserved: NOT_YET }),
    monitoring: optional(5, MonitoringStats, "Performance counters, where the spec enables them."),
    filesystem: optional(6, FilesystemStats, "Open files.", { unserved: NOT_YET }),
    blockio: optional(7, BlockIoStats, "Block devices."),
    pids: optional(100, PidsStats, "Tasks."),
  },
);
export interface ContainerStats extends Resolved<typeof ContainerStats> {}
