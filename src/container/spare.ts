/** Ending everything in a virtual host but its init. */
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";

const TIMEOUT_MS = 10_000;

/** Kills all processes but one, and returns when they are gone. Frozen meanwhile, none forks ahead of it. */
export async function killAllBut(context: Context, name: string, spared: number): Promise<void> {
  const { cgroups } = context;
  const others = (): number[] => cgroups.pids(name, { recursive: true }).filter(pid => pid !== spared);
  const deadline = performance.now() + TIMEOUT_MS;
  for (let delay = 1; others().length > 0; delay = Math.min(delay * 2, 50)) {
    if (performance.now() > deadline) {
      throw new LmctfyError("UNAVAILABLE", `${name}: processes that do not die: ${others().join(", ")}`, {
        path: name,
      });
    }
    await cgroups.freeze(name);
    for (const pid of others()) kill(pid);
    await cgroups.thaw(name);
    if (others().length > 0) await sleep(delay);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
