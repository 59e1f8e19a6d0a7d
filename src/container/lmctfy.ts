/** The entrance to the library: one installation of lmctfy on this machine. */
import { detectFeatures, type Features } from "../features/features.ts";
import { type ContainerSpec, type ContainerSpecInput, type InitSpec, specFromObject } from "../spec/index.ts";
import { Container } from "./container.ts";
import { Context } from "./context.ts";
import { createContainer } from "./create.ts";
import { requireKnown } from "./foreign.ts";
import { initialise } from "./init.ts";
import { renewTruth } from "./lxcfs.ts";
import { resolveName } from "./names.ts";
import { explainKill } from "./oom.ts";
import { probeSyscalls } from "./probe.ts";
import { recover } from "./recover.ts";
import { reviveAll } from "./revive.ts";
import { readMany, repeat } from "./statistics.ts";
import type { ContainerReading, CreateOptions, InitResult, StatsOptions, WatchOptions } from "./types.ts";

export interface LmctfyOptions {
  /**
   * Keeps state, runtime files and cgroups apart from all other roots: everything below this absolute path, and a
   * cgroup subtree named after it.
   * @default the environment's LMCTFY_ROOT, else /var/lib/lmctfy and /run/lmctfy
   */
  root?: string | undefined;
  /** Path of the executor binary. @default the one in the package */
  executor?: string | undefined;
}

/**
 * Containers of one root. Its executor, a small process, starts at the first need and ends with `close()` or with
 * this process.
 */
export class Lmctfy implements Disposable {
  readonly #context: Context;

  constructor(options: LmctfyOptions = {}) {
    this.#context = new Context(options.root ?? (process.env.LMCTFY_ROOT || undefined), options.executor);
  }

  /**
   * The absolute name; relative ones start at the container of this process.
   * @throws INVALID_ARGUMENT
   */
  resolve(name: string): string {
    return resolveName(name, () => this.detect());
  }

  /**
   * Prepares the machine: mounts the hierarchies that the spec asks for, makes the cgroup subtree, and gives all containers
   * again what a restart of the machine took from them, so that they are as they were, with nothing running in them.
   * Idempotent: what is whole is left alone.
   */
  async init(spec: InitSpec = {}): Promise<InitResult> {
    await recover(this.#context);
    await initialise(this.#context, spec);
    const result = await reviveAll(this.#context);
    await renewTruth(this.#context);
    return result;
  }

  /**
   * Creates a container.
   *
   * @param spec what is to be isolated; an empty one only groups processes
   * @throws INVALID_ARGUMENT, OUT_OF_RANGE (name or spec), UNIMPLEMENTED (a section that is not served),
   *   ALREADY_EXISTS, FAILED_PRECONDITION (no parent, or the kernel lacks something), UNAVAILABLE (the kernel refused)
   */
  async create(
    name: string,
    spec: ContainerSpecInput | ContainerSpec = {},
    options: CreateOptions = {},
  ): Promise<Container> {
    const absolute = this.resolve(name);
    const resolved = specFromObject(spec as ContainerSpecInput);
    await recover(this.#context);
    await createContainer(this.#context, absolute, resolved, options);
    return new Container(this.#context, absolute);
  }

  /** @throws NOT_FOUND, INVALID_ARGUMENT */
  async get(name: string): Promise<Container> {
    const absolute = this.resolve(name);
    await recover(this.#context);
    requireKnown(this.#context, absolute);
    return new Container(this.#context, absolute);
  }

  /** The subcontainers of a container, sorted by name. */
  async list(name = "/", options: { recursive?: boolean } = {}): Promise<Container[]> {
    return (await this.get(name)).subcontainers(options);
  }

  /**
   * What many containers use, now: those that `options` names, or all. Sorted by name, each before those in it; one
   * that is destroyed meanwhile is left out. A thousand take about a tenth of a second, in which other work of this
   * process gets its turn.
   *
   * @throws NOT_FOUND, INVALID_ARGUMENT for a container that `options` names
   */
  async stats(options: StatsOptions = {}): Promise<ContainerReading[]> {
    await recover(this.#context);
    return readMany(this.#context, this.#resolved(options));
  }

  /** As `stats`, at once and then again and again, until the loop is left or `signal` is aborted. */
  watchStats(
    options: StatsOptions & WatchOptions = {},
  ): AsyncGenerator<ContainerReading[], never, undefined> {
    const resolved = this.#resolved(options);
    return repeat(() => readMany(this.#context, resolved), options);
  }

  #resolved(options: StatsOptions): StatsOptions {
    const { names, below } = options;
    return {
      ...options,
      ...(names !== undefined && { names: names.map(name => this.resolve(name)) }),
      ...(below !== undefined && { below: this.resolve(below) }),
    };
  }

  /**
   * The container of a process: `/` when it is in none.
   * @param pid @default this process
   * @throws NOT_FOUND when there is no such process
   */
  detect(pid?: number): string {
    return this.#context.cgroups.detect(pid ?? "self");
  }

  /** What the kernel, the cgroups and the caller's rights allow. */
  async features(): Promise<Features> {
    return detectFeatures(calls => probeSyscalls(this.#context, calls));
  }

  /** Undoes what killed commands left half done; every other method does so first. Gives the names. */
  async recover(): Promise<string[]> {
    return recover(this.#context);
  }

  /**
   * One sentence on why a signal ended a command, when that was the kernel's doing.
   * @internal for the command line
   */
  explainKill(name: string, before: string, signal = "SIGKILL"): string | undefined {
    return explainKill(this.#context, name, before, signal);
  }

  /** Ends the executor, and with it the commands that are not detached; removes the cgroup subtree when it is empty. */
  close(): void {
    this.#context.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
