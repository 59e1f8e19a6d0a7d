/** Destruction: the container's processes, cgroups and files, and with force all that is below it. */
import { setTimeout as sleep } from "node:timers/promises";
import { LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";
import { allChildren, isForeign } from "./foreign.ts";
import { requireOwn } from "./given.ts";
import { killInside, putBack } from "./kill.ts";
import { type Lock, lockContainer } from "./lock.ts";
import { busyWith, undoContainer } from "./recover.ts";
import {
  clearPending,
  markPending,
  readSpecFile,
  removeSpecFile,
  requireContainer,
  subcontainers,
  writeSpecFile,
} from "./store.ts";

/** How long a command may take to start before `destroy` with force takes it for stuck. */
const STARTER_MS = 200;

/**
 * ```
 * lock ─▶ mark pending ─▶ remove the spec file (it does not exist any more) ─▶ kill, remove cgroups and files ─▶ unmark
 *                                                  └── a process cannot be killed: the spec file is put back ──┘
 * ```
 * Children go before their parents, each under its own lock, so that no command starts meanwhile.
 */
export async function destroyContainer(context: Context, name: string, force: boolean): Promise<void> {
  const { places, executor, arch, cgroups } = context;
  if (name === "/") {
    throw new LmctfyError("FAILED_PRECONDITION", "the container / cannot be destroyed: it is the machine", {
      hint: "Destroy its subcontainers; `lmctfy list /` names them.",
    });
  }
  if (isForeign(context, name)) return await destroyForeign(context, name, force);
  requireOwn(context, name);
  requireContainer(places, name);
  using _lock = force
    ? await lockAgainstStarters(context, name)
    : await lockContainer(executor, arch, places, name, { mode: "exclusive" });
  requireContainer(places, name);
  if (!force) await refuseUsed(context, name);
  for (const child of subcontainers(places, name)) await destroyChild(context, child);
  const spec = readSpecFile(places, name);
  using _busy = busyWith(context, name);
  const marked = markIfThereIsRoom(context, name);
  removeSpecFile(places, name);
  if (!marked) markIfThereIsRoom(context, name);
  const lifted: string[] = [];
  try {
    await killInside(context, name, lifted);
  } catch (error) {
    cgroups.renew(name);
    writeSpecFile(places, name, spec);
    await putBack(context, name, lifted);
    clearPending(places, name);
    throw error;
  }
  await undoContainer(context, name);
}

/** Its owner still knows it, as one whose cgroups are gone, and makes those again at the next need. */
async function destroyForeign(context: Context, name: string, force: boolean): Promise<void> {
  if (!force) await refuseUsed(context, name);
  await context.cgroups.kill(name);
  context.cgroups.takeBack(name);
  await context.cgroups.remove(name, { kill: true });
}

/**
 * The exclusive lock, also while a command is stuck in its start (its executable hangs, or it is frozen), which holds
 * the lock until it runs: it is killed too.
 */
export async function lockAgainstStarters(context: Context, name: string): Promise<Lock> {
  const { places, executor, arch, cgroups } = context;
  try {
    return await lockContainer(executor, arch, places, name, { mode: "exclusive", patienceMs: STARTER_MS });
  } catch (error) {
    if (!(error instanceof LmctfyError && error.code === "UNAVAILABLE")) throw error;
    await cgroups.kill(name, { timeout: STARTER_MS }).catch(() => {});
    return await lockContainer(executor, arch, places, name, { mode: "exclusive" });
  }
}

/** A full file system must not keep anybody from destroying: what is removed makes room. */
function markIfThereIsRoom(context: Context, name: string): boolean {
  try {
    markPending(context.places, name);
    return true;
  } catch (error) {
    if (error instanceof LmctfyError && (error.errno === "ENOSPC" || error.errno === "EDQUOT")) return false;
    throw error;
  }
}

async function destroyChild(context: Context, name: string): Promise<void> {
  try {
    await destroyContainer(context, name, true);
  } catch (error) {
    // somebody else destroyed it meanwhile
    if (!(error instanceof LmctfyError && error.code === "NOT_FOUND" && error.path === name)) throw error;
  }
}

/** A command that failed to start, or was killed, is about to be gone: that is no use of the container. */
async function leavesSoon(context: Context, name: string): Promise<void> {
  for (let delay = 1; delay < 64 && context.cgroups.isPopulated(name); delay *= 2) await sleep(delay);
}

async function refuseUsed(context: Context, name: string): Promise<void> {
  const children = allChildren(context, name);
  await leavesSoon(context, name);
  const pids = children.length > 0 ? [] : context.cgroups.pids(name, { recursive: true, everywhere: true });
  if (children.length === 0 && pids.length === 0) return;
  const some = (items: readonly (string | number)[]): string =>
    items.slice(0, 5).join(", ") + (items.length > 5 ? `, … (${items.length})` : "");
  const what =
    children.length > 0 ? `it has subcontainers: ${some(children)}` : `it has processes: ${some(pids)}`;
  throw new LmctfyError("FAILED_PRECONDITION", `container ${name} is in use: ${what}`, {
    path: name,
    hint: `lmctfy destroy -f ${name} ends and removes all of it.`,
  });
}
