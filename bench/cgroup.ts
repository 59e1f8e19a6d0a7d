/** The bench's own cgroups, beside the product's: its subtree is its prefix, and nothing else is touched. */
import { type Cgroups, type Entry, openCgroups } from "../src/cgroup/driver.ts";
import type { Controller } from "../src/cgroup/layout.ts";
import { applySteps, type HostStep } from "../src/cgroup/steps.ts";

export const PREFIX = "lmctfy-bench";
/** Half a CPU, 100 MB, 100 processes: the same for every contender that has limits. */
export const LIMITS = { quota: 50_000, period: 100_000, memory: 100_000_000, pids: 100 } as const;

export interface BenchCgroup {
  /** Directories and limits, in order. */
  steps: HostStep[];
  entry: Entry;
}

/** A cgroup with limits below the bench's subtree; what misses of the subtree is made. */
export function planCgroup(cgroups: Cgroups, name: string): BenchCgroup {
  const steps = cgroups.directorySteps(name);
  const limit = (controller: Controller, v1: [string, string][], v2: [string, string]): void => {
    const settings = cgroups.version(controller) === 2 ? [v2] : v1;
    for (const [file, value] of settings) {
      const path = cgroups.controllerFile(name, controller, file);
      if (path !== undefined) steps.push({ op: "write", path, value, stage: `limiting ${controller}` });
    }
  };
  const { quota, period, memory, pids } = LIMITS;
  limit("memory", [["memory.limit_in_bytes", `${memory}`]], ["memory.max", `${memory}`]);
  limit(
    "cpu",
    [
      ["cpu.cfs_period_us", `${period}`],
      ["cpu.cfs_quota_us", `${quota}`],
    ],
    ["cpu.max", `${quota} ${period}`],
  );
  limit("pids", [["pids.max", `${pids}`]], ["pids.max", `${pids}`]);
  return { steps, entry: cgroups.enter(name) };
}

/** The subtree, ready for containers; remove it with `closeSubtree`. */
export function openSubtree(): Cgroups {
  const cgroups = openCgroups({ subtree: PREFIX });
  applySteps(cgroups.rootSteps());
  return cgroups;
}

export async function closeSubtree(cgroups: Cgroups): Promise<void> {
  for (const name of cgroups.strays().reverse()) {
    await cgroups.kill(name);
    await cgroups.remove(name);
  }
  cgroups.removeRootIfEmpty();
}
