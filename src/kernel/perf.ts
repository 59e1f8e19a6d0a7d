/** Events that the kernel's performance counters count (perf_event_open(2), include/uapi/linux/perf_event.h). */

const HARDWARE = 0;
const SOFTWARE = 1;

/** By their names in statistics. Those of one type are counted together or not at all. */
export const PERF_EVENTS = {
  cycles: { type: HARDWARE, config: 0 },
  instructions: { type: HARDWARE, config: 1 },
  cache_misses: { type: HARDWARE, config: 3 },
  branch_misses: { type: HARDWARE, config: 5 },
  cpu_clock: { type: SOFTWARE, config: 0 },
  page_faults: { type: SOFTWARE, config: 2 },
  context_switches: { type: SOFTWARE, config: 3 },
  cpu_migrations: { type: SOFTWARE, config: 4 },
} as const;

export type PerfEvent = keyof typeof PERF_EVENTS;

/** PERF_FLAG_* */
export const PERF_FLAG = { PID_CGROUP: 4, FD_CLOEXEC: 8 } as const;

const ATTR_SIZE = 64;
/** PERF_FORMAT_TOTAL_TIME_ENABLED, PERF_FORMAT_TOTAL_TIME_RUNNING, PERF_FORMAT_GROUP */
const READ_FORMAT = 1 | 2 | 8;

/** struct perf_event_attr of the first version: counts, and takes no samples. */
export function perfAttr(event: PerfEvent): Uint8Array {
  const { type, config } = PERF_EVENTS[event];
  const attr = Buffer.alloc(ATTR_SIZE);
  attr.writeUInt32LE(type, 0);
  attr.writeUInt32LE(ATTR_SIZE, 4);
  attr.writeBigUInt64LE(BigInt(config), 8);
  attr.writeBigUInt64LE(BigInt(READ_FORMAT), 32);
  return attr;
}

/** Bytes that reading a group gives: how many, the time it was enabled and the time it counted, and a number for each. */
export const groupSize = (events: number): number => 8 * (3 + events);

/** What a group counted; scaled up when it had to share the CPU's counters. Undefined when it never got them. */
export function readGroup(data: Buffer): bigint[] | undefined {
  const count = Number(data.readBigUInt64LE(0));
  const enabled = data.readBigUInt64LE(8);
  const running = data.readBigUInt64LE(16);
  const values = Array.from({ length: count }, (_, i) => data.readBigUInt64LE(24 + 8 * i));
  // Before the first of its tasks runs there the group is neither.
  if (running === enabled) return values;
  return running === 0n ? undefined : values.map(value => (value * enabled) / running);
}
