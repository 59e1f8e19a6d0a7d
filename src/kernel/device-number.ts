/** Device numbers, as stat(2) gives them. */

export interface DeviceNumber {
  major: number;
  minor: number;
}

/** As the C library splits a dev_t (sys/sysmacros.h). */
export function splitDevice(dev: bigint): DeviceNumber {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn);
  return { major: Number(major), minor: Number(minor) };
}
