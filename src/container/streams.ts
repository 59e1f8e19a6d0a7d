/** Streams on pipes that the executor made. */
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

/** Our end of a pipe. */
export type Pipe = Readable & Writable;

/**
 * Opens our end of a pipe of the executor as one of this process: /proc/PID/fd gives a description of its own, so
 * that its flags are ours alone. Node reads and writes pipes through its event loop as sockets. Bun has no sockets on
 * pipes, and its file streams would block one of its few threads each; its own files wait in the event loop too.
 */
export function openPipe(executorPid: number, fd: number, direction: "read" | "write"): Pipe {
  const access = direction === "read" ? constants.O_RDONLY : constants.O_WRONLY;
  const own = openSync(`/proc/${executorPid}/fd/${fd}`, access | constants.O_NONBLOCK);
  if (process.versions.bun === undefined) {
    return new Socket({ fd: own, readable: direction === "read", writable: direction === "write" });
  }
  return (direction === "read" ? bunReadable(own) : bunWritable(own)) as Pipe;
}

/** What is used of Bun.file(fd). */
interface BunFile {
  stream(): ReadableStream;
  writer(): {
    write(chunk: Uint8Array): number | Promise<number>;
    flush(): number | Promise<number>;
    end(): unknown;
  };
}

const bunFile = (fd: number): BunFile =>
  (globalThis as unknown as { Bun: { file(fd: number): BunFile } }).Bun.file(fd);

function closeOnce(fd: number): () => void {
  let open = true;
  return () => {
    if (open) closeSync(fd);
    open = false;
  };
}

function bunReadable(fd: number): Readable {
  const close = closeOnce(fd);
  return Readable.fromWeb(bunFile(fd).stream()).once("close", close);
}

function bunWritable(fd: number): Writable {
  const close = closeOnce(fd);
  const writer = bunFile(fd).writer();
  // Both, for the writer has a descriptor of its own, and its end leaves ours open.
  const end = async (): Promise<void> => {
    try {
      await writer.end();
    } finally {
      close();
    }
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const settle = async (): Promise<void> => {
        await writer.write(chunk);
        await writer.flush();
      };
      settle().then(() => done(), done);
    },
    final(done) {
      end().then(() => done(), done);
    },
    destroy(error, done) {
      end().then(() => done(error), done);
    },
  });
}
