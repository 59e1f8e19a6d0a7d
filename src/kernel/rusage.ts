/** Resource use of an ended process: `struct rusage` of wait4(2), 64-bit layout (144 bytes). */
export interface ResourceUse {
  /** CPU time in user mode, microseconds. */
  userMicros: number;
  /** CPU time in the kernel, microseconds. */
  systemMicros: number;
  /** Largest resident set of any single process, bytes. */
  maxRssBytes: number;
  /** Page faults served without I/O. */
  minorFaults: number;
  /** Page faults that needed I/O. */
  majorFaults: number;
  /** Context switches because the process waited. */
  voluntarySwitches: number;
  /** Context switches because its time was up. */
  involuntarySwitches: number;
}

/** Reads a `struct rusage` (include/uapi/linux/resource.h). */
export function readRusage(bytes: Uint8Array): ResourceUse {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (index: number): number => Number(view.getBigInt64(index * 8, true));
  return {
    userMicros: word(0) * 1e6 + word(1),
    systemMicros: word(2) * 1e6 + word(3),
    maxRssBytes: word(4) * 1024,
    minorFaults: word(8),
    majorFaults: word(9),
    voluntarySwitches: word(16),
    involuntarySwitches: word(17),
  };
}
