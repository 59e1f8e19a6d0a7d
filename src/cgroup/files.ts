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
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY);
    const length = readSync(file, scratch, 0, scratch.length, null);
    const text = scratch.toString("utf8", 0, length);
    return length < HALF_PAGE ? text : text + readRest(file);
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
