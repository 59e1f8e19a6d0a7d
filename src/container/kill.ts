/** Killing all processes of a container, those too that wait for a disk which a rate keeps from them. */
import type { KillOptions } from "../cgroup/driver.ts";
import { applySteps } from "../cgroup/steps.ts";
import { LmctfyError } from "../errors.ts";
import { releaseSteps } from "../resources/index.ts";
import type { Context } from "./context.ts";
import { applyUpdate, updateContextOf } from "./realise.ts";
import { clearPending, markPending, subcontainersRecursive } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";

/** Those who can die are dead by then. */
const AT_ONCE_MS = 50;

/**
 * Kills everything in the container and below; resolves when it is empty. Who is killed in the middle of a transfer dies
 * when the disk has served it, which a low rate puts off for hours: then rates are lifted. Only the killed are left by
 * then, so nobody profits.
 *
 * @param lifted gets the containers whose settings are to be put back (`putBack`) if they live on; those below `name` are
 *   marked as pending, `name` is so already
 */
export async function killInside(
  context: Context,
  name: string,
  lifted: string[],
  options: KillOptions = {},
): Promise<void> {
  const { cgroups, places } = context;
  const held = [name, ...subcontainersRecursive(places, name)].flatMap(each => {
    const steps = cgroups.exists(each) ? releaseSteps(cgroups, each) : [];
    return steps.length > 0 ? [{ each, steps }] : [];
  });
  if (held.length === 0) return cgroups.kill(name, options);
  try {
    return await cgroups.kill(name, { ...options, timeout: AT_ONCE_MS });
  } catch (error) {
    if (!(error instanceof LmctfyError && error.code === "FAILED_PRECONDITION")) throw error;
  }
  for (const { each, steps } of held) {
    if (each !== name) markPending(places, each);
    lifted.push(each);
    applySteps(steps);
  }
  await cgroups.kill(name, options);
}

/** Sets again what `killInside` lifted. What fails stays marked, for the next command. */
export async function putBack(context: Context, name: string, lifted: readonly string[]): Promise<void> {
  for (const each of lifted) {
    await applyUpdate(context, await loadSpec(context, each), await updateContextOf(context, each));
    if (each !== name) clearPending(context.places, each);
  }
}
