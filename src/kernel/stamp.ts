/**
 * The stamp of a compiled program: it binds the program to this boot and kernel, because control files, cgroups and
 * what was found out about the kernel may differ after the next start.
 */
import { readFileSync } from "node:fs";
import { release } from "node:os";

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a, 64 bit. */
export function fnv1a64(text: string): bigint {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash;
}

/** The stamp of the running machine (docs/program-format.md). */
export function machineStamp(): bigint {
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return fnv1a64(`${bootId}\n${release()}\n`);
}
