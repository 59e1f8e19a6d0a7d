/** The spec of a container: one section per resource. A section that is absent is not isolated. */
import { type Input, message, NOT_YET, optional, type Resolved } from "../descriptor.ts";
import { BlockIoSpec } from "./blockio.ts";
import { CpuSpec } from "./cpu.ts";
import { DeviceSpec } from "./device.ts";
import { FilesystemSpec } from "./filesystem.ts";
import { MemorySpec } from "./memory.ts";
import { NetworkSpec } from "./network.ts";
import { SecuritySpec } from "./security.ts";
import { MonitoringSpec, PidsSpec, RlimitsSpec } from "./small.ts";
import { VirtualHostSpec } from "./virtual_host.ts";

export const ContainerSpec = message(
  "ContainerSpec",
  "What a container isolates, and how. A resource without a section is shared with the parent.",
  {
    owner: optional(
      1,
      "int64",
      "User id of the owner, who makes and manages what is below the container, without root's rights (docs/delegation.md).",
      {
        default: "the caller",
      },
    ),
    cpu: optional(2, CpuSpec, "CPU time, and the CPUs it is spent on."),
    memory: optional(3, MemorySpec, "Memory and swap."),
    network: optional(5, NetworkSpec, "Network traffic.", { unserved: NOT_YET }),
    monitoring: optional(6, MonitoringSpec, "Measurements."),
    filesystem: optional(7, FilesystemSpec, "The files that the container sees."),
    owner_group: optional(
      8,
      "int64",
      "Group id of the owner: its members manage what is below the container as the owner does.",
      { default: "the caller's" },
    ),
    children_limit: optional(9, "int64", "Most containers directly below this one.", {
      default: "no limit",
    }),
    virtual_host: optional(10, VirtualHostSpec, "Makes the container look like a machine of its own."),
    device: optional(11, DeviceSpec, "Access to devices."),
    blockio: optional(12, BlockIoSpec, "Use of block devices."),
    security_spec: optional(13, SecuritySpec, "What commands may not do, whoever they run as."),
    pids: optional(100, PidsSpec, "Number of tasks."),
    rlimits: optional(101, RlimitsSpec, "Limits of each process by itself."),
  },
);
export interface ContainerSpec extends Resolved<typeof ContainerSpec> {}
export interface ContainerSpecInput extends Input<typeof ContainerSpec> {}
