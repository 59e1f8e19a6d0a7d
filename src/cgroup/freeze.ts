/**
 * Pausing a container: its processes and those below it stop where they are, and go on when it is resumed.
 *
 * Version 2 has `cgroup.freeze` in every cgroup since Linux 5.2 (kernel/cgroup/freezer.c), with or without
 * controllers; the frozen can still be killed. Version 1 has the freezer controller (kernel/cgroup/legacy_freezer.c).
 * Where there are both, version 2 is used alone.
 */
import { existsSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import { collectIds, fieldOf, isGone, readControl, walk } from "./files.ts";
import { parentOf } from "./names.ts";
import { describeTask, readProc } from "./processes.ts";
import { writeControl } from "./steps.ts";
import type { Tree } from "./tree.ts";

export interface FreezeOptions {
  /** Gives up waiting; the container goes on as before. */
  signal?: AbortSignal | undefined;
  /** How long to wait until it is so, in milliseconds. @default 5000 */
  timeout?: number;
}

/** Where the kernel says that a container is paused: a byte of a file. */
export interface FrozenMark {
  path: string;
  offset: number;
  /** The byte when it is, also because of a container above. */
  value: number;
}

const PATIENCE = 5_000;

/**
 * Pauses a container and all below it; returns when everything in it stands still. One that is paused already is left so.
 *
 * @throws FAILED_PRECONDITION naming what does not stop; then nothing is paused
 */
export async function freezeTree(
  trees: readonly Tree[],
  name: string,
  options: FreezeOptions = {},
): Promise<void> {
  const freezer = freezerOf(trees, name);
  const before = freezer.isSelfFrozen(name);
  freezer.freeze(name);
  const { signal, timeout = PATIENCE } = options;
  try {
    if (await becomes(() => freezer.isFrozen(name), timeout, signal)) return;
    throw restless(freezer, name, timeout);
  } catch (error) {
    if (!before) freezer.thaw(name);
    throw error;
  }
}

/**
 * Resumes a container; what is paused below it by itself stays so. One that is not paused is left so.
 *
 * @throws FAILED_PRECONDITION when a container above it is paused, which keeps it from going on
 */
export async function thawTree(
  trees: readonly Tree[],
  name: string,
  options: FreezeOptions = {},
): Promise<void> {
  const freezer = freezerOf(trees, name);
  for (let at = name; at !== "/"; ) {
    at = parentOf(at);
    if (!freezer.isSelfFrozen(at)) continue;
    throw new LmctfyError("FAILED_PRECONDITION", `container \`${name}\` is paused because \`${at}\` is`, {
      path: at,
      hint: `Resume that one: lmctfy resume ${at}`,
    });
  }
  freezer.thaw(name);
  const { signal, timeout = PATIENCE } = options;
  if (await becomes(() => !freezer.isFrozen(name), timeout, signal)) return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `container \`${name}\` still stands still ${timeout / 1000} s after it was resumed`,
    { path: name },
  );
}

/** Lets everything in a container and below go on, whatever was paused. */
export function thawAll(trees: readonly Tree[], name: string): void {
  for (const tree of trees) {
    for (const directory of walk(tree.directory(name))) {
      if (readControl(`${directory}/cgroup.freeze`)?.trim() === "1") poke(`${directory}/cgroup.freeze`, "0");
      if (readControl(`${directory}/freezer.self_freezing`)?.trim() === "1")
        poke(`${directory}/freezer.state`, "THAWED");
    }
  }
}

/** Whether everything in a container and below stands still; false where nothing can be paused. */
export function isFrozen(trees: readonly Tree[], name: string): boolean {
  return findFreezer(trees, name)?.isFrozen(name) ?? false;
}

/** For programs that look by themselves; undefined where nothing can be paused, or the cgroups are not made yet. */
export function frozenMark(trees: readonly Tree[], name: string): FrozenMark | undefined {
  return findFreezer(trees, name)?.mark(name);
}

/** One way to pause. */
interface Freezer {
  directory(name: string): string;
  freeze(name: string): void;
  thaw(name: string): void;
  isFrozen(name: string): boolean;
  /** Whether this very container was paused, and not only one above it. */
  isSelfFrozen(name: string): boolean;
  mark(name: string): FrozenMark;
}

