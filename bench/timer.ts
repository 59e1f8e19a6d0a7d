/** Runs contenders in turn with the native timer, so that no runtime's own way of spawning is in the figures. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { median, type Summary, summarize } from "./statistics.ts";

export interface Contender {
  name: string;
  /** The first word is the path of the file. */
  argv: string[];
  /** Path of a mount namespace to run it in. */
  mountNamespace?: string | undefined;
  /** What it does otherwise than the others. */
  note?: string;
}

export interface Timing extends Summary {
  /** Milliseconds, one per round; the statistics are of these. */
  samples: number[];
  /** CPU time of the process and its children, median, milliseconds. */
  cpu: number;
}

export interface TimedContender extends Contender {
  /** Undefined when it failed. */
  timing: Timing | undefined;
  failure?: string;
}

export interface TimerOptions {
  timer: string;
  rounds: number;
  /** Rounds before those that count. */
  warmUp: number;
  /** Milliseconds before each run. */
  pause: number;
  signal: AbortSignal;
}

export async function time(
  contenders: readonly Contender[],
  options: TimerOptions,
): Promise<TimedContender[]> {
  const rounds = String(options.warmUp + options.rounds);
  const seed = String(process.pid);
  const child = spawn(options.timer, [rounds, String(options.pause * 1000), seed], {
    stdio: ["pipe", "pipe", "pipe"],
    signal: options.signal,
  });
  child.stdin.end(
    contenders.map(({ argv, mountNamespace = "-" }) => `${[mountNamespace, ...argv].join("\t")}\n`).join(""),
  );
  const [output, errors, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve)),
  ]);
  if (code !== 0) throw new Error(`the timer failed: ${errors.trim()}`);

  const runs = output
    .trim()
    .split("\n")
    .map(line => line.split(" ").map(Number));
  return contenders.map((contender, index) => {
    const own = runs.filter(run => run[1] === index);
    const failed = own.find(run => run[4] !== 0);
    if (failed) {
      const status = failed[4]!;
      const how = (status & 0x7f) === 0 ? `exit code ${status >> 8}` : `signal ${status & 0x7f}`;
      return { ...contender, timing: undefined, failure: `${how}: ${lastLine(errors)}` };
    }
    const counted = own.filter(run => run[0]! >= options.warmUp);
    const samples = counted.map(run => run[2]! / 1e6);
    const cpu = median(counted.map(run => run[3]! / 1e3));
    return { ...contender, timing: { ...summarize(samples), samples, cpu } };
  });
}

/** The median of what one took as a share of what another took in the same round. */
export function medianRatio(
  of: TimedContender | undefined,
  to: TimedContender | undefined,
): number | undefined {
  const base = to?.timing?.samples;
  const samples = of?.timing?.samples;
  if (samples === undefined || base === undefined) return undefined;
  return median(samples.map((sample, round) => sample / base[round]!));
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
