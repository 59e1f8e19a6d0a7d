/**
 * The performance counters of a container: a process keeps them open (compile/counters.ts), and is known by a file.
 *
 * ```
 * RUN/counting/HASH     locked by the keeper: its pid, and a line of JSON, what it counts
 * ```
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  COUNTING_STAGE,
  compileKeeper,
  compileKeeperEnd,
  compileProbe,
  compileReading,
  groupsOf,
  PID_SIZE,
  WATCH_STAGE,
} from "../compile/counters.ts";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import { ProgramFailure } from "../kernel/executor.ts";
import { groupSize, PERF_EVENTS, type PerfEvent, readGroup } from "../kernel/perf.ts";
import { parseList } from "../resources/cpu/list.ts";
import type { ContainerSpec, MonitoringStats } from "../spec/index.ts";
import type { Context } from "./context.ts";
import type { Places } from "./places.ts";

const EVENTS = Object.keys(PERF_EVENTS) as PerfEvent[];

/** What a keeper counts. */
interface Counting {
  pid: number;
  cpus: number[];
  events: PerfEvent[];
}

/** Makes a container count, or no longer, as its spec says; what counts goes on. The caller holds its lock. */
export async function settleCounters(context: Context, name: string, spec: ContainerSpec): Promise<void> {
  if (!spec.monitoring?.enable_perf_counters) await endCounters(context, name);
  else if (!(await isKept(context, name))) await startCounters(context, name);
}

async function startCounters(context: Context, name: string): Promise<void> {
  const { arch, cgroups, executor, places } = context;
  const file = fileOf(places, name);
  const events = await countable(context);
  if (events.length === 0) {
    throw new LmctfyError("PERMISSION_DENIED", `${name}: this process may count no performance events`, {
      path: name,
      hint: "It takes CAP_PERFMON or CAP_SYS_ADMIN: run as root.",
    });
  }
  const cpus = onlineCpus();
  const directory =
    cgroups.version("perf_event") === 1
      ? cgroups.controllerFile(name, "perf_event", "")!
      : cgroups.unifiedFile(name, "")!;
  try {
    mkdirSync(directoryOf(places), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fromSystemError(error, "mkdir", directoryOf(places));
  }
  const text = `${JSON.stringify({ name, cpus, events })}\n`;
  try {
    await executor.run(compileKeeper(arch, { directory, file, text, cpus, events }));
  } catch (error) {
    if (!(error instanceof ProgramFailure) || error.stage !== COUNTING_STAGE) throw error;
    const { code, errno } = error;
    throw new LmctfyError(code, `${name}: monitoring.enable_perf_counters: ${error.message}`, {
      path: name,
      cause: error,
      ...(errno !== undefined && { errno }),
      hint:
        errno === "EMFILE"
          ? "It takes a descriptor per CPU and event: raise the hard limit of open files (ulimit -Hn)."
          : "It takes CAP_PERFMON or CAP_SYS_ADMIN, or kernel.perf_event_paranoid at 0.",
    });
  }
}

/** Also without counters. */
export async function endCounters(context: Context, name: string): Promise<void> {
  const file = fileOf(context.places, name);
  const counting = read(file);
  if (counting === undefined) return;
  await context.executor.run(compileKeeperEnd(context.arch, file, counting?.pid));
}

/** What was counted for a container and all below it; undefined when nothing is. */
export async function counterStats(context: Context, name: string): Promise<MonitoringStats | undefined> {
  const file = fileOf(context.places, name);
  for (let counting = read(file); ; ) {
    if (counting === undefined) return undefined;
    if (counting === null) return { interrupted: true };
    const { pid, cpus, events } = counting;
    try {
      const { data } = await context.executor.run(compileReading(context.arch, { file, pid, cpus, events }));
      const bytes = Buffer.from(data);
      // Another keeper took its place since the file was read.
      if (pidIn(bytes) === pid) return statsOf(bytes.subarray(PID_SIZE), counting);
    } catch (error) {
      if (!(error instanceof ProgramFailure)) throw error;
      const again = read(file);
      if (again?.pid === pid) {
        if (error.stage === WATCH_STAGE) return { interrupted: true };
        throw error;
      }
    }
    counting = read(file);
  }
}

/** The containers that count, by the files that say so: nothing more is looked for while there are none. */
export function countsAny({ places }: Context): boolean {
  try {
    return readdirSync(directoryOf(places)).length > 0;
  } catch {
    return false;
  }
}

async function isKept(context: Context, name: string): Promise<boolean> {
  const stats = await counterStats(context, name);
  return stats !== undefined && !stats.interrupted;
}

function statsOf(data: Buffer, { cpus, events }: Counting): MonitoringStats {
  const sums = new Map<PerfEvent, bigint>();
  const groups = groupsOf(events);
  let at = 0;
  for (const _ of cpus) {
    for (const group of groups) {
      const values = readGroup(data.subarray(at, at + groupSize(group.length)));
      at += groupSize(group.length);
      for (const [i, event] of group.entries()) {
        if (values !== undefined) sums.set(event, (sums.get(event) ?? 0n) + values[i]!);
      }
    }
  }
  const uncounted = EVENTS.filter(event => !sums.has(event));
  return { ...Object.fromEntries(sums), ...(uncounted.length > 0 && { uncounted }) };
}

let known: PerfEvent[] | undefined;

/** The events that this machine counts. */
export async function countable({ arch, executor }: Context): Promise<PerfEvent[]> {
  if (known === undefined) {
    const { data } = await executor.run(compileProbe(arch, EVENTS));
    const found = Buffer.from(data);
    known = EVENTS.filter((_, i) => found[i] === 1);
  }
  return known;
}

function onlineCpus(): number[] {
  return parseList(readFileSync("/sys/devices/system/cpu/online", "utf8").trim())!;
}

const directoryOf = ({ runtime }: Places): string => join(runtime, "counting");

const fileOf = (places: Places, name: string): string =>
  join(directoryOf(places), createHash("sha256").update(name).digest("hex").slice(0, 32));

/** Null: there is a file, and nothing in it that could be read. */
function read(file: string): Counting | null | undefined {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw fromSystemError(error, "read", file);
  }
  const bytes = Buffer.from(text, "latin1");
  try {
    const { cpus, events } = JSON.parse(text.slice(PID_SIZE));
    return { pid: pidIn(bytes), cpus, events };
  } catch {
    return null; // its maker was killed
  }
}

const pidIn = (bytes: Buffer): number => Number.parseInt(bytes.toString("latin1", 0, PID_SIZE), 10);