function freezerOf(trees: readonly Tree[], name: string): Freezer {
  const freezer = findFreezer(trees, name);
  if (freezer !== undefined) return freezer;
  throw new LmctfyError("FAILED_PRECONDITION", "nothing here can pause processes", {
    hint: "It takes Linux 5.2 with cgroup v2, or the freezer controller of v1: `lmctfy features` shows what there is.",
  });
}

function findFreezer(trees: readonly Tree[], name: string): Freezer | undefined {
  const unified = trees.find(tree => tree.leaf);
  if (unified && existsSync(`${unified.directory(name)}/cgroup.freeze`)) return freezer2(unified);
  const legacy = trees.find(tree => !tree.leaf && tree.has("freezer"));
  return legacy && freezer1(legacy);
}

function freezer2({ directory }: Tree): Freezer {
  const file = (name: string) => `${directory(name)}/cgroup.freeze`;
  const events = (name: string) => `${directory(name)}/cgroup.events`;
  return {
    directory,
    freeze: name => write(file(name), "1"),
    thaw: name => write(file(name), "0"),
    isFrozen: name => fieldOf(readControl(events(name)) ?? "", "frozen") === "1",
    isSelfFrozen: name => readControl(file(name))?.trim() === "1",
    // "populated 0\nfrozen 1\n"
    mark: name => ({ path: events(name), offset: 19, value: 0x31 }),
  };
}

function freezer1({ directory }: Tree): Freezer {
  const file = (name: string) => `${directory(name)}/freezer.state`;
  return {
    directory,
    freeze: name => write(file(name), "FROZEN"),
    thaw: name => write(file(name), "THAWED"),
    isFrozen(name) {
      const state = readControl(file(name))?.trim();
      // A task that was born or woken meanwhile is told once more.
      if (state === "FREEZING" && this.isSelfFrozen(name)) write(file(name), "FROZEN");
      return state === "FROZEN";
    },
    isSelfFrozen: name => readControl(`${directory(name)}/freezer.self_freezing`)?.trim() === "1",
    // FREEZING or FROZEN, else THAWED
    mark: name => ({ path: file(name), offset: 0, value: 0x46 }),
  };
}

/** Looks again and again, at first without pause: most processes stop within a millisecond. */
async function becomes(isSo: () => boolean, timeout: number, signal?: AbortSignal): Promise<boolean> {
  const begin = performance.now();
  for (let delay = 1; ; ) {
    if (isSo()) return true;
    signal?.throwIfAborted();
    const passed = performance.now() - begin;
    if (passed >= timeout) return false;
    if (passed < 2) await nextTurn();
    else {
      await sleep(delay);
      delay = Math.min(delay * 2, 32);
    }
  }
}

/** Names the threads that may not have stopped: those that do not sleep in the kernel's own place for the frozen. */
function restless(freezer: Freezer, name: string, timeout: number): LmctfyError {
  const directories = walk(freezer.directory(name));
  const tids = [
    ...new Set(["tasks", "cgroup.threads"].flatMap(file => collectIds(directories, file))),
  ].filter(tid => !/^(__refrigerator|do_freezer_trap|get_signal)/.test(readProc(`/proc/${tid}/wchan`) ?? ""));
  const shown = tids.slice(0, 8).flatMap(tid => describeTask(tid) ?? []);
  const rest = tids.length > 8 ? ` and ${tids.length - 8} more` : "";
  const who = shown.length === 0 ? "" : `: ${shown.join(", ")}${rest}`;
  return new LmctfyError(
    "FAILED_PRECONDITION",
    `container \`${name}\` did not stop within ${timeout / 1000} s, and goes on${who}`,
    {
      path: name,
      hint: "A process in uninterruptible sleep stops when the device or file system it waits for answers.",
    },
  );
}

function write(path: string, value: string): void {
  try {
    writeControl(path, value);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw fromSystemError(error, "write", path);
    // The root of a hierarchy has no such file, and a kernel without it was sorted out before.
    throw fromSystemError(error, "write", path, "The container's cgroups are gone.");
  }
}

function poke(path: string, value: string): void {
  try {
    writeControl(path, value);
  } catch (error) {
    if (!isGone(error)) throw fromSystemError(error, "write", path);
  }
}
