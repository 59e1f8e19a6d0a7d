/** `lmctfy stats summary` and `stats full`: once, of many, again and again. */
import { LmctfyError } from "../../errors.ts";
import type { ContainerReading, StatsLevel } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import { printMessage } from "../message.ts";
import type { Call, Flags } from "../model.ts";
import { print, printJson } from "../output.ts";
import { secondsOf } from "../seconds.ts";
import { interruptible } from "../signals.ts";

export async function stats(call: Call): Promise<undefined> {
  const { flags } = call;
  if (call.command.words[1] === "histograms") return (await import("./histograms.ts")).histograms(call);
  const level: StatsLevel = call.command.words[1] === "full" ? "full" : "summary";
  const seconds = intervalOf(flags.watch, "watch");
  if (!flags.recursive && seconds === undefined) {
    const value = await withLmctfy(flags, async lmctfy => (await containerOf(lmctfy, call)).stats(level));
    const { ContainerStats } = await import("../../spec/messages/stats.ts");
    await printMessage(ContainerStats, value, flags.style);
    return;
  }
  if (flags.style === "binary") {
    throw new LmctfyError("INVALID_ARGUMENT", "--binary is for one reading of one container");
  }
  await withLmctfy(flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    const all = async (own: ContainerReading): Promise<ContainerReading[]> =>
      flags.recursive ? [own, ...(await lmctfy.stats({ below: container.name, level }))] : [own];
    await interruptible(async signal => {
      const intervalMs = (seconds ?? 1) * 1000;
      for await (const own of container.watchStats({ intervalMs, level, signal })) {
        await tell(await all(own), flags);
        if (seconds === undefined) return;
      }
    });
  });
}

/** Seconds between two readings. */
export function intervalOf(text: string | undefined, flag: string): number | undefined {
  const seconds = secondsOf(text, flag);
  if (seconds === undefined || seconds >= 0.01) return seconds;
  throw new LmctfyError("INVALID_ARGUMENT", `--${flag} ${text}: 0.01 seconds or more`);
}

/** A line of JSON for all, or each in text format below its name, which stands in a comment. */
async function tell(readings: readonly ContainerReading[], { style }: Flags): Promise<void> {
  const { ContainerStats } = await import("../../spec/messages/stats.ts");
  if (style === "json") {
    const { toJson } = await import("../../spec/json-print.ts");
    const containers = readings.map(({ name, stats: value }) => ({
      name,
      stats: toJson(ContainerStats, value),
    }));
    printJson({ time: (readings[0]?.time ?? new Date()).toISOString(), containers });
    return;
  }
  for (const { name, time, stats: value } of readings) {
    print(`# ${name} ${time.toISOString()}\n`);
    await printMessage(ContainerStats, value, style);
  }
}
