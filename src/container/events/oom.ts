/** `oom`: no memory was left. */
import { statSync } from "node:fs";
import { fieldOf, readControl, walk } from "../../cgroup/files.ts";
import { LmctfyError } from "../../errors.ts";
import { Watch } from "../change.ts";
import type { Context } from "../context.ts";
import { Eventfd } from "./eventfd.ts";
import { type Bare, type Source, TOLD_MS } from "./types.ts";

/** Where the kernel does not tell. */
const UNTOLD_MS = 250;
/** The kernel first says that there is no memory, and then whom it kills. */
const SETTLE_MS = 30;

interface Counts {
  ooms: number;
  kills: number;
}

export function openOom(context: Context, name: string, bell: Ringing): Source {
  const version = context.cgroups.version("memory");
  const file = version === 2 ? "memory.events" : "memory.oom_control";
  const path = context.cgroups.controllerFile(name, "memory", file);
  if (path === undefined) throw noMemoryController();
  const counters = version === 2 ? new Counters2(path, bell) : new Counters1(context, path, bell);
  return new OomSource(counters);
}

/** How a source says that it wants to be looked at, or that it cannot go on. */
export interface Ringing {
  ring: () => void;
  fail: (error: unknown) => void;
}

export const noMemoryController = (): LmctfyError =>
  new LmctfyError("FAILED_PRECONDITION", "there is no memory controller here, which would tell", {
    hint: "`lmctfy features` shows the controllers; a kernel may be started without: cgroup_disable=memory.",
  });

interface Counters {
  /** What came on top since the last call. */
  since(): Counts;
  readonly works: boolean;
  close(): Promise<void>;
}

class OomSource implements Source {
  readonly #counters: Counters;
  #ooms = 0;
  #kills = 0;
  /** Until when the kernel may still find somebody to kill. */
  #until = Number.POSITIVE_INFINITY;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  look(): Bare[] {
    const { ooms, kills } = this.#counters.since();
    this.#ooms += ooms;
    this.#kills += kills;
    if (this.#ooms === 0 && this.#kills === 0) return [];
    if (this.#kills === 0) {
      const now = performance.now();
      this.#until = Math.min(this.#until, now + SETTLE_MS);
      if (now < this.#until) return [];
    }
    const event = { kind: "oom" as const, ooms: this.#ooms, kills: this.#kills };
    this.#ooms = this.#kills = 0;
    this.#until = Number.POSITIVE_INFINITY;
    return [event];
  }

  patience(): number {
    const longest = this.#counters.works ? TOLD_MS : UNTOLD_MS;
    return Math.min(longest, Math.max(0, this.#until - performance.now()));
  }

  close(): Promise<void> {
    return this.#counters.close();
  }
}

/** `memory.events` counts what happens in a cgroup and below. */
class Counters2 implements Counters {
  readonly #path: string;
  readonly #watch: Watch;
  #before: Counts;

  constructor(path: string, { ring }: Ringing) {
    this.#path = path;
    this.#watch = new Watch(path, ring);
    this.#before = this.#read() ?? { ooms: 0, kills: 0 };
  }

  get works(): boolean {
    return this.#watch.works;
  }

  since(): Counts {
    const now = this.#read();
    const before = this.#before;
    if (now === undefined) return { ooms: 0, kills: 0 }; // it is gone
    this.#before = now;
    return { ooms: now.ooms - before.ooms, kills: now.kills - before.kills };
  }

  async close(): Promise<void> {
    this.#watch.close();
  }

  #read(): Counts | undefined {
    const text = readControl(this.#path);
    if (text === undefined) return undefined;
    return { ooms: Number(fieldOf(text, "oom") ?? 0), kills: Number(fieldOf(text, "oom_kill") ?? 0) };
  }
}

/**
 * Version 1 counts the killed alone, in each cgroup those that were in that very one. So all below are watched too; one
 * that is made later is found at the next look. The eventfd is signalled for a cgroup when memory ran out there or in one
 * above it, and when it is removed.
 */
class Counters1 implements Counters {
  readonly #base: string;
  readonly #eventfd: Eventfd;
  /** Kills by directory and its inode, for another one may get the name. */
  #known = new Map<string, number>();

  constructor(context: Context, path: string, { ring, fail }: Ringing) {
    this.#base = path.slice(0, path.lastIndexOf("/"));
    this.#eventfd = new Eventfd(context, ring, fail);
    this.since();
    this.#eventfd.take();
  }

  get works(): boolean {
    return this.#eventfd.works;
  }

  since(): Counts {
    const now = new Map<string, number>();
    let kills = 0;
    for (const directory of walk(this.#base)) {
      const text = readControl(`${directory}/memory.oom_control`);
      const inode = statSync(directory, { throwIfNoEntry: false })?.ino;
      if (text === undefined || inode === undefined) continue;
      const key = `${directory} ${inode}`;
      const count = Number(fieldOf(text, "oom_kill") ?? 0);
      const before = this.#known.get(key);
      if (before === undefined) void this.#eventfd.add(directory, "memory.oom_control");
      kills += count - (before ?? 0);
      now.set(key, count);
    }
    const removed = [...this.#known.keys()].some(key => !now.has(key));
    this.#known = now;
    const signalled = this.#eventfd.take();
    return { ooms: signalled && !removed ? 1 : 0, kills };
  }

  close(): Promise<void> {
    return this.#eventfd.close();
  }
}
