/** `lmctfy stats histograms`: how tasks are scheduled, for a while. */
import { LmctfyError } from "../../errors.ts";
import type { HistogramMap } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { print, printJson } from "../output.ts";
import { interruptible } from "../signals.ts";

const TITLES: Readonly<Record<HistogramMap["type"], string>> = {
  SERVE: "from waking to sleeping",
  ONCPU: "running in one stretch",
  SLEEP: "sleeping",
  QUEUE_SELF: "waiting for the container itself",
  QUEUE_OTHER: "waiting for others",
};

const WIDTH = 40;

export async function histograms(call: Call): Promise<undefined> {
  const { flags } = call;
  if (flags.style === "binary") throw new LmctfyError("INVALID_ARGUMENT", "stats histograms has no --binary");
  const seconds = secondsOf(flags.seconds);
  await withLmctfy(flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await interruptible(async signal => {
      const found = await container.histograms({ seconds, signal });
      if (flags.style === "json") {
        const { toJson } = await import("../../spec/json-print.ts");
        const { HistogramMap } = await import("../../spec/messages/stats-cpu.ts");
        printJson({ histograms: found.map(each => toJson(HistogramMap, each)) });
      } else print(found.map(tableOf).join("\n"));
    });
  });
}

function secondsOf(text: string | undefined): number {
  if (text === undefined) return 1;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new LmctfyError("INVALID_ARGUMENT", `--seconds ${text}: a whole number from 1 on`);
}

/** A title, and a bar for each range of times. */
export function tableOf({ type, stat = [] }: HistogramMap): string {
  const most = Math.max(1, ...stat.map(({ value }) => Number(value)));
  const lines = stat.map(({ bucket, value }, i) => {
    const last = i === stat.length - 1;
    const range = last ? `> ${timeOf(stat[i - 1]?.bucket ?? 0)}` : `<= ${timeOf(bucket)}`;
    const bar = "#".repeat(Math.ceil((Number(value) * WIDTH) / most));
    return `  ${range.padStart(9)} ${String(value).padStart(9)}  ${bar}`.trimEnd();
  });
  return `${type} (${TITLES[type]})\n${lines.join("\n")}\n`;
}

function timeOf(nanoseconds: number): string {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const)
    if (nanoseconds >= size) return `${nanoseconds / size} ${unit}`;
  return `${nanoseconds} ns`;
}
