/** Reading the statistics of one container, of many at once, and again and again. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { LmctfyError } from "../errors.ts";
import { collectStats, type StatsLevel } from "../resources/index.ts";
import type { ContainerStats } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { counterStats, countsAny } from "./counters.ts";
import { allBelow, allChildren, isKnown, requireKnown } from "./foreign.ts";
import type { ContainerReading, StatsOptions, WatchOptions } from "./types.ts";

/** How long reading may keep this process from everything else. */
const TURN_MS = 20;

/** The longest that a timer can wait. */
const MAX_INTERVAL_MS = 2 ** 31 - 1;
const INTERVAL_MS = 1_000;

/**
 * Reads the containers one after the other, which is faster than at once: each reading is some twenty calls of a few
 * microseconds, and a promise for each would cost more than that.
 */
export async function readMany(context: Context, options: StatsOptions = {}): Promise<ContainerReading[]> {
  const { level = "full", signal } = options;
  const counts = level === "full" && countsAny(context);
  const readings: ContainerReading[] = [];
  let turn = performance.now();
  for (const name of namesOf(context, options)) {
    signal?.throwIfAborted();
    const stats = collectStats(context.cgroups, name, level);
    if (counts) await addCounters(context, name, stats);
    // Destroyed since it was listed: then what was read is of nothing, or of a part.
    if (stats.pids?.current !== undefined || isKnown(context, name))
      readings.push({ name, time: new Date(), stats });
    if (performance.now() - turn < TURN_MS) continue;
    await nextTurn();
    turn = performance.now();
  }
  return readings;
}

/** @throws NOT_FOUND when there is no such container (any more) */
export async function readOne(context: Context, name: string, level: StatsLevel): Promise<ContainerReading> {
  requireKnown(context, name);
  const reading = { name, time: new Date(), stats: collectStats(context.cgroups, name, level) };
  if (level === "full" && countsAny(context)) await addCounters(context, name, reading.stats);
  return reading;
}

async function addCounters(context: Context, name: string, stats: ContainerStats): Promise<void> {
  const monitoring = await counterStats(context, name);
  if (monitoring !== undefined) stats.monitoring = monitoring;
}

function namesOf(context: Context, { names, below = "/", recursive = true }: StatsOptions): string[] {
  if (names !== undefined) {
    for (const name of names) requireKnown(context, name);
    return [...names];
  }
  requireKnown(context, below);
  return recursive ? allBelow(context, below) : allChildren(context, below);
}

/** Reads at once, and then at every interval, counted from the first: what takes long is not made up for. */
export async function* repeat<T>(
  read: () => T | Promise<T>,
  { intervalMs = INTERVAL_MS, signal }: WatchOptions,
): AsyncGenerator<T, never, undefined> {
  if (!(intervalMs > 0 && intervalMs <= MAX_INTERVAL_MS)) {
    throw new LmctfyError(
      "INVALID_ARGUMENT",
      `intervalMs ${intervalMs}: more than 0 and at most ${MAX_INTERVAL_MS} milliseconds`,
    );
  }
  const start = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    yield await read();
    const passed = performance.now() - start;
    await pause(intervalMs - (passed % intervalMs), signal);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted(); // with the caller's reason
    throw error;
  }
}
