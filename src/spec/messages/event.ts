/** What one can wait for. */
import {
  type EnumName,
  enumeration,
  type Input,
  message,
  optional,
  type Resolved,
  repeated,
} from "../descriptor.ts";

export const Oom = message("EventSpec.Oom", "The container, or one below it, has run out of memory.", {});
export interface Oom extends Resolved<typeof Oom> {}

export const MemoryThreshold = message("EventSpec.MemoryThreshold", "Memory usage has crossed a threshold.", {
  usage: optional(1, "int64", "The threshold; it has to be given.", { unit: "bytes" }),
});
export interface MemoryThreshold extends Resolved<typeof MemoryThreshold> {}

export const ContainerEmpty = message(
  "EventSpec.ContainerEmpty",
  "The last process in the container and below has ended.",
  {},
);
export interface ContainerEmpty extends Resolved<typeof ContainerEmpty> {}

export const ContainerPopulated = message(
  "EventSpec.ContainerPopulated",
  "The first process in the container or below has begun.",
  {},
);
export interface ContainerPopulated extends Resolved<typeof ContainerPopulated> {}

export const PressureResource = enumeration("EventSpec.Resource", "What processes wait for.", {
  CPU: [1, "A CPU."],
  MEMORY: [2, "Memory: to be freed, or read back."],
  IO: [3, "Disks."],
});
export type PressureResource = EnumName<typeof PressureResource>;

export const PressureLevel = enumeration("EventSpec.Level", "How many of them wait.", {
  SOME: [1, "At least one process waits."],
  FULL: [2, "All processes that are not idle wait: nothing gets done."],
});
export type PressureLevel = EnumName<typeof PressureLevel>;

export const Pressure = message("EventSpec.Pressure", "Processes wait for a resource too long.", {
  resource: optional(1, PressureResource, "What they wait for; it has to be given."),
  level: optional(2, PressureLevel, "How many of them wait.", { default: "SOME" }),
  stall: optional(3, "int64", "The time that they wait, out of each window.", {
    unit: "microseconds",
    default: "a tenth of the window",
  }),
  window: optional(4, "int64", "The window, which moves on with time.", {
    unit: "microseconds",
    default: "2000000",
    range: [500_000, 10_000_000],
  }),
});
export interface Pressure extends Resolved<typeof Pressure> {}

export const EventSpec = message("EventSpec", "Events to wait for: one of the fields, or several.", {
  oom: optional(1, Oom, "The container, or one below it, has run out of memory."),
  memory_threshold: optional(2, MemoryThreshold, "Memory usage has crossed a threshold."),
  container_empty: optional(3, ContainerEmpty, "The last process in the container and below has ended."),
  container_populated: optional(
    100,
    ContainerPopulated,
    "The first process in the container or below has begun.",
  ),
  pressure: repeated(101, Pressure, "Processes wait for a resource too long."),
});
export interface EventSpec extends Resolved<typeof EventSpec> {}
export interface EventSpecInput extends Input<typeof EventSpec> {}
