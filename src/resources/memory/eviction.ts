/** Who gives way when memory runs out: `eviction_priority` and `oom_group`. */
import { readControl } from "../../cgroup/files.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import type { MemorySpec } from "../../spec/index.ts";
import { type CheckContext, change, checkRange, setting, type Target } from "../resource.ts";
import { needVersion2 } from "./amount.ts";

const EVICTION = { min: 0, usual: 5000, max: 10_000 };
const CAP_SYS_RESOURCE = 24n;
const GROUP = "memory.oom_group";

/** The kernel's score for a priority: a low priority is evicted first, which is a high score. */
export function oomScoreAdjOf(evictionPriority: number): number {
  // Adding zero makes 0 of -0.
  return Math.trunc((EVICTION.usual - evictionPriority) / 5) + 0;
}

export function checkEviction({ eviction_priority, oom_group }: MemorySpec, context: CheckContext): void {
  if (eviction_priority !== undefined) checkPriority(eviction_priority, context);
  if (oom_group) {
    const why = "there the kernel kills one task at a time";
    needVersion2(GROUP, why, context, "Leave it out; `lmctfy killall` or `destroy -f` ends the rest.");
  }
}

function checkPriority(priority: number, { proc = "/proc/self" }: CheckContext): void {
  checkRange("memory.eviction_priority", BigInt(priority), BigInt(EVICTION.min), BigInt(EVICTION.max), "");
  const score = oomScoreAdjOf(priority);
  // Going below what this process has already is what needs the capability.
  if (score >= 0 || score >= Number(readControl(`${proc}/oom_score_adj`) ?? 0)) return;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readControl(`${proc}/status`) ?? "")?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) return;
  throw new LmctfyError(
    "PERMISSION_DENIED",
    `memory.eviction_priority ${priority} asks for oom_score_adj ${score}, and this process lacks CAP_SYS_RESOURCE, which a score below 0 needs`,
    { hint: `Run with that capability, or use a priority of at most ${EVICTION.usual}.` },
  );
}

/** Tasks die together when any of them has to (kernel: memory.oom.group, since Linux 4.19). */
export function oomGroupSteps(
  { oom_group = false }: MemorySpec,
  { cgroups, name, fresh }: Target,
): HostStep[] {
  if (cgroups.version("memory") !== 2) return [];
  const value = oom_group ? 1 : 0;
  if (fresh) return oom_group ? [setting(cgroups, name, "memory", "memory.oom.group", value, GROUP)] : [];
  return change(cgroups, name, "memory", "memory.oom.group", value, GROUP, { needed: oom_group });
}
