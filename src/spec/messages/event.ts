/** What one can wait for. */
import { type Input, message, NOT_YET, optional, type Resolved } from "../descriptor.ts";

export const Oom = message("EventSpec.Oom", "The container has run out of memory.", {});
export interface Oom extends Resolved<typeof Oom> {}

export const MemoryThreshold = message("EventSpec.MemoryThreshold", "Memory usage has crossed a threshold.", {
  usage: optional(1, "int64", "The threshold.", { unit: "bytes" }),
});
export interface MemoryThreshold extends Resolved<typeof MemoryThreshold> {}

export const ContainerEmpty = message(
  "EventSpec.ContainerEmpty",
  "The last task has left the container.",
  {},
);
export interface ContainerEmpty extends Resolved<typeof ContainerEmpty> {}

export const EventSpec = message("EventSpec", "An event to wait for: exactly one of the fields.", {
  oom: optional(1, Oom, "The container has run out of memory.", { unserved: NOT_YET }),
  memory_threshold: optional(2, MemoryThreshold, "Memory usage has crossed a threshold.", {
    unserved: NOT_YET,
  }),
  container_empty: optional(3, ContainerEmpty, "The last task has left the container.", {
    unserved: NOT_YET,
  }),
});
export interface EventSpec extends Resolved<typeof EventSpec> {}
export interface EventSpecInput extends Input<typeof EventSpec> {}
