/** Reading cgroup directories and control files with as few calls as they need. */
import { closeSync, constants, openSync, readdirSync, readSync, statSync } from "node:fs";
import { errnoOf, fromSystemError } from "../errors.ts";
import { isComponent } from "./names.ts";

/** Whether an error says that the cgroup or file is not there (any more: a removed cgroup's files give ENODEV). */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENODEV" || errno === "ENOTDIR";
}

/** Holds what is being read, and nothing between two calls: a buffer of its own for each file costs half of the time. */
const scratch = Buffer.allocUnsafeSlow(16_384);

/**
 * The kernel hands out a file of many short lines (cgroup.procs) a page at a time, and what is one record (memory.stat)
 * all at once (fs/seq_file.c): what is much shorter than a page was the end.
 */
const HALF_PAGE = 2048;

/** The text of a control file; undefined when it is not there or does not apply to this cgroup. */
export function readControl(path: string): string | undefined {
  return read(path, (length, file) => {
    const text = scratch.toString("utf8", 0, length);
    return length < HALF_PAGE ? text : text + readRest(file);
  });
}

/** The number in a control file that holds one; -1 for `max`. Undefined also when it holds something else. */
export function readControlNumber(path: string): bigint | undefined {
  return read(path, length => numberIn(scratch, length));
}

const [ZERO, NINE, MINUS, NEWLINE, SMALL_M] = [48, 57, 45, 10, 109];

/** Without a text in between: there are nine such files for each container whose statistics are read. */
function numberIn(bytes: Uint8Array, length: number): bigint | undefined {
  const end = bytes[length - 1] === NEWLINE ? length - 1 : length;
  if (end === 3 && bytes[0] === SMALL_M) return -1n;
  let at = bytes[0] === MINUS ? 1 : 0;
  if (at === end) return undefined;
  let number = 0;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return undefined;
    number = number * 10 + (byte - ZERO);
  }
  if (!Number.isSafeInteger(number)) return BigInt(scratch.toString("latin1", 0, end));
  return BigInt(bytes[0] === MINUS ? -number : number);
}

function read<T>(path: string, take: (length: number, file: number) => T): T | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY);
    return take(readSync(file, scratch, 0, scratch.length, null), file);
  } catch (error) {
    // EOPNOTSUPP: cgroup.procs of a threaded cgroup, whose processes its domain lists.
    if (isGone(error) || errnoOf(error) === "EOPNOTSUPP") return undefined;
    throw fromSystemError(error, "read", path);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readRest(file: number): string {
  let text = "";
  for (;;) {
    const length = readSync(file, scratch, 0, scratch.length, null);
    if (length === 0) return text;
    text += scratch.toString("utf8", 0, length);
  }
}

/** The value of a line `name value` in a control file's text. */
export function fieldOf(text: string, name: string): string | undefined {
  for (const line of text.split("\n")) {
    if (line.startsWith(name) && line[name.length] === " ") return line.slice(name.length + 1);
  }
  return undefined;
}

/** The names of the cgroups directly below a directory. */
export function subdirectories(directory: string): string[] {
  try {
    // The kernel counts the cgroups below in the link count. Where it is 1 the file system does not count.
    if (statSync(directory).nlink === 2) return [];
    return readdirSync(directory, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name)
      .sort();
  } catch (error) {
    if (isGone(error)) return [];
    throw fromSystemError(error, "readdir", directory);
  }
}

/** A directory and all below it, each before what is in it. */
export function walk(directory: string): string[] {
  const found = [directory];
  // What is pushed meanwhile is visited too.
  for (const at of found) for (const name of subdirectories(at)) found.push(`${at}/${name}`);
  return found;
}

/** The directories of a container without those of the containers below it: what is no name belongs to it. */
export function ownDirectories(directory: string): string[] {
  const inner = subdirectories(directory).filter(name => !isComponent(name));
  return [directory, ...inner.flatMap(name => walk(`${directory}/${name}`))];
}

/** The numbers in a list of processes or threads; 0 stands for one that this PID namespace cannot name. */
export function readIds(path: string): number[] {
  const text = readControl(path);
  if (text === undefined || text === "") return [];
  return text.trimEnd().split("\n").map(Number);
}

/** The numbers in several lists: ascending, each once, and only those that can be named. */
export function collectIds(directories: readonly string[], file: string): number[] {
  const ids = new Set(directories.flatMap(directory => readIds(`${directory}/${file}`)));
  ids.delete(0);
  return [...ids].sort((a, b) => a - b);
}
