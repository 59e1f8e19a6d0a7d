/** What `lmctfy init` takes: where the control groups are mounted. And the description of a machine. */
import {
  type EnumName,
  enumeration,
  type Input,
  message,
  optional,
  type Resolved,
  repeated,
} from "../descriptor.ts";

export const CgroupHierarchy = enumeration("CgroupHierarchy", "A controller of cgroup version 1.", {
  CGROUP_UNKNOWN: [0, "Not a controller."],
  CGROUP_CPU: [1, "cpu"],
  CGROUP_CPUACCT: [2, "cpuacct"],
  CGROUP_CPUSET: [3, "cpuset"],
  CGROUP_FREEZER: [4, "freezer"],
  CGROUP_JOB: [6, "job, which only Google's kernels have."],
  CGROUP_MEMORY: [7, "memory"],
  CGROUP_NET: [8, "net, which only Google's kernels have."],
  CGROUP_PERF_EVENT: [9, "perf_event"],
  CGROUP_RLIMIT: [10, "rlimit, which only Google's kernels have."],
  CGROUP_DEVICE: [11, "devices"],
  CGROUP_BLOCKIO: [12, "blkio"],
});
export type CgroupHierarchy = EnumName<typeof CgroupHierarchy>;

export const CgroupMount = message("CgroupMount", "A place where controllers are mounted.", {
  mount_path: optional(1, "string", "Absolute path of the mount point."),
  hierarchy: repeated(2, CgroupHierarchy, "The controllers to mount there together."),
});
export interface CgroupMount extends Resolved<typeof CgroupMount> {}

const nothing = (name: string, what: string) =>
  message(name, `Setup of ${what} at boot; it has no fields.`, {});

export const CpuInitSpec = nothing("CpuInitSpec", "CPUs");
export const MemoryInitSpec = nothing("MemoryInitSpec", "memory");
export const DiskIoInitSpec = nothing("DiskIoInitSpec", "disks, in the words of an earlier version,");
export const BlockIoInitSpec = nothing("BlockIoInitSpec", "block devices");
export const NetworkInitSpec = nothing("NetworkInitSpec", "networks");
export const MonitoringInitSpec = nothing("MonitoringInitSpec", "measurements");
export const FilesystemInitSpec = nothing("FilesystemInitSpec", "file systems");

export const InitSpec = message("InitSpec", "How the machine is prepared for containers.", {
  cpu: optional(1, CpuInitSpec, "CPUs."),
  memory: optional(2, MemoryInitSpec, "Memory."),
  network: optional(4, NetworkInitSpec, "Networks."),
  monitoring: optional(5, MonitoringInitSpec, "Measurements."),
  filesystem: optional(6, FilesystemInitSpec, "File systems."),
  cgroup_mount: repeated(7, CgroupMount, "Where the controllers of cgroup version 1 are mounted."),
  blockio: optional(8, BlockIoInitSpec, "Block devices."),
});
export interface InitSpec extends Resolved<typeof InitSpec> {}
export interface InitSpecInput extends Input<typeof InitSpec> {}

export const CgroupVirtualRoot = message(
  "MachineSpec.VirtualRoot.CgroupVirtualRoot",
  "The control group that a virtual host takes for the root.",
  {
    hierarchy: optional(1, CgroupHierarchy, "The controller."),
    root: optional(2, "string", "Path below its mount point."),
  },
);
export interface CgroupVirtualRoot extends Resolved<typeof CgroupVirtualRoot> {}

export const VirtualRoot = message("MachineSpec.VirtualRoot", "What a virtual host takes for the root.", {
  cgroup_virtual_root: repeated(1, CgroupVirtualRoot, "One root per controller."),
});
export interface VirtualRoot extends Resolved<typeof VirtualRoot> {}

export const MachineSpec = message("MachineSpec", "A machine, as seen from a virtual host in it.", {
  virtual_root: optional(1, VirtualRoot, "What the virtual host takes for the root."),
  cgroup_mount: repeated(2, CgroupMount, "Where the controllers are mounted."),
});
export interface MachineSpec extends Resolved<typeof MachineSpec> {}
