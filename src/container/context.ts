/** What the operations on containers share: the places, the executor and the cgroups of one `Lmctfy`. */
import { type Cgroups, openCgroups } from "../cgroup/driver.ts";
import { LmctfyError } from "../errors.ts";
import { type Arch, hostArch } from "../kernel/arch.ts";
import { Executor } from "../kernel/executor.ts";
import { type Places, placesOf } from "./places.ts";

export class Context {
  readonly places: Places;
  readonly executor: Executor;
  readonly arch: Arch;
  /** Containers that an operation of this very process makes, changes or destroys: nobody here takes them for abandoned. */
  readonly busy = new Set<string>();
  #cgroups: Cgroups | undefined;

  constructor(root: string | undefined, executorPath: string | undefined) {
    const arch = hostArch();
    if (process.platform !== "linux" || arch === undefined) {
      throw new LmctfyError(
        "UNIMPLEMENTED",
        `lmctfy runs on Linux, x86_64 and aarch64; this is ${process.platform}, ${process.arch}`,
      );
    }
    this.arch = arch;
    this.places = placesOf(root);
    this.executor = new Executor(executorPath);
  }

  /** The machine's cgroups, looked at once. */
  get cgroups(): Cgroups {
    this.#cgroups ??= openCgroups({ subtree: this.places.subtree });
    return this.#cgroups;
  }

  /** They are looked at again: something was mounted. */
  forgetCgroups(): void {
    this.#cgroups = undefined;
  }

  /** Ends the executor and removes the subtree's root where nothing is left below it. */
  close(): void {
    this.executor.close();
    this.#cgroups?.removeRootIfEmpty();
  }
}
