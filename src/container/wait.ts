/** Waiting until nothing runs in a container any more. */
import { type FSWatcher, watch } from "node:fs";
import { LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";
import { requireKnown } from "./foreign.ts";

/** The kernel tells of the last process's end, but not when the cgroup is removed. */
const WATCHED_MS = 1_000;
/** Where it tells nothing. */
const UNWATCHED_MS = { first: 5, last: 250 };

/** Resolves when neither the container nor one below has a process; one that never has any resolves at once. */
export async function waitUntilEmpty(
  context: Context,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { cgroups } = context;
  if (name === "/") {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "the container / is the machine, on which something always runs",
    );
  }
  requireKnown(context, name);
  const born = cgroups.identity(name);
  const change = new Change(cgroups.unifiedFile(name, "cgroup.events"));
  try {
    let delay = UNWATCHED_MS.first;
    for (;;) {
      signal?.throwIfAborted();
      const noticed = change.next();
      const populated = cgroups.isPopulated(name);
      requireKnown(context, name);
      const now = cgroups.identity(name);
      if (now !== undefined && now !== born) throw goneSince(name);
      if (!populated) return;
      await within(noticed, change.isWatched ? WATCHED_MS : delay, signal);
      delay = Math.min(delay * 2, UNWATCHED_MS.last);
    }
  } finally {
    change.close();
  }
}

function goneSince(name: string): LmctfyError {
  return new LmctfyError("NOT_FOUND", `container ${name} was destroyed meanwhile, and is another one now`, {
    path: name,
  });
}

/** Changes of a control file: the kernel notifies inotify of those of cgroup.events (kernel/cgroup/cgroup.c). */
class Change {
  #watcher: FSWatcher | undefined;
  #tell: () => void = () => {};

  constructor(path: string | undefined) {
    if (path === undefined) return;
    try {
      this.#watcher = watch(path, () => this.#tell());
      this.#watcher.on("error", () => this.close());
    } catch {
      // No more watches for this user, or no such file: looking again and again does as well.
    }
  }

  get isWatched(): boolean {
    return this.#watcher !== undefined;
  }

  /** Resolves at the next change; one at a time. */
  next(): Promise<void> {
    return new Promise(resolve => {
      this.#tell = resolve;
    });
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#tell();
  }
}

/** Resolves with the promise or after a time; rejects with the reason of the signal. */
function within(promise: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", abort, { once: true });
    promise.then(done, done);
  });
}
