/** Reads what a monitor wrote about the end of a detached command. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { EXIT_FILE, EXIT_RECORD, INIT_EXIT_FILE, OOM_TEXT_SIZE } from "../compile/monitor.ts";
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

/** How the container's last detached command or its init ended, whatever was later; undefined when none has. */
export function readExitRecord(places: Places, name: string): DetachedEnd | undefined {
  const command = readRecord(places, name, EXIT_FILE);
  const init = readRecord(places, name, INIT_EXIT_FILE);
  if (command === undefined || init === undefined) return init ?? command;
  // The kernel lets an init end only after all others.
  return command.endedAt > init.endedAt ? command : init;
}

function readRecord(places: Places, name: string, file: string): DetachedEnd | undefined {
  const path = join(runtimeDirectory(places, name), file);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fromSystemError(error, "read", path);
  }
  if (bytes.length !== EXIT_RECORD.size || bytes.readUInt32LE(0) !== EXIT_RECORD.magic) return undefined;
  const text = (at: number): string => bytes.toString("utf8", at, at + OOM_TEXT_SIZE).replace(/\0.*$/s, "");
  const end = {
    status: bytes.readUInt32LE(EXIT_RECORD.status),
    usage: readRusage(bytes.subarray(EXIT_RECORD.rusage)),
  };
  const oom = oomBetween(text(EXIT_RECORD.before), text(EXIT_RECORD.after));
  const seconds = Number(bytes.readBigInt64LE(EXIT_RECORD.time));
  const nanoseconds = Number(bytes.readBigInt64LE(EXIT_RECORD.time + 8));
  const shutdown = file === INIT_EXIT_FILE ? SHUTDOWNS[end.status & 0x7f] : undefined;
  return {
    ...describeEnd(end, { oom, aborted: false }),
    pid: bytes.readUInt32LE(EXIT_RECORD.pid),
    ...(shutdown && { shutdown }),
    endedAt: new Date(seconds * 1000 + nanoseconds / 1e6),
  };
}
