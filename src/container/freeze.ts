/** Pausing and resuming, under the locks that keep commands from starting meanwhile. */
import type { FreezeOptions } from "../cgroup/driver.ts";
import { LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";
import { requireKnown } from "./foreign.ts";
import { requireOwn } from "./given.ts";
import { type Lock, lockContainer } from "./lock.ts";
import { ensureRealised } from "./realise.ts";
import { undoContainer } from "./recover.ts";
import { containerExists, requireContainer, subcontainers } from "./store.ts";
import type { ContainerState } from "./types.ts";

export async function freezeContainer(context: Context, name: string, options: FreezeOptions): Promise<void> {
  refuseRoot(name, "paused");
  requireOwn(context, name);
  const locks: Lock[] = [];
  try {
    await lockTree(context, name, options.signal, locks);
    if (!context.cgroups.exists(name)) await ensureRealised(context, name);
    await context.cgroups.freeze(name, options);
  } finally {
    for (const lock of locks.reverse()) lock[Symbol.dispose]();
  }
}

export async function thawContainer(context: Context, name: string, options: FreezeOptions): Promise<void> {
  refuseRoot(name, "resumed");
  requireOwn(context, name);
  const { places, executor, arch, cgroups } = context;
  requireContainer(places, name);
  using _lock = await lockContainer(executor, arch, places, name, {
    mode: "exclusive",
    signal: options.signal,
  });
  requireContainer(places, name);
  if (cgroups.exists(name)) await cgroups.thaw(name, options);
}

export function stateOf(context: Context, name: string): ContainerState {
  requireKnown(context, name);
  if (context.cgroups.isFrozen(name)) return "frozen";
  return context.cgroups.isPopulated(name) ? "running" : "empty";
}

/**
 * Locks a container and all below it, parents first, so that no command is half way into one of them, and none
 * is made or destroyed. A command that is caught half way would not only wait, but keep its starter waiting.
 */
async function lockTree(
  context: Context,
  name: string,
  signal: AbortSignal | undefined,
  locks: Lock[],
): Promise<void> {
  const { places, executor, arch } = context;
  requireContainer(places, name);
  const lock = await lockContainer(executor, arch, places, name, { mode: "exclusive", signal });
  locks.push(lock);
  if (!containerExists(places, name)) {
    // destroyed while we waited: only the directory that the lock made is left
    await undoContainer(context, name);
    requireContainer(places, name);
  }
  for (const child of subcontainers(places, name)) {
    try {
      await lockTree(context, child, signal, locks);
    } catch (error) {
      if (!(error instanceof LmctfyError && error.code === "NOT_FOUND" && error.path === child)) throw error;
    }
  }
}

function refuseRoot(name: string, what: string): void {
  if (name !== "/") return;
  throw new LmctfyError("FAILED_PRECONDITION", `the container / is the machine, and is not ${what}`, {
    path: name,
  });
}
