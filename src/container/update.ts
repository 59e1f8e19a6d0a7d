/** Changing a container that exists: all or nothing, also when it is killed. */
import { LmctfyError } from "../errors.ts";
import {
  checkBelow,
  checkSpec,
  prepareUpdate,
  type UpdateContext,
  withFilesRead,
} from "../resources/index.ts";
import { hasOwnUsers } from "../resources/namespaces.ts";
import { type ContainerSpec, formatJson, mergeSpec, ContainerSpec as message } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { settleCounters } from "./counters.ts";
import { requireOwn } from "./given.ts";
import { takeIds } from "./ids.ts";
import { makeTop } from "./layers.ts";
import { type Lock, lockContainer } from "./lock.ts";
import { parentOf } from "./names.ts";
import { applyUpdate, compileProgram, ensureRealised, forgetBelow, updateContextOf } from "./realise.ts";
import { busyWith } from "./recover.ts";
import { clearPending, markPending, removeProgram, requireContainer, writeSpecFile } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";
import type { UpdateOptions } from "./types.ts";

/**
 * ```
 * lock ─▶ check ─▶ mark pending ─▶ remove the program ─▶ settings ─▶ spec file (it is the new one now) ─▶ program ─▶ unmark
 *                                                 └── failure: those of the old spec, its program, unmark ──┘
 * ```
 * Killed in between, the mark has the next command make the container what its spec file says. Until then there is no
 * program, so that the hot path, which looks at no mark, does not run in what is half way.
 */
export async function updateContainer(
  context: Context,
  name: string,
  given: ContainerSpec,
  options: UpdateOptions,
): Promise<void> {
  const { places, cgroups } = context;
  const { mode = "diff", signal } = options;
  if (mode !== "diff" && mode !== "replace") {
    throw new LmctfyError("INVALID_ARGUMENT", `mode is diff or replace: ${JSON.stringify(mode)}`);
  }
  if (name === "/") {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "the container / is the machine, and has no limits to change",
    );
  }
  requireOwn(context, name);
  requireContainer(places, name);
  const locks: Lock[] = [];
  try {
    await lockForUpdate(context, name, signal, locks);
    const old = await loadSpec(context, name);
    const spec = withFilesRead(mode === "diff" ? mergeSpec(old, given) : given);
    const target: UpdateContext = { ...(await updateContextOf(context, name)), before: old };
    checkSpec(spec, { cgroups, name });
    checkBelow(spec, target);
    using _busy = busyWith(context, name);
    if (!cgroups.exists(name)) await ensureRealised(context, name);
    prepareUpdate(spec, target);
    if (hasOwnUsers(spec)) takeIds(places, name);
    makeTop(places, name, spec);
    markPending(places, name);
    removeProgram(places, name);
    await forgetBelow(context, name); // for the case that we are killed; what is made of the old spec meanwhile goes below
    try {
      await applyUpdate(context, spec, target);
      await settleCounters(context, name, spec);
      writeSpecFile(places, name, formatJson(message, spec));
    } catch (error) {
      throw await putBack(context, old, target, error);
    }
    await compileProgram(context, name, spec);
    await forgetBelow(context, name);
    clearPending(places, name);
  } finally {
    for (const lock of locks.reverse()) lock[Symbol.dispose]();
  }
}

/** Writes the old values again and gives the error to throw. When that fails the mark stays, and the next command tries again. */
async function putBack(
  context: Context,
  old: ContainerSpec,
  target: UpdateContext,
  why: unknown,
): Promise<unknown> {
  const { name } = target;
  try {
    await applyUpdate(context, old, { ...target, before: undefined });
    await settleCounters(context, name, old);
    await compileProgram(context, name, old);
    clearPending(context.places, name);
    return why;
  } catch (error) {
    if (!(why instanceof LmctfyError)) return why;
    const { code, message, syscall, errno } = why;
    return new LmctfyError(code, `${message}; and what was changed before could not be changed back`, {
      ...(syscall !== undefined && { syscall }),
      ...(errno !== undefined && { errno }),
      path: name,
      cause: error,
      hint: "The next command tries that again: lmctfy gc",
    });
  }
}

/** The container alone, and with others those above it: what it was checked against must not change meanwhile. */
async function lockForUpdate(
  context: Context,
  name: string,
  signal: AbortSignal | undefined,
  locks: Lock[],
): Promise<void> {
  const { executor, arch, places } = context;
  const path: string[] = [];
  for (let at: string | undefined = name; at !== undefined && at !== "/"; at = parentOf(at)) path.unshift(at);
  for (const at of path) {
    const mode = at === name ? "exclusive" : "shared";
    locks.push(await lockContainer(executor, arch, places, at, { mode, signal }));
    requireContainer(places, name);
  }
}
