/** `lmctfy top`: what containers use, live. */
import { LmctfyError } from "../../errors.ts";
import type { ContainerReading, Lmctfy } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call, Flags } from "../model.ts";
import { print, printJson } from "../output.ts";
import { interruptible } from "../signals.ts";
import { type Row, rowsOf, type Sort, sortOf, sortRows, tableOf } from "../top/rows.ts";
import { Screen } from "../top/screen.ts";
import { intervalOf } from "./stats.ts";

const KEYS: Readonly<Record<string, Sort>> = { c: "cpu", m: "memory", i: "io", p: "pids", n: "name" };
const HELP = "keys: c m i p n sort, q ends";

/** The first reading only starts the rates; in a terminal it is shown, so that something is. */
const FIRST_MS = 200;

export async function top(call: Call): Promise<undefined> {
  const { flags } = call;
  const sort = sortOf(flags.sort);
  const seconds = intervalOf(flags.delay, "delay") ?? 2;
  const count = countOf(flags.count);
  const batch = flags.batch ?? (flags.style === "json" || !process.stdout.isTTY);
  await withLmctfy(flags, async lmctfy => {
    const { name } = await containerOf(lmctfy, call);
    const read = (): Promise<ContainerReading[]> => lmctfy.stats({ below: name, level: "summary" });
    await interruptible(signal =>
      batch
        ? inBatch(lmctfy, { below: name, seconds, count, sort, flags, signal })
        : onScreen(read, { seconds, count, sort, signal }),
    );
  });
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new LmctfyError("INVALID_ARGUMENT", `--count ${text}: a number from 1 on`);
}

interface BatchOptions {
  below: string;
  seconds: number;
  count: number;
  sort: Sort;
  flags: Flags;
  signal: AbortSignal;
}

/** A table, or a line of JSON, per interval; the first one after one, so that all have rates. */
async function inBatch(lmctfy: Lmctfy, options: BatchOptions): Promise<void> {
  const { below, seconds, count, sort, flags, signal } = options;
  let earlier: ReadonlyMap<string, ContainerReading> | undefined;
  let shown = 0;
  for await (const readings of lmctfy.watchStats({
    below,
    level: "summary",
    intervalMs: seconds * 1000,
    signal,
  })) {
    const rows = earlier && sortRows(rowsOf(readings, earlier), sort);
    earlier = byName(readings);
    if (rows === undefined) continue;
    if (flags.style === "json") printJson({ time: new Date().toISOString(), containers: rows });
    else print(`${tableOf(rows).join("\n")}\n\n`);
    if (++shown >= count) return;
  }
}

/** Redraws at each interval, key and change of size. */
async function onScreen(
  read: () => Promise<ContainerReading[]>,
  options: { seconds: number; count: number; sort: Sort; signal: AbortSignal },
): Promise<void> {
  let { sort } = options;
  let rows: Row[] = [];
  let ended = false;
  let wake = (): void => {};
  const draw = (): void => {
    const { columns } = screen.size;
    const head = `${new Date().toLocaleTimeString()}  ${rows.length} containers, by ${sort}; ${HELP}`;
    screen.draw([head.slice(0, columns), "", ...tableOf(sortRows(rows, sort), columns)]);
  };
  using screen = new Screen(key => {
    // A raw terminal does not turn ^C into a signal.
    if (key === "q" || key === "\x03" || key === "\x04") {
      ended = true;
      wake();
    }
    const chosen = KEYS[key];
    if (chosen === undefined) return;
    sort = chosen;
    draw();
  });
  const resized = (): void => draw();
  process.stdout.on("resize", resized);
  try {
    let earlier: ReadonlyMap<string, ContainerReading> = new Map();
    for (let shown = 0; shown < options.count && !ended; ) {
      const readings = await read();
      rows = rowsOf(readings, earlier);
      if (earlier.size > 0 || readings.length === 0) shown++;
      const pause = earlier.size > 0 || readings.length === 0 ? options.seconds * 1000 : FIRST_MS;
      earlier = byName(readings);
      draw();
      if (shown >= options.count) return;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, pause);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        options.signal.addEventListener("abort", wake, { once: true });
        if (ended || options.signal.aborted) wake();
      });
      options.signal.throwIfAborted();
    }
  } finally {
    process.stdout.off("resize", resized);
  }
}

const byName = (readings: readonly ContainerReading[]): Map<string, ContainerReading> =>
  new Map(readings.map(reading => [reading.name, reading]));
