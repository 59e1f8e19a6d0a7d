/** Removing the directories of a container. */
import { chmodSync, chownSync, rmdirSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import { collectIds, isGone, subdirectories, walk } from "./files.ts";
import { isOccupied } from "./kill.ts";
import { LEAF, MANAGED, pathOfContainer } from "./names.ts";
import type { Tree } from "./tree.ts";

/** How long a cgroup may stay busy after its last process is gone. */
const PATIENCE = 2_000;

/**
 * Removes a container's directory in one hierarchy with all that is in it, deepest first; none is fine.
 *
 * @param strike ends processes that are found in it: a move that began before they were all killed may take effect after
 */
export async function removeDirectories(
  tree: Tree,
  name: string,
  strike?: () => Promise<void>,
): Promise<void> {
  // Checks that the name leads to a place below the subtree.
  const directory = tree.base + pathOfContainer(name);
  if (tree.leaf) tryRemove(`${directory}/${LEAF}`);
  await removeAll(tree, name, directory, strike);
}

/** Removes the cgroup that a container's init managed, deepest first; none is fine. */
export async function removeManaged(tree: Tree, name: string): Promise<void> {
  await removeAll(tree, name, `${tree.base}${pathOfContainer(name)}/${MANAGED}`);
}

async function removeAll(
  tree: Tree,
  name: string,
  directory: string,
  strike?: () => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  for (let delay = 1; !tryRemoveAll(directory); delay = Math.min(delay * 2, 64)) {
    if (performance.now() >= deadline) throw busy(directory, name);
    if (strike !== undefined && isOccupied(tree, name)) await strike();
    await sleep(delay);
  }
}

/**
 * Makes the caller, who is root, the owner of a container's directory and all below it in one hierarchy, until nothing is
 * another's. Who owned them can make no more, and as version 1 asks for nothing else than
 * the file's permission, send no more processes in either.
 */
export function takeBack(tree: Tree, name: string): void {
  const [uid, gid] = [process.geteuid!(), process.getegid!()];
  if (uid !== 0) return;
  // What is made while the list is worked off is in the next one; below what was taken nothing is made any more.
  for (let turn = 0; turn < 1000; turn++) {
    const others = walk(tree.base + pathOfContainer(name)).filter(directory => isAnothers(directory, uid));
    if (others.length === 0) return;
    for (const directory of others) {
      for (const path of [directory, `${directory}/cgroup.procs`, `${directory}/${tree.threads}`]) {
        try {
          chownSync(path, uid, gid);
          chmodSync(path, path === directory ? 0o755 : 0o644);
        } catch (error) {
          if (!isGone(error)) throw fromSystemError(error, "chown", path);
        }
      }
    }
  }
}

function isAnothers(directory: string, uid: number): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  return found !== undefined && (found.uid !== uid || (found.mode & 0o022) !== 0);
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
