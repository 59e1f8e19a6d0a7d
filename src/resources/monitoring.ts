/** Performance counters: `monitoring` of a spec. They are kept by a process (container/counters.ts), not by a control file. */
import { existsSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import type { Resource } from "./resource.ts";

/** Is there in every kernel with performance events (perf_event_open(2)). */
const PARANOID = "/proc/sys/kernel/perf_event_paranoid";

export const monitoring: Resource<"monitoring"> = {
  section: "monitoring",

  check({ enable_perf_counters }, { cgroups }) {
    if (!enable_perf_counters) return;
    const lacks = !existsSync(PARANOID)
      ? "this kernel has no performance events (CONFIG_PERF_EVENTS)"
      : cgroups.version("perf_event") === undefined && cgroups.unifiedFile("/", "") === undefined
        ? "no cgroup hierarchy here can count them: it takes version 2, or perf_event of version 1"
        : undefined;
    if (lacks === undefined) return;
    throw new LmctfyError("FAILED_PRECONDITION", `monitoring.enable_perf_counters: ${lacks}`, {
      hint: "Leave it out; `lmctfy stats` has CPU time and page faults without it.",
    });
  },

  settings: () => [],
  update: () => [],
};
