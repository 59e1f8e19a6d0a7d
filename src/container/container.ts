/** One container, the object of the public API. */
import { printStep } from "../cgroup/steps.ts";
import { LmctfyError } from "../errors.ts";
import { encodeProgram, readSteps } from "../kernel/image.ts";
import {
  type ContainerSpec,
  type ContainerSpecInput,
  type ContainerStats,
  type EventSpec,
  type EventSpecInput,
  type HistogramMap,
  specFromObject,
} from "../spec/index.ts";
import type { SecurityCheck } from "./check/check.ts";
import type { Context } from "./context.ts";
import { destroyContainer, lockAgainstStarters } from "./destroy.ts";
import { enterContainer } from "./enter.ts";
import { viewOf } from "./entrance.ts";
import { type ContainerEvents, type EventOptions, EventStream } from "./events/stream.ts";
import { readExitRecord } from "./exit-record.ts";
import { type ReadFileOptions, readInside, writeInside } from "./files.ts";
import { allBelow, allChildren, isForeign, requireKnown } from "./foreign.ts";
import { freezeContainer, stateOf, thawContainer } from "./freeze.ts";
import { requireOwn } from "./given.ts";
import { countScheduling } from "./histograms.ts";
import { initOf } from "./init-process.ts";
import { killInside, putBack } from "./kill.ts";
import { creationSteps, hotProgram } from "./realise.ts";
import { busyWith, recover } from "./recover.ts";
import { realiseAgain, runInContainer } from "./run.ts";
import { killAllBut } from "./spare.ts";
import { type StopOptions, startContainer, stopContainer } from "./start.ts";
import { readOne, repeat } from "./statistics.ts";
import { clearPending, isGiven, markPending, requireContainer } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";
import type {
  ContainerProcess,
  ContainerReading,
  ContainerState,
  DetachedEnd,
  FreezeOptions,
  HistogramOptions,
  Plan,
  RunOptions,
  StatsLevel,
  UpdateOptions,
  WatchOptions,
} from "./types.ts";
import { updateContainer } from "./update.ts";
import { waitUntilEmpty } from "./wait.ts";

/**
 * A container that existed when this object was made. Every method throws NOT_FOUND when it has gone since.
 *
 * Disposing of it (`await using`) destroys the container with all that is in it.
 */
export class Container implements AsyncDisposable {
  /** The absolute name, `/a/b`. */
  readonly name: string;
  readonly #context: Context;

  /** @internal `Lmctfy.create` and `Lmctfy.get` make containers. */
  constructor(context: Context, name: string) {
    this.#context = context;
    this.name = name;
  }

