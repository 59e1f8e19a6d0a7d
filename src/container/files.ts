/**
 * Files of a virtual host that runs. They are read and written by a process in it, as its root: what that may not do, a
 * link or mount in there cannot make us do either.
 */
import { dirname } from "node:path";
import { LmctfyError } from "../errors.ts";
import { AT_EMPTY_PATH, AT_FDCWD, ERRNO, O } from "../kernel/constants.ts";
import { ProgramFailure } from "../kernel/executor.ts";
import type { ProgramBuilder, Register } from "../kernel/program.ts";
import type { Context } from "./context.ts";
import { initOf } from "./init-process.ts";
import { runInContainer } from "./run.ts";

/** A program carries the bytes, and has 4 MiB in all. */
const PIECE = 3 << 20;

const PIPE = 65_536;
/** What a reader of a file exits with when that is larger than it may be. */
const TOO_LARGE = 27;

const PROT_READ = 1;
const MAP_PRIVATE = 2;
/** statx(2): the mask, and where struct statx has the size. */
const STATX_SIZE = 0x200;
const STATX = { size: 256, sizeAt: 40 } as const;

/** The most that is read unless the caller says otherwise. */
const MOST = 64 << 20;

export interface ReadFileOptions {
  /** A file that is larger is an error. @default 64 MiB */
  maxBytes?: number;
  signal?: AbortSignal | undefined;
}

/** Makes or replaces a file; missing directories on the way are made. */
export async function writeInside(
  context: Context,
  name: string,
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  checkPath(path);
  await requireRunning(context, name);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  let at = 0;
  do {
    const piece = bytes.subarray(at, at + PIECE);
    const first = at === 0;
    await act(context, name, path, b => writePiece(b, path, piece, first, mode));
    at += PIECE;
  } while (at < bytes.length);
}

function writePiece(b: ProgramBuilder, path: string, piece: Uint8Array, first: boolean, mode: number): void {
  b.stage(`writing ${path}`);
  if (first) {
    for (const directory of directoriesOf(path))
      b.syscall("mkdirat", [AT_FDCWD, b.string(directory), 0o755], { tolerate: ERRNO.EEXIST });
  }
  const how = first ? O.CREAT | O.TRUNC : O.APPEND;
  // Without O_NONBLOCK a pipe in its place would keep us.
  const flags = O.WRONLY | O.NONBLOCK | O.NOCTTY | O.CLOEXEC | how;
  const fd = b.syscall("openat", [AT_FDCWD, b.string(path), flags, mode], { into: "file" });
  const whole = b.label();
  const data = b.bytes(piece);
  const written = b.syscall("write", [fd, data, piece.length], { into: "written" });
  b.jumpIf(written, "==", piece.length, whole);
  b.syscall("write", [fd, data, 1]); // there was room for a part: this says why
  b.exit(1);
  b.place(whole);
  b.exit(0);
}

/** The bytes of a regular file. */
export async function readInside(
  context: Context,
  name: string,
  path: string,
  options: ReadFileOptions = {},
): Promise<Buffer> {
  const { maxBytes = MOST, signal } = options;
  checkPath(path);
  await requireRunning(context, name);
  const command = await started(path, () =>
    runInContainer(
      context,
      name,
      ["read"],
      { stdio: ["ignore", "pipe", "ignore"], ...(signal && { signal }) },
      (b, report) => readWhole(b, path, maxBytes, report.write),
    ),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of command.stdout!) chunks.push(chunk);
  const { exitCode } = await command.exited;
  if (exitCode === 0) return Buffer.concat(chunks);
  if (exitCode === TOO_LARGE)
    throw new LmctfyError("RESOURCE_EXHAUSTED", `${name}: ${path} has more than ${maxBytes} bytes`, { path });
  throw new LmctfyError("UNAVAILABLE", `${name}: ${path} could not be read whole`, { path });
}

/** A blocking write takes all of a mapping; sendfile(2) into a pipe moves no more than that holds. */
function readWhole(b: ProgramBuilder, path: string, most: number, report: Register): void {
  b.stage(`reading ${path}`);
  const flags = O.RDONLY | O.NONBLOCK | O.NOCTTY | O.CLOEXEC;
  const fd = b.syscall("openat", [AT_FDCWD, b.string(path), flags, 0], { into: "file" });
  const stat = b.buffer(STATX.size, "statx");
  b.syscall("statx", [fd, b.string(""), AT_EMPTY_PATH, STATX_SIZE, stat]);
  const size = b.load(b.slice(stat, STATX.sizeAt, 8), 8, "size");
  const small = b.label();
  const some = b.label();
  b.jumpIf(size, "<", most + 1, small);
  b.exit(TOO_LARGE);
  b.place(small);
  b.jumpIf(size, "!=", 0, some);
  // Empty, or a file of /proc, or none at all: of what is no regular file this says EINVAL.
  b.syscall("sendfile", [1, fd, 0, PIPE]);
  b.exit(0);
  b.place(some);
  const at = b.syscall("mmap", [0, size, PROT_READ, MAP_PRIVATE, fd, 0], { into: "at" });
  b.syscall("close", [report]); // the caller reads from here on
  const written = b.syscall("write", [1, at, size], { into: "written" });
  const whole = b.label();
  b.jumpIf(written, "==", size, whole);
  b.exit(1);
  b.place(whole);
  b.exit(0);
}

async function act(
  context: Context,
  name: string,
  path: string,
  action: (b: ProgramBuilder) => void,
): Promise<void> {
  const command = await started(path, () =>
    runInContainer(context, name, ["write"], { stdio: "ignore" }, action),
  );
  const { exitCode } = await command.exited;
  if (exitCode === 0) return;
  throw new LmctfyError("UNAVAILABLE", `${name}: ${path} could not be written whole`, { path });
}

/** The errors that a path makes, in its words. */
async function started<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ProgramFailure) || !/^(reading|writing) /.test(error.stage)) throw error;
    const { code, errno, syscall, stage } = error;
    const why = isNoFile(errno, syscall) ? "it is no regular file" : errno;
    const what =
      errno === "ENOSPC" ? "RESOURCE_EXHAUSTED" : isNoFile(errno, syscall) ? "INVALID_ARGUMENT" : code;
    throw new LmctfyError(what, `${stage}: ${why}`, {
      errno: errno!,
      path,
      cause: error,
    });
  }
}

const isNoFile = (errno: string | undefined, syscall: string | undefined): boolean =>
  /^(EINVAL in sendfile|ENODEV in mmap)/.test(`${errno} in ${syscall}`);

async function requireRunning(context: Context, name: string): Promise<void> {
  if ((await initOf(context, name)) !== undefined) return;
  throw new LmctfyError("FAILED_PRECONDITION", `${name} does not run, and has no files of its own`, {
    path: name,
    hint: `lmctfy start ${name}`,
  });
}

function checkPath(path: string): void {
  if (path.startsWith("/") && !path.includes("\0") && !path.endsWith("/")) return;
  throw new LmctfyError("INVALID_ARGUMENT", `the absolute path of a file: ${JSON.stringify(path)}`);
}

function directoriesOf(path: string): string[] {
  const found: string[] = [];
  for (let at = dirname(path); at !== "/"; at = dirname(at)) found.unshift(at);
  return found;
}
