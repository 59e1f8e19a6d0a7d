/**
 * The monitor of a detached command: a small process that outlives its caller, waits for the command and records
 * how it ended. It is the executor itself, running the end of its program.
 */
import { AT_FDCWD, O } from "../kernel/constants.ts";
import {
  type DataRef,
  type ProgramBuilder,
  type Register,
  RUSAGE_SIZE,
  STORE_DECIMAL,
} from "../kernel/program.ts";

/** Most of the text of an out-of-memory counter file that is kept. */
export const OOM_TEXT_SIZE = 512;

/**
 * The exit record, little endian: how the last detached command of a container ended.
 * ```
 *   0 u32 magic     8 u32 wait status   16 i64 seconds, i64 nanoseconds of the end (CLOCK_REALTIME)
 *   4 u32 pid                           32 struct rusage (144 bytes)
 * 176 char before[512], 688 char after[512]: the out-of-memory counter file at the start and at the end
 * ```
 */
export const EXIT_RECORD = {
  magic: 0x58454d4c, // "LMEX"
  pid: 4,
  status: 8,
  time: 16,
  rusage: 32,
  before: 32 + RUSAGE_SIZE,
  after: 32 + RUSAGE_SIZE + OOM_TEXT_SIZE,
  size: 32 + RUSAGE_SIZE + 2 * OOM_TEXT_SIZE,
} as const;

export const EXIT_FILE = "_exit";
/** That of an init: what ends with it has monitors as well, and they write at the same moment. */
export const INIT_EXIT_FILE = "_exit-init";

const CLOCK_REALTIME = 0;

/** The record's room in the data block; its `before` is filled before anything is cloned. */
export function exitRecord(builder: ProgramBuilder): DataRef {
  return builder.buffer(EXIT_RECORD.size, "record");
}

/**
 * Holds nothing of its caller: no descriptor, terminal or working directory.
 *
 * @param but a descriptor of its own, which is the lowest
 */
export function letGo(builder: ProgramBuilder, but?: number): void {
  const nothing = builder.syscall("openat", [AT_FDCWD, builder.string("/dev/null"), O.RDWR, 0], {
    into: "null",
  });
  for (const fd of [0, 1, 2]) builder.syscall("dup3", [nothing, fd, 0], { onError: "ignore" });
  builder.syscall("close_range", [but === undefined ? 3 : but + 1, 0xffffffff, 0]);
  builder.syscall("chdir", [builder.string("/")]);
}

/** Waits and records; a container that was destroyed meanwhile keeps no record. */
export function waitAndRecord(
  builder: ProgramBuilder,
  options: {
    pid: Register;
    record: DataRef;
    runtimeDirectory: string;
    oomFile: string | undefined;
    /** The compiled program relies on an init: without it `run` goes the long way, and has another one made. */
    isInit?: boolean;
  },
): void {
  const { pid, record, runtimeDirectory, oomFile } = options;
  const at = (offset: number, extent: number): DataRef => builder.slice(record, offset, extent);
  builder.stage("waiting for the command");
  const status = builder.wait(pid, { rusage: at(EXIT_RECORD.rusage, RUSAGE_SIZE) });
  builder.stage("recording its end");
  builder.store(at(0, 4), EXIT_RECORD.magic, 4);
  builder.store(at(EXIT_RECORD.pid, 4), pid, 4);
  builder.store(at(EXIT_RECORD.status, 4), status, 4);
  builder.syscall("clock_gettime", [CLOCK_REALTIME, at(EXIT_RECORD.time, 16)]);
  const fd = builder.register("fd");
  if (oomFile !== undefined) readOomFile(builder, oomFile, at(EXIT_RECORD.after, OOM_TEXT_SIZE), fd);

  const file = options.isInit ? INIT_EXIT_FILE : EXIT_FILE;
  const prefix = `${runtimeDirectory}/_new${file}.`;
  const temporary = builder.bytes(Buffer.concat([Buffer.from(prefix), Buffer.alloc(24)]), `"${prefix}PID"`);
  builder.store(builder.slice(temporary, Buffer.byteLength(prefix), 24), pid, STORE_DECIMAL);
  const gone = builder.label();
  builder.syscall("openat", [AT_FDCWD, temporary, O.WRONLY | O.CREAT | O.TRUNC | O.CLOEXEC, 0o600], {
    into: fd,
    onError: gone,
  });
  builder.syscall("write", [fd, record, EXIT_RECORD.size]);
  builder.syscall(
    "renameat",
    [AT_FDCWD, temporary, AT_FDCWD, builder.string(`${runtimeDirectory}/${file}`)],
    {
      onError: "ignore",
    },
  );
  builder.place(gone);
  if (options.isInit) {
    builder.syscall("unlinkat", [AT_FDCWD, builder.string(`${runtimeDirectory}/_run.prog`), 0], {
      onError: "ignore",
    });
  }
  builder.exit(0);
}

/** Reads the out-of-memory counters; a file that is missing reads as empty. */
export function readOomFile(builder: ProgramBuilder, path: string, into: DataRef, fd: Register): void {
  const missing = builder.label();
  builder.syscall("openat", [AT_FDCWD, builder.string(path), O.RDONLY | O.CLOEXEC, 0], {
    into: fd,
    onError: missing,
  });
  // one byte less than the room: the text always ends
  builder.syscall("read", [fd, into, OOM_TEXT_SIZE - 1], { onError: "ignore" });
  builder.syscall("close", [fd]);
  builder.place(missing);
}
