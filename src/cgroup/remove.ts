/** Removing the directories of a container. */
import { rmdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import { collectIds, isGone, subdirectories, walk } from "./files.ts";
import { LEAF, pathOfContainer } from "./names.ts";
import type { Tree } from "./tree.ts";

/** How long a cgroup may stay busy after its last process is gone. */
const PATIENCE = 2_000;

/** Removes a container's directory in one hierarchy with all that is in it, deepest first; none is fine. */
export async function removeDirectories(tree: Tree, name: string): Promise<void> {
  // Checks that the name leads to a place below the subtree.
  const directory = tree.base + pathOfContainer(name);
  if (tree.leaf) tryRemove(`${directory}/${LEAF}`);
  const deadline = performance.now() + PATIENCE;
  for (let delay = 1; !tryRemoveAll(directory); delay = Math.min(delay * 2, 64)) {
    if (performance.now() >= deadline) throw busy(directory, name);
    await sleep(delay);
  }
}

/** Removes the directory of the subtree unless something is in it, or it is not ours to remove. */
export function removeBase(tree: Tree): void {
  try {
    if (tree.leaf) tryRemove(`${tree.base}/${LEAF}`);
    tryRemove(tree.base);
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes((error as LmctfyError).errno ?? "")) throw error;
  }
}

/** Whether the directory is gone. What is in it is looked at only when the kernel says that there is something. */
function tryRemoveAll(directory: string): boolean {
  if (tryRemove(directory)) return true;
  for (const inner of subdirectories(directory)) tryRemoveAll(`${directory}/${inner}`);
  return tryRemove(directory);
}

function tryRemove(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    if (errnoOf(error) === "EBUSY" || errnoOf(error) === "ENOTEMPTY") return false;
    throw fromSystemError(error, "rmdir", directory);
  }
}

function busy(directory: string, name: string): LmctfyError {
  const pids = collectIds(walk(directory), "cgroup.procs");
  const who = pids.length === 0 ? "" : `; processes in it: ${pids.slice(0, 8).join(", ")}`;
  return new LmctfyError(
    "FAILED_PRECONDITION",
    `rmdir \`${directory}\`: EBUSY (while removing \`${name}\`)${who}`,
    {
      syscall: "rmdir",
      errno: "EBUSY",
      path: directory,
    },
  );
}
