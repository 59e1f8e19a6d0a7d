/** What a group of measurements gets, and what it gives. */
import type { Prepared } from "./prepare.ts";
import { formatMillis, formatRatio } from "./report.ts";
import { medianRatio, type TimedContender } from "./timer.ts";

export interface Context {
  prepared: Prepared;
  rounds: number;
  warmUp: number;
  quick: boolean;
  /** Aborted by ^C: what was made has to go, then. */
  signal: AbortSignal;
  /** Something of ours failed: said at the end, by the exit code too. */
  fail(what: string): void;
}

/** What the project promises, and what came out. */
export interface Goal {
  text: string;
  /** Undefined when it could not be measured. */
  value: number | undefined;
  limit: number;
  /** Whether the value has to stay below the limit, or to reach it. */
  sense: "at most" | "at least";
  unit: string;
}

export interface GroupResult {
  title: string;
  rows: string[][];
  notes: string[];
  goals: Goal[];
  /** For results.json. */
  data: unknown;
}

/** A table of timed contenders with the ratios to some of them. */
export function timingRows(timed: readonly TimedContender[], bases: readonly string[]): string[][] {
  const present = bases.filter(name => timed.some(each => each.name === name && each.timing));
  const rows = [["", "median ms", "min", "p90", "CPU ms", ...present.map(name => `x ${name}`)]];
  for (const contender of timed) {
    const { name, timing } = contender;
    if (timing === undefined) {
      rows.push([name, "failed"]);
      continue;
    }
    const ratios = present.map(base =>
      formatRatio(
        medianRatio(
          contender,
          timed.find(each => each.name === base),
        ),
      ),
    );
    const figures = [timing.median, timing.min, timing.p90, timing.cpu].map(formatMillis);
    rows.push([name, ...figures, ...ratios]);
  }
  return rows;
}

/** Remarks on contenders, and why some failed. */
export function timingNotes(timed: readonly TimedContender[]): string[] {
  return timed.flatMap(({ name, note, failure }) => [
    ...(failure === undefined ? [] : [`${name} failed: ${failure}`]),
    ...(note === undefined ? [] : [`${name}: ${note}`]),
  ]);
}

export function ratioOf(timed: readonly TimedContender[], of: string, to: string): number | undefined {
  const find = (name: string): TimedContender | undefined => timed.find(each => each.name === name);
  return medianRatio(find(of), find(to));
}
