/** Removes what killed commands left behind. */
import { LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";
import { endCounters } from "./counters.ts";
import { dropIds } from "./ids.ts";
import { killInside } from "./kill.ts";
import { lockContainer } from "./lock.ts";
import { ensureRealised, forgetBelow, settleTop } from "./realise.ts";
import { clearPending, containerExists, pendingNames, removeDirectories } from "./store.ts";

/**
 * How long the maker of a pending container may take before it is left alone: one that was killed drops its lock
 * within a moment, one that lives is about to end.
 */
const PATIENCE_MS = 100;
/** A process that resists longer is left to a later command: this one has other things to do. */
const KILL_TIMEOUT_MS = 500;

/** Notes, for as long as it is held, that this process makes, changes or destroys the container. */
export function busyWith(context: Context, name: string): Disposable {
  context.busy.add(name);
  return { [Symbol.dispose]: () => void context.busy.delete(name) };
}

/** Removes all that belongs to a container that does not exist (any more, or yet). The caller holds its lock. */
export async function undoContainer(context: Context, name: string, killTimeout?: number): Promise<void> {
  // What a closed executor still makes, nobody would remove: that is left to the next command, which waits for its lock.
  if (context.executor.closed) throw new LmctfyError("CANCELLED", "this Lmctfy was closed", { path: name });
  const options = killTimeout === undefined ? {} : { timeout: killTimeout };
  await killInside(context, name, [], options);
  await endCounters(context, name);
  context.cgroups.takeBack(name);
  await context.cgroups.remove(name, { kill: true });
  await settleTop(context, name, {});
  dropIds(context.places, name);
  removeDirectories(context.places, name);
  clearPending(context.places, name);
}

/**
 * Looks for containers whose making, change or destruction was cut short, and undoes or completes it. Cheap when there are
 * none: one directory is read.
 *
 * @returns the names of the containers that were cleaned up
 */
export async function recover(context: Context): Promise<string[]> {
  const { places, executor, arch } = context;
  const recovered: string[] = [];
  // deepest first: a directory is removed after those inside it
  const pending = pendingNames(places).filter(name => !context.busy.has(name));
  for (const name of pending.sort((a, b) => b.length - a.length)) {
    try {
      using _lock = await lockContainer(executor, arch, places, name, {
        mode: "exclusive",
        patienceMs: PATIENCE_MS,
      });
      if (containerExists(places, name)) {
        // killAll may have been cut short between its two halves, or update anywhere
        context.cgroups.renew(name);
        await ensureRealised(context, name);
        await forgetBelow(context, name);
        clearPending(places, name);
        recovered.push(name);
        continue;
      }
      // Its maker may have finished meanwhile; then all there is to remove is the directory that our lock made.
      const abandoned = pendingNames(places).includes(name);
      await undoContainer(context, name, KILL_TIMEOUT_MS);
      if (abandoned) recovered.push(name);
    } catch (error) {
      // Somebody still works on it, or it resists: that is for a later command, and stops none of them.
      if (!(error instanceof LmctfyError)) throw error;
    }
  }
  return recovered;
}
