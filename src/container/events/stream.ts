/** The events of a container, as something to iterate over. */
import { LmctfyError } from "../../errors.ts";
import { EventSpec, type EventSpecInput, fromObject } from "../../spec/index.ts";
import { Bell, Watch } from "../change.ts";
import type { Context } from "../context.ts";
import { isForeign, requireKnown } from "../foreign.ts";
import { stateDirectory } from "../places.ts";
import { realiseAgain } from "../run.ts";
import { containerExists } from "../store.ts";
import { Occupancy } from "./occupancy.ts";
import { openOom } from "./oom.ts";
import { openPressure } from "./pressure.ts";
import { openThreshold } from "./threshold.ts";
import { type Bare, type ContainerEvent, type Source, TOLD_MS } from "./types.ts";

/**
 * Events of a container, for `for await`. It listens from the moment it is made, and keeps what happens until it is asked
 * for. It has to be ended, which `for await` does by itself however it is left: by `return()`, `await using`, or its signal.
 */
export interface ContainerEvents extends AsyncIterableIterator<ContainerEvent>, AsyncDisposable {
  next(): Promise<IteratorResult<ContainerEvent, undefined>>;
  return(): Promise<IteratorResult<ContainerEvent, undefined>>;
  [Symbol.asyncIterator](): ContainerEvents;
}

export interface EventOptions {
  /** Ends it: the iteration throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** What is told without a word on what is wanted. */
const EVERYTHING: EventSpecInput = { oom: {}, container_empty: {}, container_populated: {} };

export class EventStream implements ContainerEvents {
  readonly #context: Context;
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;
  readonly #bell = new Bell();
  readonly #sources: Source[] = [];
  readonly #queue: ContainerEvent[] = [];
  #destruction: Watch | undefined;
  #identity: bigint | undefined;
  /** Settled when it listens. */
  #opened: Promise<void>;
  #failure: { error: unknown } | undefined;
  #ended: Promise<void> | undefined;
  /** Of the `next` before this one. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: Context, name: string, input: EventSpecInput | EventSpec, options: EventOptions) {
    this.#context = context;
    this.#name = name;
    this.#signal = options.signal;
    this.#opened = Promise.resolve();
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    try {
      this.#signal?.throwIfAborted();
      this.#begin(fromObject(EventSpec, Object.keys(input).length === 0 ? EVERYTHING : input, "events"));
    } catch (error) {
      this.#fail(error);
    }
  }

  next(): Promise<IteratorResult<ContainerEvent, undefined>> {
    const result = this.#turn.then(() => this.#next());
    this.#turn = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorResult<ContainerEvent, undefined>> {
    this.#queue.length = 0;
    await this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Listens before it returns, so that what happens right after the call is heard; a restart of the machine is mended first. */
  #begin(spec: EventSpec): void {
    const { cgroups } = this.#context;
    if (this.#name === "/") {
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        "the container / is the machine: watch one of its containers",
        {
          path: "/",
        },
      );
    }
    requireKnown(this.#context, this.#name);
    if (cgroups.exists(this.#name)) this.#open(spec);
    else {
      this.#opened = realiseAgain(this.#context, this.#name).then(() => {
        if (this.#ended === undefined) this.#open(spec);
      });
      this.#opened = this.#opened.catch(error => this.#fail(error));
    }
  }

  #open(spec: EventSpec): void {
    const [context, name] = [this.#context, this.#name];
    this.#identity = context.cgroups.identity(name);
    this.#destruction = new Watch(stateDirectory(context.places, name), this.#bell.ring);
    const ringing = { ring: this.#bell.ring, fail: (error: unknown) => this.#fail(error) };
    const sources = this.#sources;
    const kinds = {
      empty: spec.container_empty !== undefined,
      populated: spec.container_populated !== undefined,
    };
    if (kinds.empty || kinds.populated) sources.push(new Occupancy(context, name, kinds, ringing.ring));
    if (spec.oom) sources.push(openOom(context, name, ringing));
    if (spec.memory_threshold)
      sources.push(openThreshold(context, name, spec.memory_threshold.usage, ringing));
    for (const [i, each] of (spec.pressure ?? []).entries())
      sources.push(openPressure(context, name, each, `events.pressure[${i}]`, ringing));
  }

  async #next(): Promise<IteratorResult<ContainerEvent, undefined>> {
    await this.#opened;
    for (;;) {
      const value = this.#queue.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#failure !== undefined) {
        const { error } = this.#failure;
        this.#failure = undefined;
        await this.#end();
        throw error;
      }
      if (this.#ended !== undefined) {
        await this.#ended;
        return { done: true, value: undefined };
      }
      this.#look();
      if (this.#queue.length === 0 && this.#failure === undefined && this.#ended === undefined)
        await this.#bell.wait(Math.min(TOLD_MS, ...this.#sources.map(source => source.patience())));
    }
  }

  #look(): void {
    try {
      const isGone = this.#isGone();
      for (const source of this.#sources) this.#queue.push(...source.look().map(bare => this.#told(bare)));
      if (!isGone) return;
      this.#queue.push(this.#told({ kind: "gone" }));
      void this.#end();
    } catch (error) {
      this.#fail(error);
    }
  }

  #told(bare: Bare): ContainerEvent {
    const { kind, ...rest } = bare;
    return { kind, name: this.#name, time: new Date(), ...rest } as ContainerEvent;
  }

  #isGone(): boolean {
    const { places, cgroups } = this.#context;
    if (cgroups.identity(this.#name) !== this.#identity) return true;
    return !containerExists(places, this.#name) && !isForeign(this.#context, this.#name);
  }

  readonly #abort = (): void => this.#fail(this.#signal!.reason);

  #fail(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#failure ??= { error };
    void this.#end();
  }

  #end(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#destruction?.close();
    this.#bell.ring();
    await this.#opened;
    await Promise.all(this.#sources.map(source => source.close()));
  }
}
