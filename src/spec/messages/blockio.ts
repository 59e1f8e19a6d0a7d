/** `blockio` of a spec: shares and limits of disks. */
import { type EnumName, enumeration, message, optional, type Resolved, repeated } from "../descriptor.ts";

export const BlockIoDevice = message("BlockIoSpec.Device", "A whole disk: by path, or by number.", {
  major: optional(1, "int64", "Major number (`lsblk`)."),
  minor: optional(2, "int64", "Minor number."),
  path: optional(
    100,
    "string",
    "Absolute path of the device, `/dev/sda`, or of a file or directory on it, `/var/lib`. Looked up again whenever it is needed.",
  ),
});
export interface BlockIoDevice extends Resolved<typeof BlockIoDevice> {}

export const BlockIoOpType = enumeration("BlockIoSpec.OpType", "The direction of a transfer.", {
  READ: [1, "From the device."],
  WRITE: [2, "To the device."],
});
export type BlockIoOpType = EnumName<typeof BlockIoOpType>;

export const BlockIoLimitType = enumeration("BlockIoSpec.LimitType", "What a limit counts.", {
  BYTES_PER_SECOND: [1, "Bytes per second."],
  IO_PER_SECOND: [2, "Operations per second."],
});
export type BlockIoLimitType = EnumName<typeof BlockIoLimitType>;

export const BlockIoDeviceLimit = message("BlockIoSpec.DeviceLimit", "A number for one device.", {
  device: optional(1, BlockIoDevice, "The device."),
  limit: optional(
    2,
    "uint64",
    "In `device_limit_set` the share of the device's time, 1 to 100; in `max_device_limit_set` a rate, 2 or more.",
  ),
});
export interface BlockIoDeviceLimit extends Resolved<typeof BlockIoDeviceLimit> {}

export const BlockIoDeviceLimitSet = message(
  "BlockIoSpec.DeviceLimitSet",
  "Shares of device time, which count only when others want the device too.",
  {
    default_limit: optional(1, "uint32", "Share on every device that is not listed.", {
      range: [1, 100],
      default: "50",
    }),
    device_limits: repeated(2, BlockIoDeviceLimit, "Shares on single devices."),
  },
);
export interface BlockIoDeviceLimitSet extends Resolved<typeof BlockIoDeviceLimitSet> {}

export const BlockIoMaxLimit = message("BlockIoSpec.MaxLimit", "Rates of one kind, for some devices.", {
  limits: repeated(1, BlockIoDeviceLimit, "The devices and their rates."),
  op_type: optional(2, BlockIoOpType, "The direction that is limited."),
  limit_type: optional(3, BlockIoLimitType, "The unit of the rates."),
});
export interface BlockIoMaxLimit extends Resolved<typeof BlockIoMaxLimit> {}

export const BlockIoMaxLimitSet = message("BlockIoSpec.MaxLimitSet", "Rates that are never exceeded.", {
  max_limits: repeated(1, BlockIoMaxLimit, "The rates, by kind."),
});
export interface BlockIoMaxLimitSet extends Resolved<typeof BlockIoMaxLimitSet> {}

export const BlockIoLatencyTarget = message(
  "BlockIoSpec.LatencyTarget",
  "How soon one device is to answer.",
  {
    device: optional(1, BlockIoDevice, "The device."),
    target: optional(2, "uint64", "How long a transfer may take, on average.", { unit: "microseconds" }),
  },
);
export interface BlockIoLatencyTarget extends Resolved<typeof BlockIoLatencyTarget> {}

export const BlockIoLatencyTargetSet = message(
  "BlockIoSpec.LatencyTargetSet",
  "Latencies that are kept by slowing down those who have no target, or a longer one.",
  { targets: repeated(1, BlockIoLatencyTarget, "The devices and their targets.") },
);
export interface BlockIoLatencyTargetSet extends Resolved<typeof BlockIoLatencyTargetSet> {}

export const BlockIoSpec = message("BlockIoSpec", "Use of block devices.", {
  device_limit_set: optional(1, BlockIoDeviceLimitSet, "Shares of device time."),
  max_device_limit_set: optional(2, BlockIoMaxLimitSet, "Rates that are never exceeded."),
  latency_target_set: optional(100, BlockIoLatencyTargetSet, "How soon devices are to answer."),
});
export interface BlockIoSpec extends Resolved<typeof BlockIoSpec> {}
