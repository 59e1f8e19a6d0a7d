/** Was it the lack of memory? */
import { readFileSync } from "node:fs";
import { parseOomKills } from "../cgroup/driver.ts";
import { collectStats } from "../resources/index.ts";
import type { Context } from "./context.ts";

/** The text of the container's out-of-memory counters, now; "" where there are none. */
export function readOomCounters(context: Context, name: string): string {
  const path = context.cgroups.oomFile(name);
  if (path === undefined) return "";
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the container is gone, and its counters with it
  }
}

/** Whether the kernel killed for lack of memory between two readings. */
export function oomBetween(before: string, after: string): boolean {
  return parseOomKills(after) > parseOomKills(before);
}

/**
 * One sentence on a command that was ended by SIGSYS, or by SIGKILL when the reason was memory.
 *
 * @param before the counters from before its start
 */
export function explainKill(
  context: Context,
  name: string,
  before: string,
  signal: string,
): string | undefined {
  if (signal === "SIGSYS")
    return `${name}: ended by SIGSYS: the command made a system call for which a seccomp filter ends it`;
  if (!oomBetween(before, readOomCounters(context, name))) return undefined;
  const memory = collectStats(context.cgroups, name, "summary").memory;
  const limit = memory?.effective_limit ?? memory?.limit;
  const facts = limit === undefined ? "" : ` (limit ${limit} bytes)`;
  return `${name}: out of memory: the kernel killed the command, for the container had no memory left${facts}`;
}
