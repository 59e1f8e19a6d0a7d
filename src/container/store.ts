/** What is known about containers, as files. Synchronous: each call is a few microseconds. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isWithin } from "../cgroup/mountinfo.ts";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import {
  type Places,
  PROGRAM_FILE,
  pendingDirectory,
  pendingFile,
  runtimeDirectory,
  SPEC_FILE,
  stateDirectory,
} from "./places.ts";

/** Others may pass through (to subtrees that are theirs) but not look around. */
const DIRECTORY_MODE = 0o711;
const PRIVATE_MODE = 0o700;

export function containerExists(places: Places, name: string): boolean {
  return isGiven(places, name) || existsSync(join(stateDirectory(places, name), SPEC_FILE));
}

/** The container that all others are in, and those above it: they exist without being known. */
export function isGiven(places: Places, name: string): boolean {
  return name === "/" || isWithin(places.base, name);
}

/** Throws for a container that does not exist: NOT_FOUND, or PERMISSION_DENIED where the caller could not know. */
export function requireContainer(places: Places, name: string): void {
  if (containerExists(places, name)) return;
  const { base } = places;
  if (!isWithin(name, base)) {
    throw new LmctfyError(
      "PERMISSION_DENIED",
      `container ${name} is out of reach: you manage what is below ${base}`,
      {
        path: name,
        hint: `Names start at your own container: \`lmctfy create x ''\` makes one below ${base}.`,
      },
    );
  }
  throw new LmctfyError("NOT_FOUND", `no container ${name}`, {
    path: name,
    hint: "`lmctfy list -r /` shows the containers there are.",
  });
}

/** Names of the direct subcontainers, sorted. */
export function subcontainers(places: Places, name: string): string[] {
  const prefix = name === "/" ? "/" : `${name}/`;
  return readDirectory(stateDirectory(places, name))
    .filter(entry => !entry.startsWith("_"))
    .map(entry => prefix + entry)
    .filter(child => containerExists(places, child))
    .sort();
}

/** All below, parents before their children, sorted. */
export function subcontainersRecursive(places: Places, name: string): string[] {
  return belowOf(places, name, readDirectory(stateDirectory(places, name)));
}

/** One directory is read for each, which tells whether it is a container and what is in it. */
function belowOf(places: Places, name: string, entries: readonly string[]): string[] {
  const prefix = name === "/" ? "/" : `${name}/`;
  const inner = entries.filter(entry => !entry.startsWith("_")).sort();
  return inner.flatMap(entry => {
    const child = prefix + entry;
    const its = readDirectory(stateDirectory(places, child));
    return its.includes(SPEC_FILE) || isGiven(places, child) ? [child, ...belowOf(places, child, its)] : [];
  });
}

/** The stored spec, JSON. */
export function readSpecFile(places: Places, name: string): string {
  try {
    return readFileSync(join(stateDirectory(places, name), SPEC_FILE), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") requireContainer(places, name);
    throw fromSystemError(error, "read", join(stateDirectory(places, name), SPEC_FILE));
  }
}

/** Makes the container exist, or be another: the last step of its creation, and of an update. */
export function writeSpecFile(places: Places, name: string, json: string): void {
  writeWhole(join(stateDirectory(places, name), SPEC_FILE), json);
}

/** Makes the container not exist: the first step of its destruction. */
export function removeSpecFile(places: Places, name: string): void {
  removeFile(join(stateDirectory(places, name), SPEC_FILE));
}

export function programFile(places: Places, name: string): string {
  return join(runtimeDirectory(places, name), PROGRAM_FILE);
}

export function writeProgram(places: Places, name: string, image: Uint8Array): void {
  writeWhole(programFile(places, name), image);
}

/** Until it is written again, `run` goes the long way, which repairs first. */
export function removeProgram(places: Places, name: string): void {
  removeFile(programFile(places, name));
}

export function makeStateDirectory(places: Places, name: string): void {
  makeDirectory(places, stateDirectory(places, name));
}

export function makeRuntimeDirectory(places: Places, name: string): void {
  makeDirectory(places, runtimeDirectory(places, name));
}

/** Removes the directory that a lock made for a container that does not exist (any more). The caller holds that lock. */
export function dropOrphanedDirectory(places: Places, name: string): void {
  if (containerExists(places, name)) return;
  try {
    rmdirSync(runtimeDirectory(places, name));
  } catch {
    // It has subcontainers, or it is gone already.
  }
}

/** Removes what is the container's own in both places; directories of subcontainers stay. */
export function removeDirectories(places: Places, name: string): void {
  for (const directory of [runtimeDirectory(places, name), stateDirectory(places, name)]) {
    for (const entry of readDirectory(directory)) {
      if (entry.startsWith("_")) rmSync(join(directory, entry), { recursive: true, force: true });
    }
    try {
      rmdirSync(directory);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ENOTEMPTY")
        throw fromSystemError(error, "rmdir", directory);
    }
  }
}

/** Notes that a container is being made, changed or destroyed, so that the next command can undo it if we are killed. */
export function markPending(places: Places, name: string): void {
  try {
    symlinkSync(name, pendingFile(places, name));
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    if (errnoOf(error) !== "ENOENT") throw fromSystemError(error, "symlink", pendingFile(places, name));
    makeDirectory(places, pendingDirectory(places));
    markPending(places, name);
  }
}

export function clearPending(places: Places, name: string): void {
  removeFile(pendingFile(places, name));
}

/** Names of containers that somebody began to make, change or destroy. */
export function pendingNames(places: Places): string[] {
  return readDirectory(pendingDirectory(places)).flatMap(nameOfMark(places)).sort();
}

/** The name that a mark carries; what is no mark of ours is nothing to us. */
function nameOfMark(places: Places): (entry: string) => string[] {
  return entry => {
    try {
      const name = readlinkSync(join(pendingDirectory(places), entry));
      return pendingFile(places, name).endsWith(`/${entry}`) && /^(\/[A-Za-z0-9][A-Za-z0-9_.-]*)+$/.test(name)
        ? [name]
        : [];
    } catch {
      return [];
    }
  };
}

function makeDirectory(places: Places, path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: places.private ? PRIVATE_MODE : DIRECTORY_MODE });
  } catch (error) {
    throw fromSystemError(error, "mkdir", path, hintFor(error));
  }
}

function hintFor(error: unknown): string | undefined {
  if (errnoOf(error) !== "EACCES") return undefined;
  return "lmctfy keeps its state there: run it as root, or choose a --root of your own.";
}

/** Written beside it and renamed: readers see the old or the new, never a part. */
function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.new`;
  try {
    writeFileSync(temporary, content, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw fromSystemError(error, "write", path);
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw fromSystemError(error, "unlink", path);
  }
}

function readDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw fromSystemError(error, "readdir", path, hintFor(error));
  }
}
