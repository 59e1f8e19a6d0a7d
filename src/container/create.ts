/** Creation: all or nothing, also when it is killed. */
import { LmctfyError } from "../errors.ts";
import { checkSpec, withFilesRead } from "../resources/index.ts";
import { hasOwnUsers } from "../resources/namespaces.ts";
import { type ContainerSpec, formatJson, ContainerSpec as message } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { settleCounters } from "./counters.ts";
import { allChildren } from "./foreign.ts";
import { requireOwn } from "./given.ts";
import { takeIds } from "./ids.ts";
import { makeTop } from "./layers.ts";
import { type Lock, lockContainer } from "./lock.ts";
import { parentOf } from "./names.ts";
import { compileProgram, ensureRealised, realise } from "./realise.ts";
import { busyWith, undoContainer } from "./recover.ts";
import { clearPending, containerExists, makeStateDirectory, markPending, writeSpecFile } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";
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
  using _above = await lockAbove(context, parent, signal);
  checkSpec(spec, { cgroups, name }); // what is above cannot change any more
  refuseExisting(context, name);
  refuseStrays(context, name);

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
    makeTop(places, name, spec);
    await realise(context, name, spec);
    await settleCounters(context, name, spec);
    if (hotPath) await compileProgram(context, name, spec);
    writeSpecFile(places, name, formatJson(message, spec));
  } catch (error) {
    // When even that fails the mark stays, and the next command tries again.
    await undoContainer(context, name).catch(() => {});
    throw error;
  }
  clearPending(places, name);
}

/**
 * Those above must stay as they are while their child is made; `/` always does. The parent is locked alone when it
 * counts its children.
 */
async function lockAbove(
  context: Context,
  parent: string,
  signal: AbortSignal | undefined,
): Promise<Disposable> {
  const { places, executor, arch } = context;
  const path: string[] = [];
  for (let at: string | undefined = parent; at !== undefined && at !== "/"; at = parentOf(at))
    path.unshift(at);
  const missing = (name: string): LmctfyError =>
    new LmctfyError("FAILED_PRECONDITION", `the parent container ${name} does not exist`, {
      path: name,
      hint: `Create it first: lmctfy create ${name} ''`,
    });
  const locks: Lock[] = [];
  const release = (): void => {
    for (const lock of locks.splice(0).reverse()) lock[Symbol.dispose]();
  };
  try {
    for (const at of path) {
      if (!containerExists(places, at)) throw missing(at);
      const { children_limit } = at === parent ? await loadSpec(context, at) : {};
      const mode = children_limit === undefined ? "shared" : "exclusive";
      locks.push(await lockContainer(executor, arch, places, at, { mode, signal }));
      if (containerExists(places, at)) continue;
      release();
      await undoContainer(context, at);
      throw missing(at);
    }
    await refuseMore(context, parent);
  } catch (error) {
    release();
    throw error;
  }
  return { [Symbol.dispose]: release };
}

async function refuseMore(context: Context, parent: string): Promise<void> {
  const { children_limit } = parent === "/" ? {} : await loadSpec(context, parent);
  if (children_limit === undefined) return;
  const children = allChildren(context, parent).length;
  if (BigInt(children) < children_limit) return;
  throw new LmctfyError(
    "RESOURCE_EXHAUSTED",
    `${parent} has as many containers as its children_limit allows: ${children}`,
    {
      path: parent,
      hint: `Destroy one of them, or raise it: lmctfy update ${parent} 'children_limit:${children + 1}'`,
    },
  );
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
