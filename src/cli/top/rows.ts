/** What `top` shows of two readings: a row per container. */
import { LmctfyError } from "../../errors.ts";
import type { ContainerReading } from "../../index.ts";

export const SORTS = ["cpu", "memory", "io", "pids", "name"] as const;
export type Sort = (typeof SORTS)[number];

export interface Row {
  name: string;
  /** Hundredths of one CPU; undefined where there is no earlier reading. */
  cpu_percent: number | undefined;
  memory_bytes: number | undefined;
  /** Undefined for none. */
  memory_limit_bytes: number | undefined;
  read_bytes_per_second: number | undefined;
  write_bytes_per_second: number | undefined;
  pids: number | undefined;
}

export function sortOf(text: string | undefined): Sort {
  if (text === undefined) return "cpu";
  const found = SORTS.find(each => each === text);
  if (found !== undefined) return found;
  throw new LmctfyError("INVALID_ARGUMENT", `--sort ${text}: one of ${SORTS.join(", ")}`);
}

/** Rates are of the time between the two. */
export function rowsOf(
  readings: readonly ContainerReading[],
  earlier: ReadonlyMap<string, ContainerReading>,
): Row[] {
  return readings.map(reading => {
    const { name, time, stats } = reading;
    const before = earlier.get(name);
    const seconds = before === undefined ? 0 : (time.getTime() - before.time.getTime()) / 1000;
    const rate = (of: (each: ContainerReading) => bigint | undefined): number | undefined => {
      const [now, then] = [of(reading), before && of(before)];
      // A counter that fell is another container's of the same name.
      return now === undefined || then === undefined || seconds <= 0 || now < then
        ? undefined
        : Number(now - then) / seconds;
    };
    const nanoseconds = rate(each => each.stats.cpu?.usage?.total);
    const limit = stats.memory?.effective_limit ?? stats.memory?.limit;
    return {
      name,
      cpu_percent: nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1e6) / 10,
      memory_bytes: numberOf(stats.memory?.usage),
      memory_limit_bytes: limit === undefined || limit < 0n ? undefined : Number(limit),
      read_bytes_per_second: rounded(rate(each => moved(each, "read_bytes"))),
      write_bytes_per_second: rounded(rate(each => moved(each, "write_bytes"))),
      pids: numberOf(stats.pids?.current),
    };
  });
}

export function sortRows(rows: readonly Row[], sort: Sort): Row[] {
  const byName = [...rows].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const value = (row: Row): number => {
    switch (sort) {
      case "cpu":
        return row.cpu_percent ?? 0;
      case "memory":
        return row.memory_bytes ?? 0;
      case "io":
        return (row.read_bytes_per_second ?? 0) + (row.write_bytes_per_second ?? 0);
      case "pids":
        return row.pids ?? 0;
      case "name":
        return 0;
      default:
        return sort satisfies never;
    }
  };
  // Equal ones stay in the order of their names.
  return byName.sort((a, b) => value(b) - value(a));
}

/** Lines of a table, with its head; names are cut so that a line fits. */
export function tableOf(rows: readonly Row[], width = Number.POSITIVE_INFINITY): string[] {
  const cells = rows.map(row => [
    row.cpu_percent === undefined ? "-" : row.cpu_percent.toFixed(1),
    sizeOf(row.memory_bytes),
    sizeOf(row.memory_limit_bytes),
    sizeOf(row.read_bytes_per_second),
    sizeOf(row.write_bytes_per_second),
    row.pids === undefined ? "-" : String(row.pids),
    row.name,
  ]);
  const head = ["CPU%", "MEMORY", "LIMIT", "READ/s", "WRITE/s", "PIDS", "NAME"];
  const widths = [6, 8, 8, 8, 8, 6];
  return [head, ...cells].map(line => {
    const text = line
      .map((cell, i) => (i < widths.length ? cell.padStart(widths[i]!) : ` ${cell}`))
      .join(" ");
    return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  });
}

function moved({ stats }: ContainerReading, field: "read_bytes" | "write_bytes"): bigint | undefined {
  const { blockio } = stats;
  return blockio && (blockio.device ?? []).reduce((sum, device) => sum + (device[field] ?? 0n), 0n);
}

const numberOf = (value: bigint | undefined): number | undefined =>
  value === undefined ? undefined : Number(value);
const rounded = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value);

const UNITS = ["", "K", "M", "G", "T", "P"];

/** `12.3M`, of 1024. */
function sizeOf(bytes: number | undefined): string {
  if (bytes === undefined) return "-";
  let [value, unit] = [bytes, 0];
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${UNITS[unit]}`;
}
