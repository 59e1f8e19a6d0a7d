/** What the operations on containers share: the places, the executor and the cgroups of one `Lmctfy`. */
import { existsSync } from "node:fs";
import { type Cgroups, openCgroups } from "../cgroup/driver.ts";
import { LmctfyError } from "../errors.ts";
import { type Arch, hostArch } from "../kernel/arch.ts";
import { Executor } from "../kernel/executor.ts";
import type { ProcessSettings } from "../resources/index.ts";
import { type Caller, notDelegated, recordCgroup, requireDelegate, whoCalls } from "./caller.ts";
import type { Places } from "./places.ts";

export class Context {
  readonly places: Places;
  readonly executor: Executor;
  readonly arch: Arch;
  /** Containers that an operation of this very process makes, changes or destroys: nobody here takes them for abandoned. */
  readonly busy = new Set<string>();
  readonly #caller: Caller;
  /** By spec: a seccomp filter takes longer to compile than to install. */
  readonly processSettings = new Map<string, ProcessSettings>();
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
    this.#caller = whoCalls(root);
    this.places = this.#caller.places;
    this.executor = new Executor(executorPath);
  }

  /** The machine's cgroups, looked at once. */
  get cgroups(): Cgroups {
    this.#cgroups ??= this.#openCgroups();
    return this.#cgroups;
  }

  #openCgroups(): Cgroups {
    const { layout } = this.#caller;
    const cgroups = openCgroups({ subtree: this.places.subtree, ...(layout && { layout }) });
    // The subtree that a container was handed over from is its owner's to set up and to remove.
    return this.places.base === "/" ? cgroups : { ...cgroups, rootSteps: () => [], removeRootIfEmpty() {} };
  }

  /**
   * Before cgroups are made.
   *
   * @throws PERMISSION_DENIED when the caller's user was given no place for them, FAILED_PRECONDITION when systemd has not
   *   really handed over the one there is
   */
  async requireDelegation(): Promise<void> {
    const { delegation } = this.#caller;
    if (delegation?.kind === "none") throw notDelegated(process.geteuid!(), delegation.cgroup);
    if (delegation?.kind === "cgroup" && !existsSync(`${delegation.directory}/${this.places.subtree}`))
      await requireDelegate(delegation.directory);
  }

  /** After cgroups were made. */
  noteDelegation(): void {
    const { delegation } = this.#caller;
    if (delegation?.kind === "cgroup") recordCgroup(this.places.runtime, delegation.directory);
  }

  /** They are looked at again: something was mounted. */
  forgetCgroups(): void {
    this.#cgroups = undefined;
  }

  /** Ends the executor and removes the subtree's root where nothing is left below it. */
  close(): void {
    this.executor.close();
    if (this.#caller.delegation?.kind !== "none") this.#cgroups?.removeRootIfEmpty();
  }
}