  /** The spec as it was given: what this returns creates the same container again. */
  async spec(): Promise<ContainerSpec> {
    if (!isGiven(this.#context.places, this.name)) requireOwn(this.#context, this.name);
    requireContainer(this.#context.places, this.name);
    return loadSpec(this.#context, this.name);
  }

  /** The name of the virtual host that it is, or that it lies in; undefined when its commands see the machine. */
  async virtualHost(): Promise<string | undefined> {
    return (await viewOf(this.#context, this.name, await this.spec()))?.name;
  }

  /**
   * Changes the container while it runs: all of it or, on failure, nothing. The spec that results is checked as `create`
   * checks it before anything is changed.
   *
   * A lower `memory.limit` first takes back what it can (page cache, and swaps out where there is swap); one below what
   * remains in use is refused, and nobody is killed. A lower `pids.limit` refuses new tasks and ends none. A new
   * `memory.eviction_priority` is that of processes which are started from now on. A CPU mask also changes
   * those of containers below that have none of their own.
   *
   * @throws INVALID_ARGUMENT, OUT_OF_RANGE, UNIMPLEMENTED as `create`; FAILED_PRECONDITION for `/`, when memory is in use
   *   beyond the new limit, or when a container below has more than this one is to have; UNAVAILABLE when the kernel
   *   refused, or another command works on it
   */
  async update(spec: ContainerSpecInput | ContainerSpec, options: UpdateOptions = {}): Promise<void> {
    const resolved = specFromObject(spec as ContainerSpecInput);
    await recover(this.#context);
    await updateContainer(this.#context, this.name, resolved, options);
  }

  /** What the container and all below it use, now. */
  async stats(level: StatsLevel = "full"): Promise<ContainerStats> {
    return (await readOne(this.#context, this.name, level)).stats;
  }

  /**
   * What the container and all below it use, at once and then again and again, until the loop is left or `signal`
   * is aborted. Counters only rise: what happened in between is the difference of two readings.
   *
   * ```ts
   * for await (const { time, stats } of container.watchStats({ intervalMs: 500 })) console.log(time, stats.memory?.usage);
   * ```
   *
   * @throws NOT_FOUND when the container goes away meanwhile, INVALID_ARGUMENT
   */
  watchStats(
    options: WatchOptions & { level?: StatsLevel } = {},
  ): AsyncGenerator<ContainerReading, never, undefined> {
    return repeat(() => readOne(this.#context, this.name, options.level ?? "full"), options);
  }

  /**
   * How its tasks, and those of all below it, are scheduled from now on, for some seconds: how long they ran, slept, and waited
   * for a CPU. bpftrace(8) follows the scheduler's tracepoints; the machine is a little slower meanwhile.
   *
   * @throws FAILED_PRECONDITION without bpftrace or a cgroup v2 hierarchy, PERMISSION_DENIED for others than root, UNAVAILABLE
   *   when the kernel does not let itself be traced, the reason of `signal` when it is aborted
   */
  async histograms(options: HistogramOptions = {}): Promise<HistogramMap[]> {
    return countScheduling(this.#context, this.name, options);
  }

  /** Whether something runs in the container and below, or stands still. */
  async state(): Promise<ContainerState> {
    return stateOf(this.#context, this.name);
  }

  /**
   * Starts a command in the container. Resolves when it runs (it has been executed), so that a missing command is an
   * error here. While the container or one above it is paused this waits; end that with `options.signal`.
   *
   * @param argv the command and its arguments; a command without a slash is looked for in the PATH of `env`
   * @throws NOT_FOUND (no such container or command), PERMISSION_DENIED (not executable), INVALID_ARGUMENT,
   *   RESOURCE_EXHAUSTED (the limit of processes), UNAVAILABLE (the container is being changed)
   */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<ContainerProcess> {
    await recover(this.#context);
    return runInContainer(this.#context, this.name, argv, options);
  }

  /**
   * Takes processes that run already into the container, whole ones with all their threads: all of them, in all cgroup
   * hierarchies, or none. What they used before stays charged where they were. Children that they started before stay
   * there too. With a `memory.eviction_priority` they get that of the container.
   *
   * @param pids process ids as this process sees them; the id of a thread stands for its process
   * @throws NOT_FOUND (no such container or process), INVALID_ARGUMENT for `/`, PERMISSION_DENIED, FAILED_PRECONDITION
   *   (a kernel thread, a process of another PID namespace, a paused container), UNAVAILABLE when the kernel refused
   */
  async enter(pids: readonly number[]): Promise<void> {
    await recover(this.#context);
    await enterContainer(this.#context, this.name, pids);
  }

  /**
   * Resolves when neither the container nor one below it has a process any more: at once when there is none. A process
   * that is paused still counts.
   *
   * @param options.signal gives up: rejects with its reason
   * @throws NOT_FOUND when the container goes away meanwhile, FAILED_PRECONDITION for `/`
   */
  async wait(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    await waitUntilEmpty(this.#context, this.name, options.signal);
  }

  /**
   * What happens in the container and below it, as it happens: `for await (const event of container.events({ oom: {} }))`.
   * It listens from this call on, and loses nothing while the loop is busy; what has come together is one event.
   * The last event, `gone`, tells that the container was destroyed. Leaving the loop ends it.
   *
   * - `oom`: memory ran out. On the kernel: `memory.events` (version 2), an eventfd on `memory.oom_control` (version 1,
   *   which tells also when it ran out above).
   * - `memory_threshold`: usage, page cache included, has come to `usage` bytes or fallen below; told at once when it is
   *   above already. Version 1 has an event for it; version 2 has none, so `memory.current` is read ten times a second, and
   *   `memory.peak` with it, for which the first time is seen however short it is.
   * - `container_empty`, `container_populated`: `cgroup.events` (version 2). Where there is version 1 alone, it is looked
   *   at twenty times a second, and what is shorter is not seen.
   * - `pressure`: processes waited for CPU, memory or IO at least `stall` of `window` microseconds; told once per window
   *   while it lasts. On the kernel: triggers of `*.pressure` (kernel/sched/psi.c), version 2 with or without
   *   controllers. Where the caller may not have one, the file is read ten times per window.
   *
   * @param spec which; without any, `oom`, `container_empty` and `container_populated`
   * @param options.signal ends it: the loop throws its reason
   * @throws from the loop: NOT_FOUND; INVALID_ARGUMENT (a wrong number); FAILED_PRECONDITION for `/`, and when the machine
   *   has no memory controller or measures no pressure; UNAVAILABLE when the executor died
   */
  events(spec: EventSpecInput | EventSpec = {}, options: EventOptions = {}): ContainerEvents {
    return new EventStream(this.#context, this.name, spec, options);
  }

  /** Ids of its processes (or threads), as this process sees them, ascending. */
  async pids(options: { recursive?: boolean; threads?: boolean } = {}): Promise<number[]> {
    requireKnown(this.#context, this.name);
    const { cgroups } = this.#context;
    const recursive = options.recursive ?? false;
    return options.threads ? cgroups.tids(this.name, { recursive }) : cgroups.pids(this.name, { recursive });
  }

  /** Its subcontainers, sorted by name, with those that an owner made below what was handed over. */
  async subcontainers(options: { recursive?: boolean } = {}): Promise<Container[]> {
    await recover(this.#context);
    requireKnown(this.#context, this.name);
    const names = (options.recursive ? allBelow : allChildren)(this.#context, this.name);
    return names.map(name => new Container(this.#context, name));
  }

  /**
   * Starts the init of a virtual host; resolves when that runs. From then on `run` starts commands beside it, in the same
   * namespaces; before, each command has namespaces of its own, which end with it.
   *
   * @returns the pid of the init, as this process sees it
   * @throws FAILED_PRECONDITION when it runs already, is paused, is no virtual host, or its init cannot be executed
   */
  async start(options: { signal?: AbortSignal } = {}): Promise<number> {
    await recover(this.#context);
    return startContainer(this.#context, this.name, options.signal);
  }

  /**
   * Stops a virtual host; resolves when nothing runs in it any more. Its init is told by `virtual_host.init.stop_signal` to shut
   * down; with the default init, every process by SIGTERM. What is left after the grace is killed.
   * Stopping one that does not run is fine.
   *
   * @throws FAILED_PRECONDITION when it is no virtual host
   */
  async stop(options: StopOptions = {}): Promise<void> {
    await recover(this.#context);
    await stopContainer(this.#context, this.name, options);
  }

  /**
   * Makes or replaces a file in a virtual host that runs, as root in there. Missing directories on the way are made.
   *
   * @param path absolute, as a process inside sees it
   * @throws FAILED_PRECONDITION when it does not run, RESOURCE_EXHAUSTED when there is no room, or the kernel's refusal
   */
  async writeFile(
    path: string,
    content: string | Uint8Array,
    options: { mode?: number } = {},
  ): Promise<void> {
    await writeInside(this.#context, this.name, path, content, options.mode);
  }

  /**
   * The bytes of a regular file in a virtual host that runs, as root in there may read it.
   *
   * @param path absolute, as a process inside sees it; links are followed as they are for it
   * @throws NOT_FOUND, INVALID_ARGUMENT for what is no regular file, RESOURCE_EXHAUSTED for one that is too large
   */
  async readFile(path: string, options: ReadFileOptions = {}): Promise<Buffer> {
    return readInside(this.#context, this.name, path, options);
  }

  /** Kills every process of a virtual host that runs but its init. */
  async killAllButInit(): Promise<void> {
    const init = await this.initPid();
    if (init !== undefined && this.name !== "/") await killAllBut(this.#context, this.name, init);
  }

  /** The pid of the init of a virtual host that runs, as this process sees it; undefined when it does not. */
  async initPid(): Promise<number | undefined> {
    requireContainer(this.#context.places, this.name);
    return this.name === "/" ? 1 : initOf(this.#context, this.name);
  }

  /**
   * Pauses the container and all below it: every process stops where it is and gets no CPU time until `thaw`. Resolves
   * when all of them stand still. Its memory stays in use, and timers go on. What is started in it later waits.
   * Pausing what is paused is fine. A restart of the machine ends it.
   *
   * On the kernel: `cgroup.freeze` of version 2 (kernel/cgroup/freezer.c), else the freezer of version 1.
   *
   * @throws FAILED_PRECONDITION for `/`, or naming the processes that do not stop in time, for instance in a disk that
   *   does not answer; then nothing is paused. UNAVAILABLE when another command works on it or on one below
   */
  async freeze(options: FreezeOptions = {}): Promise<void> {
    await recover(this.#context);
    await freezeContainer(this.#context, this.name, options);
  }

  /**
   * Lets a paused container go on; resolves when it does. Containers below that were paused by themselves stay so.
   * Resuming what is not paused is fine.
   *
   * @throws FAILED_PRECONDITION for `/`, and when a container above is paused, which has to be resumed first
   */
  async thaw(options: FreezeOptions = {}): Promise<void> {
    await recover(this.#context);
    await thawContainer(this.#context, this.name, options);
  }

  /**
   * Kills all processes in the container and below it, paused ones too, and resolves when they are gone. Nothing
   * in it is paused afterwards.
   *
   * @throws FAILED_PRECONDITION for `/`, and when the kernel cannot kill one
   */
  async killAll(): Promise<void> {
    if (this.name === "/") {
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        "the processes of / are the machine's, and are not killed",
      );
    }
    const { places, cgroups } = this.#context;
    if (isForeign(this.#context, this.name)) {
      await cgroups.kill(this.name);
      cgroups.renew(this.name);
      return;
    }
    requireOwn(this.#context, this.name);
    requireContainer(places, this.name);
    using _lock = await lockAgainstStarters(this.#context, this.name);
    requireContainer(places, this.name);
    using _busy = busyWith(this.#context, this.name);
    markPending(places, this.name);
    const lifted: string[] = [];
    try {
      await killInside(this.#context, this.name, lifted);
      cgroups.thawAll(this.name);
      cgroups.renew(this.name);
    } finally {
      await putBack(this.#context, this.name, lifted);
    }
    clearPending(places, this.name);
  }

  /**
   * Makes its cgroups and its program again what its spec says: what a restart of the machine took, what became
   * unusable, and settings that somebody changed by hand.
   * `run` does so by itself when it finds them missing.
   */
  async realise(): Promise<void> {
    if (!isGiven(this.#context.places, this.name)) await realiseAgain(this.#context, this.name);
  }

  /** What is done to create it and to run a command in it, as data. */
  async plan(): Promise<Plan> {
    const spec = await this.spec();
    if (isGiven(this.#context.places, this.name))
      return { name: this.name, create: this.#context.cgroups.rootSteps().flatMap(printStep), run: [] };
    const program = readSteps(encodeProgram(await hotProgram(this.#context, this.name, spec)))!;
    return {
      name: this.name,
      create: creationSteps(this.#context, this.name, spec).flatMap(printStep),
      run: program.steps,
    };
  }

  /**
   * What protects the container, what it may still do, and a grade for it. Processes that are in it are compared with the spec.
   */
  async check(): Promise<SecurityCheck> {
    const { checkContainer } = await import("./check/check.ts");
    return checkContainer(this.#context, this.name);
  }

  /** How the last detached command that ended did so; undefined when none has since the machine started. */
  async lastExit(): Promise<DetachedEnd | undefined> {
    requireContainer(this.#context.places, this.name);
    return readExitRecord(this.#context.places, this.name);
  }

  /**
   * Removes the container.
   *
   * @param options.force end its processes and destroy its subcontainers first
   * @throws FAILED_PRECONDITION when it has any and `force` is not set
   */
  async destroy(options: { force?: boolean } = {}): Promise<void> {
    await recover(this.#context);
    await destroyContainer(this.#context, this.name, options.force ?? false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.destroy({ force: true });
    } catch (error) {
      if (!(error instanceof LmctfyError && error.code === "NOT_FOUND")) throw error;
    }
  }
}
