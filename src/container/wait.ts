/** Waiting until nothing runs in a container any more. */
import { LmctfyError } from "../errors.ts";
import { Bell, Watch } from "./change.ts";
import type { Context } from "./context.ts";
import { requireKnown } from "./foreign.ts";
import { stateDirectory } from "./places.ts";

/** To be sure, where the kernel tells. */
const WATCHED_MS = 1_000;
/** Where it tells nothing. */
const UNWATCHED_MS = { first: 5, last: 250 };

/** Resolves when neither the container nor one below has a process; one that never has any resolves at once. */
export async function waitUntilEmpty(
  context: Context,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { cgroups, places } = context;
  if (name === "/") {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "the container / is the machine, on which something always runs",
    );
  }
  requireKnown(context, name);
  const born = cgroups.identity(name);
  const bell = new Bell();
  const ends = new Watch(cgroups.unifiedFile(name, "cgroup.events"), bell.ring);
  const destruction = new Watch(stateDirectory(places, name), bell.ring);
  try {
    let delay = UNWATCHED_MS.first;
    for (;;) {
      signal?.throwIfAborted();
      const populated = cgroups.isPopulated(name);
      requireKnown(context, name);
      const now = cgroups.identity(name);
      if (now !== undefined && now !== born) throw goneSince(name);
      if (!populated) return;
      await bell.wait(ends.works ? WATCHED_MS : delay, signal);
      delay = Math.min(delay * 2, UNWATCHED_MS.last);
    }
  } finally {
    ends.close();
    destruction.close();
  }
}

function goneSince(name: string): LmctfyError {
  return new LmctfyError("NOT_FOUND", `container ${name} was destroyed meanwhile, and is another one now`, {
    path: name,
  });
}
