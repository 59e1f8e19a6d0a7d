/** Streams on pipes that the executor made. */
import { constants, createReadStream, createWriteStream, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";

/**
 * Opens our end of a pipe of the executor as one of this process: /proc/PID/fd gives a description of its own, so
 * that its flags are ours alone.
 *
 * Node reads pipes through its event loop as sockets; Bun knows no sockets on pipes, and reads files in threads.
 */
export function openPipe(executorPid: number, fd: number, direction: "read" | "write"): Readable & Writable {
  const path = `/proc/${executorPid}/fd/${fd}`;
  const access = direction === "read" ? constants.O_RDONLY : constants.O_WRONLY;
  if (process.versions.bun !== undefined) {
    const own = openSync(path, access);
    const stream =
      direction === "read" ? createReadStream("", { fd: own }) : createWriteStream("", { fd: own });
    return stream as unknown as Readable & Writable;
  }
  const own = openSync(path, access | constants.O_NONBLOCK);
  return new Socket({ fd: own, readable: direction === "read", writable: direction === "write" });
}
