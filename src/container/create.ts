/** Creation: all or nothing, also when it is killed. */
import { LmctfyError } from "../errors.ts";
import { checkSpec, withFilesRead } from "../resources/index.ts";
import { hasOwnUsers } from "../resources/virtual-host.ts";
import { type ContainerSpec, formatJson, ContainerSpec as message } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { requireOwn } from "./given.ts";
import { takeIds } from "./ids.ts";
import { type Lock, lockContainer } from "./lock.ts";
import { parentOf } from "./names.ts";
import { compileProgram, ensureRealised, loadSpec, realise } from "./realise.ts";
import { busyWith, undoContainer } from "./recover.ts";
import { clearPending, containerExists, makeStateDirectory, markPending, writeSpecFile } from "./store.ts";
import type { CreateOptions } from "./types.ts";

/**
 * ```
 * mark pending ─▶ lock ─▶ directories, cgroups, program ─▶ spec file (it exists now) ─▶ unmark, unlock
 *                              └── failure: all of it removed ──┘
 * ```
 */
export async function createContainer(
  context: Context,
  name: string,
  given: ContainerSpec,
  { signal, hotPath = true }: CreateOptions = {},
): Promise<void> {
  const { places, executor, arch, cgroups } = context;
  if (name === "/") throw new LmctfyError("ALREADY_EXISTS", "the container / always exists", { path: name });
  requireOwn(context, name);
  await context.requireDelegation();
  const spec = withFilesRead(given);
  checkSpec(spec, { cgroups, name });

  const parent = parentOf(name)!;
  using _parentLock = await lockParent(context, parent, signal);
  refuseExisting(context, name);
  refuseStrays(context, name);
  if (spec.virtual_host === undefined) await refuseInVirtualHost(context, parent);

  using _busy = busyWith(context, name);
  markPending(places, name);
  using _lock = await lockContainer(executor, arch, places, name, { mode: "exclusive", signal });
  refuseExisting(context, name);
  markPending(places, name); // whoever cleaned up while we waited took the mark away
  try {
    await cgroups.remove(name); // empty ones of a container that lost its state
    if (parent !== "/" && !cgroups.exists(parent)) await ensureRealised(context, parent);
    makeStateDirectory(places, name);
    if (hasOwnUsers(spec)) takeIds(places, name);
    await realise(context, name, spec);
    if (hotPath) await compileProgram(context, name, spec);
    writeSpecFile(places, name, formatJson(message, spec));
  } catch (error) {
    // When even that fails the mark stays, and the next command tries again.
    await undoContainer(context, name).catch(() => {});
    throw error;
  }
  clearPending(places, name);
}

/** The parent must stay while its child is made; `/` always does. */
async function lockParent(
  context: Context,
  parent: string,
  signal: AbortSignal | undefined,
): Promise<Lock | undefined> {
  if (parent === "/") return undefined;
  const missing = new LmctfyError("FAILED_PRECONDITION", `the parent container ${parent} does not exist`, {
    path: parent,
    hint: `Create it first: lmctfy create ${parent} ''`,
  });
  if (!containerExists(context.places, parent)) throw missing;
  const lock = await lockContainer(context.executor, context.arch, context.places, parent, {
    mode: "shared",
    signal,
  });
  if (containerExists(context.places, parent)) return lock;
  lock[Symbol.dispose]();
  await undoContainer(context, parent);
  throw missing;
}

/** What ran in it would not see what the virtual host sees, but the machine. */
async function refuseInVirtualHost(context: Context, parent: string): Promise<void> {
  for (let at: string | undefined = parent; at !== undefined && at !== "/"; at = parentOf(at)) {
    if ((await loadSpec(context, at)).virtual_host === undefined) continue;
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `${at} is a virtual host, and what is in it has to be one too`,
      {
        path: at,
        hint: "Add `virtual_host:{}` to the spec, with the filesystem that it is to have.",
      },
    );
  }
}

/** Processes in cgroups of a container that does not exist: its state was deleted by hand, and they may be anybody's. */
function refuseStrays(context: Context, name: string): void {
  if (!context.cgroups.exists(name)) return;
  const pids = context.cgroups.pids(name, { recursive: true });
  if (pids.length === 0 || context.busy.has(name)) return;
  const some = pids.slice(0, 5).join(", ");
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `the cgroups of ${name} exist already, with processes: ${some}`,
    {
      path: name,
      hint: "A container of this name lost its state. End these processes, or choose another name.",
    },
  );
}

function refuseExisting(context: Context, name: string): void {
  if (!containerExists(context.places, name)) return;
  throw new LmctfyError("ALREADY_EXISTS", `container ${name} exists already`, {
    path: name,
    hint: `lmctfy destroy ${name} removes it.`,
  });
}
