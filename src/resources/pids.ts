/** The number of tasks: `pids` of a spec. */
import type { PidsStats } from "../spec/index.ts";
import { defined, parseFields, readNumber, readText } from "./numbers.ts";
import { change, checkRange, needController, type Resource, setting } from "./resource.ts";

/** The most tasks that a kernel can number, and so the most that pids.max takes. */
const MOST = 4_194_304n;

export const pids: Resource<"pids"> = {
  section: "pids",

  check({ limit }, { cgroups }) {
    if (limit === undefined) return;
    // With 0 not even the first process could be started.
    if (limit !== -1n) checkRange("pids.limit", limit, 1n, MOST, "tasks, or -1 for no limit");
    needController("pids.limit", "pids", cgroups);
  },

  settings({ limit }, cgroups, name) {
    if (limit === undefined || limit === -1n) return [];
    return [setting(cgroups, name, "pids", "pids.max", limit, "pids.limit")];
  },

  /** A lower limit than there are tasks is fine: it ends none, and refuses those to come. */
  update({ limit }, { cgroups, name }) {
    const value = limit === undefined || limit === -1n ? "max" : limit;
    return change(cgroups, name, "pids", "pids.max", value, "pids.limit", { needed: value !== "max" });
  },

  stats(cgroups, name, level) {
    const current = readNumber(cgroups, name, "pids", "pids.current");
    if (current === undefined) return undefined;
    const full = level === "full";
    return defined<PidsStats>({
      current,
      limit: readNumber(cgroups, name, "pids", "pids.max"),
      peak: full ? readNumber(cgroups, name, "pids", "pids.peak") : undefined,
      fail_count: full ? parseFields(readText(cgroups, name, "pids", "pids.events")).get("max") : undefined,
    });
  },
};
