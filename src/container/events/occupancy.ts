/** `empty` and `populated`: the last process ended, the first one began. */
import { fieldOf, readControl } from "../../cgroup/files.ts";
import { Watch } from "../change.ts";
import type { Context } from "../context.ts";
import { type Bare, type Source, TOLD_MS } from "./types.ts";

/** Where the kernel does not tell, as on machines with version 1 alone. */
const UNTOLD_MS = 50;
/** The kernel tells of a change at once, and of those that follow within ten milliseconds after that time (and a tick). */
const ECHO_MS = 30;

export interface OccupancyKinds {
  empty: boolean;
  populated: boolean;
}

/**
 * A process that has ended by the time of the look leaves no trace but that the kernel told of a change. So when that
 * was told of a container that is empty as before, something began and ended meanwhile; unless it was paused or resumed.
 */
export class Occupancy implements Source {
  readonly #isPopulated: () => boolean;
  readonly #file: string | undefined;
  readonly #kinds: OccupancyKinds;
  readonly #watch: Watch;
  #populated: boolean;
  #frozen: string | undefined;
  #told = false;
  /** When to believe that an empty container was populated meanwhile. */
  #believeAt = Number.POSITIVE_INFINITY;
  /** What is told before then is of what was seen already. */
  #knownUntil = 0;

  constructor({ cgroups }: Context, name: string, kinds: OccupancyKinds, ring: () => void) {
    this.#isPopulated = () => cgroups.isPopulated(name);
    this.#file = cgroups.unifiedFile(name, "cgroup.events");
    this.#kinds = kinds;
    this.#watch = new Watch(this.#file, () => {
      this.#told = true;
      ring();
    });
    this.#frozen = this.#readFrozen();
    this.#populated = this.#isPopulated();
  }

  look(): Bare[] {
    const populated = this.#isPopulated();
    const frozen = this.#readFrozen();
    const told = this.#told;
    this.#told = false;
    const before = this.#populated;
    this.#populated = populated;
    const wasPaused = frozen !== this.#frozen;
    this.#frozen = frozen;
    if (populated || before || wasPaused) {
      this.#believeAt = Number.POSITIVE_INFINITY;
      if (populated === before) return [];
      if (!told) this.#knownUntil = performance.now() + ECHO_MS;
      return this.#only([populated ? "populated" : "empty"]);
    }
    const now = performance.now();
    if (told && now >= this.#knownUntil) this.#believeAt = Math.min(this.#believeAt, now + ECHO_MS);
    if (now < this.#believeAt) return [];
    this.#believeAt = Number.POSITIVE_INFINITY;
    return this.#only(["populated", "empty"]);
  }

  patience(): number {
    const longest = this.#watch.works ? TOLD_MS : UNTOLD_MS;
    return Math.min(longest, Math.max(0, this.#believeAt - performance.now()));
  }

  async close(): Promise<void> {
    this.#watch.close();
  }

  #only(kinds: readonly ("empty" | "populated")[]): Bare[] {
    return kinds.filter(kind => this.#kinds[kind]).map(kind => ({ kind }));
  }

  #readFrozen(): string | undefined {
    return this.#file && fieldOf(readControl(this.#file) ?? "", "frozen");
  }
}
