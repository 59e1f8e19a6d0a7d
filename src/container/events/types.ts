/** Events of containers: the public shapes, and what makes one kind of them. */

/**
 * Something that happened in a container. `kind` says what, `name` to which container, and `time` when it was noticed.
 *
 * - `oom`: the container, or one below it, had no memory left (kernel: mm/memcontrol.c, mm/oom_kill.c)
 * - `memory_threshold`: its memory usage is above the threshold now, or is no longer
 * - `empty`, `populated`: the last process in it and below ended, or the first one began
 * - `pressure`: its processes waited for a resource too long (kernel: kernel/sched/psi.c)
 * - `gone`: it was destroyed; always told, as the last event
 */
export type ContainerEvent =
  | OomEvent
  | MemoryThresholdEvent
  | OccupancyEvent
  | PressureEvent
  | { kind: "gone"; name: string; time: Date };

export interface OomEvent {
  kind: "oom";
  name: string;
  time: Date;
  /** How often, since the last event, nothing was left of a limit in the container and nothing could be freed. */
  ooms: number;
  /**
   * Processes in it that were killed for want of memory since then, whoever had none: 0 when the kernel found nobody
   * to kill; with `ooms` 0 it was a container above, or the machine.
   */
  kills: number;
}

export interface MemoryThresholdEvent {
  kind: "memory_threshold";
  name: string;
  time: Date;
  /** As given, in bytes. */
  threshold: bigint;
  /** The usage that was seen, page cache included, in bytes. */
  usage: bigint;
  /** Whether it is the threshold or more. The first event always says so, then they take turns. */
  above: boolean;
}

export interface OccupancyEvent {
  kind: "empty" | "populated";
  name: string;
  time: Date;
}

export interface PressureEvent {
  kind: "pressure";
  name: string;
  time: Date;
  resource: "cpu" | "memory" | "io";
  /** Whether some processes waited, or all that were not idle. */
  level: "some" | "full";
  /** They waited at least so long, in microseconds … */
  stall: bigint;
  /** … of so long, in microseconds. */
  window: bigint;
}

/** An event as a source makes it; the stream knows name and time. */
export type Bare<E = ContainerEvent> = E extends ContainerEvent ? Omit<E, "name" | "time"> : never;

/** Events of one kind. A source keeps what happened until it is looked at, so a slow reader loses nothing. */
export interface Source {
  /** What happened since the last look. */
  look(): Bare[];
  /** When to look again at the latest, in milliseconds from now, though nothing rang. */
  patience(): number;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** How long to trust that the kernel tells, in milliseconds. */
export const TOLD_MS = 1_000;
