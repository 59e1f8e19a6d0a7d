/** `memory_threshold`: usage crossed a threshold. */
import { readControl } from "../../cgroup/files.ts";
import { LmctfyError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { Eventfd } from "./eventfd.ts";
import { noMemoryController, type Ringing } from "./oom.ts";
import { type Bare, type Source, TOLD_MS } from "./types.ts";

/**
 * Version 2 has no event for usage: `memory.events` tells of limits, PSI of waiting. So usage is read so often, which costs
 * some ten microseconds each time. The same where version 1 cannot tell.
 */
const POLL_MS = 100;
/** Usage that swings around a threshold is not told more often. */
const QUIET_MS = 50;

export function openThreshold(
  context: Context,
  name: string,
  threshold: bigint | undefined,
  ringing: Ringing,
): Source {
  if (threshold === undefined || threshold < 1n) {
    throw new LmctfyError(
      "INVALID_ARGUMENT",
      `memory_threshold.usage is a number of bytes, 1 or more: ${threshold ?? "it is missing"}`,
      { place: "events.memory_threshold.usage" },
    );
  }
  const { cgroups } = context;
  const old = cgroups.version("memory") === 1;
  const usage = cgroups.controllerFile(name, "memory", old ? "memory.usage_in_bytes" : "memory.current");
  const peak = cgroups.controllerFile(name, "memory", old ? "memory.max_usage_in_bytes" : "memory.peak");
  if (usage === undefined || peak === undefined) throw noMemoryController();
  let eventfd: Eventfd | undefined;
  if (old) {
    eventfd = new Eventfd(context, ringing.ring, ringing.fail);
    const directory = usage.slice(0, usage.lastIndexOf("/"));
    void eventfd.add(directory, "memory.usage_in_bytes", String(threshold));
  }
  return new Threshold(threshold, usage, peak, eventfd);
}

/** The highest usage ever is looked at too: so the first time that usage is above is seen however short it is. */
class Threshold implements Source {
  readonly #threshold: bigint;
  readonly #usage: string;
  readonly #peak: string;
  readonly #eventfd: Eventfd | undefined;
  #above = false;
  #peakBefore: bigint;
  #lookAt = 0;

  constructor(threshold: bigint, usage: string, peak: string, eventfd: Eventfd | undefined) {
    this.#threshold = threshold;
    this.#usage = usage;
    this.#peak = peak;
    this.#eventfd = eventfd;
    this.#peakBefore = read(peak) ?? 0n;
  }

  look(): Bare[] {
    const now = performance.now();
    if (now < this.#lookAt) return [];
    const usage = read(this.#usage);
    if (usage === undefined) return []; // it is gone
    const threshold = this.#threshold;
    const peak = read(this.#peak) ?? 0n;
    const wasAbove = this.#peakBefore < threshold && peak >= threshold;
    this.#peakBefore = peak;
    const above = usage >= threshold || (!this.#above && wasAbove);
    if (above === this.#above) return [];
    this.#above = above;
    this.#lookAt = now + QUIET_MS;
    return [{ kind: "memory_threshold", threshold, usage: above && usage < threshold ? peak : usage, above }];
  }

  patience(): number {
    const longest = this.#eventfd?.works ? TOLD_MS : POLL_MS;
    const quiet = this.#lookAt - performance.now();
    return quiet > 0 ? quiet : longest;
  }

  async close(): Promise<void> {
    await this.#eventfd?.close();
  }
}

function read(path: string): bigint | undefined {
  const text = readControl(path);
  return text === undefined ? undefined : BigInt(text.trim());
}
