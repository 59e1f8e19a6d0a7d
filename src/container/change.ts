/** Waiting for files to change: the one place that uses inotify. */
import { type FSWatcher, watch } from "node:fs";

/**
 * What wakes up who waits. A ring while nobody waits is kept, so that whoever looks first and waits then misses
 * nothing.
 */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** Resolves when it rings or rang since the last time, or after a time; rejects with the reason of the signal. */
  wait(ms: number, signal?: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#wake = undefined;
      };
      const done = (): void => {
        stop();
        this.#rung = false;
        resolve();
      };
      const abort = (): void => {
        stop();
        reject(signal!.reason);
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", abort, { once: true });
      this.#wake = done;
      if (signal?.aborted) abort();
      else if (this.#rung) done();
    });
  }
}

/**
 * Tells of changes of a file or directory. The kernel notifies inotify when `cgroup.events` and `memory.events` change
 * (cgroup_file_notify in kernel/cgroup/cgroup.c: at once, and what follows within ten milliseconds together), not
 * when their cgroup is removed.
 */
export class Watch {
  #watcher: FSWatcher | undefined;

  constructor(path: string | undefined, tell: () => void) {
    if (path === undefined) return;
    try {
      this.#watcher = watch(path, tell);
      this.#watcher.unref(); // whoever waits for a bell keeps the process alive
      this.#watcher.on("error", () => {
        this.close();
        tell(); // so that it is seen that nothing watches any more
      });
    } catch {
      // No more watches for this user, or no such file: looking again and again does as well.
    }
  }

  /** Whether anything would be told. */
  get works(): boolean {
    return this.#watcher !== undefined;
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
