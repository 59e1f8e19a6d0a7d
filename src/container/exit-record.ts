/** Reads what a monitor wrote about the end of a detached command. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { EXIT_FILE, EXIT_RECORD, OOM_TEXT_SIZE } from "../compile/monitor.ts";
import { errnoOf, fromSystemError } from "../errors.ts";
import { readRusage } from "../kernel/rusage.ts";
import { oomBetween } from "./oom.ts";
import { type Places, runtimeDirectory } from "./places.ts";
import { describeEnd } from "./process.ts";
import type { DetachedEnd } from "./types.ts";

/** The signals that reboot(2) ends an init of a PID namespace by; no other way of sending them does that (signal(7)). */
const SHUTDOWNS: Record<number, NonNullable<DetachedEnd["shutdown"]>> = {
  [constants.signals.SIGINT]: "poweroff",
  [constants.signals.SIGHUP]: "reboot",
};

/** How the container's last detached command ended; undefined when none has. */
export function readExitRecord(places: Places, name: string): DetachedEnd | undefined {
  const path = join(runtimeDirectory(places, name), EXIT_FILE);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fromSystemError(error, "read", path);
  }
  if (bytes.length !== EXIT_RECORD.size) return undefined;
  const kind = bytes.readUInt32LE(0);
  if (kind !== EXIT_RECORD.magic && kind !== EXIT_RECORD.initMagic) return undefined;
  const text = (at: number): string => bytes.toString("utf8", at, at + OOM_TEXT_SIZE).replace(/\0.*$/s, "");
  const end = {
    status: bytes.readUInt32LE(EXIT_RECORD.status),
    usage: readRusage(bytes.subarray(EXIT_RECORD.rusage)),
  };
  const oom = oomBetween(text(EXIT_RECORD.before), text(EXIT_RECORD.after));
  const seconds = Number(bytes.readBigInt64LE(EXIT_RECORD.time));
  const nanoseconds = Number(bytes.readBigInt64LE(EXIT_RECORD.time + 8));
  const shutdown = kind === EXIT_RECORD.initMagic ? SHUTDOWNS[end.status & 0x7f] : undefined;
  return {
    ...describeEnd(end, { oom, aborted: false }),
    pid: bytes.readUInt32LE(EXIT_RECORD.pid),
    ...(shutdown && { shutdown }),
    endedAt: new Date(seconds * 1000 + nanoseconds / 1e6),
  };
}
