/** Killing everything in a container, faster than it can fork. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import { collectIds, fieldOf, isGone, readControl, readIds, walk } from "./files.ts";
import { describeTask, isAlive } from "./processes.ts";
import { writeControl } from "./steps.ts";
import type { Tree } from "./tree.ts";

export interface KillOptions {
  /** Gives up waiting; what was killed stays killed. */
  signal?: AbortSignal;
  /** How long to wait for the processes to be gone, in milliseconds. @default 10000 */
  timeout?: number;
}

/**
 * Kills every process in a container and below, and returns when none is left in any of the hierarchies. A container that is paused is resumed,
 * because the frozen cannot die in a version 1 hierarchy.
 *
 * With version 2 the kernel kills all at once and lets no fork slip through. Otherwise the container is frozen, so
 * that nothing forks, exits or hands its number on while the list is read; then all are killed, and thawed to die.
 */
export async function killTree(
  trees: readonly Tree[],
  name: string,
  options: KillOptions = {},
): Promise<void> {
  const { signal, timeout = 10_000 } = options;
  const deadline = performance.now() + timeout;
  for (let delay = 1; ; delay = Math.min(delay * 2, 64)) {
    // The first hierarchy knows everybody unless somebody moved processes about, so the others mostly have nothing left.
    const occupied = trees.find(tree => isOccupied(tree, name));
    if (occupied === undefined) return;
    if (signal?.aborted) throw cancelled(name, signal.reason);
    if (performance.now() >= deadline) throw survived(trees, name, timeout);
    await strike(occupied, name);
    // Those who are to die may be paused in a freezer that is in another hierarchy.
    for (const tree of trees) if (isFreezer(tree)) thaw(tree.directory(name));
    if (!(await emptiesSoon(occupied, name))) await sleep(delay);
  }
}

/** Looks again and again for a moment: most processes are gone a fraction of a millisecond after they are killed. */
async function emptiesSoon(tree: Tree, name: string): Promise<boolean> {
  const until = performance.now() + 2;
  while (performance.now() < until) {
    await nextTurn();
    if (!isOccupied(tree, name)) return true;
  }
  return false;
}

/** Whether a living process is in the container or below, in one hierarchy. */
export function isOccupied(tree: Tree, name: string): boolean {
  const directory = tree.directory(name);
  if (tree.hierarchy.version === 2) {
    const events = readControl(`${directory}/cgroup.events`);
    return events !== undefined && fieldOf(events, "populated") === "1";
  }
  return walk(directory).some(each => readIds(`${each}/cgroup.procs`).some(isAlive));
}

async function strike(tree: Tree, name: string): Promise<void> {
  const directory = tree.directory(name);
  if (tree.hierarchy.version === 2) {
    if (!poke(`${directory}/cgroup.kill`, "1")) strikeFrozen2(directory);
    poke(`${directory}/cgroup.freeze`, "0");
  } else if (isFreezer(tree)) {
    await strikeFrozen1(directory);
  } else {
    killListed(directory);
  }
}

function isFreezer(tree: Tree): boolean {
  return tree.hierarchy.version === 1 && tree.has("freezer");
}

/** Linux before 5.14 has no cgroup.kill, and before 5.2 no cgroup.freeze either: then only repetition helps. */
function strikeFrozen2(directory: string): void {
  if (!isInside(directory)) poke(`${directory}/cgroup.freeze`, "1");
  killListed(directory);
}

async function strikeFrozen1(directory: string): Promise<void> {
  if (isInside(directory)) return killListed(directory);
  poke(`${directory}/freezer.state`, "FROZEN");
  // A task that waits for a disk freezes later. Children of a task that is to freeze are born to freeze as well.
  for (let turn = 0; turn < 5 && readControl(`${directory}/freezer.state`) === "FREEZING\n"; turn++)
    await sleep(1);
  killListed(directory);
}

/** Whether this process is in the container itself: it must not freeze, or nobody would thaw it again. */
function isInside(directory: string): boolean {
  return collectIds(walk(directory), "cgroup.procs").includes(process.pid);
}

export function thaw(directory: string): void {
  for (const each of walk(directory)) poke(`${each}/freezer.state`, "THAWED");
}

function killListed(directory: string): void {
  const pids = collectIds(walk(directory), "cgroup.procs");
  // this process last, or nobody would kill the others
  for (const pid of pids.sort((a, b) => Number(a === process.pid) - Number(b === process.pid))) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // Gone meanwhile is what we want; one that may not be killed shows up among the survivors.
      if (errnoOf(error) !== "ESRCH" && errnoOf(error) !== "EPERM") throw error;
    }
  }
}

/** Writes to a control file that may be missing; whether it was there. */
function poke(path: string, value: string): boolean {
  try {
    writeControl(path, value);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw fromSystemError(error, "write", path);
  }
}

function cancelled(name: string, cause: unknown): LmctfyError {
  return new LmctfyError("CANCELLED", `killing container \`${name}\` was cancelled`, { path: name, cause });
}

function survived(trees: readonly Tree[], name: string, timeout: number): LmctfyError {
  const pids = new Set<number>();
  for (const tree of trees)
    for (const pid of collectIds(walk(tree.directory(name)), "cgroup.procs")) pids.add(pid);
  const shown = [...pids].slice(0, 8).flatMap(pid => describeTask(pid) ?? []);
  const rest = pids.size > 8 ? ` and ${pids.size - 8} more` : "";
  const who = shown.length === 0 ? "processes of another PID namespace" : shown.join(", ") + rest;
  const frozen = trees.some(
    tree => readControl(`${tree.directory(name)}/freezer.parent_freezing`)?.trim() === "1",
  );
  return new LmctfyError(
    "FAILED_PRECONDITION",
    `container \`${name}\` still has processes ${timeout / 1000} s after they were killed: ${who}`,
    {
      path: name,
      hint: frozen
        ? "A container above it is paused, and the frozen cannot die: resume that one."
        : "A process in uninterruptible sleep ends when the device or file system it waits for answers.",
    },
  );
}
