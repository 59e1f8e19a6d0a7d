/** Taking processes that run already into a container. */
import { readFileSync } from "node:fs";
import { movableProcess } from "../cgroup/processes.ts";
import { writeControl } from "../cgroup/steps.ts";
import { fromSystemError, LmctfyError } from "../errors.ts";
import { processSettings } from "../resources/index.ts";
import type { Context } from "./context.ts";
import { viewOf } from "./entrance.ts";
import { requireOwn } from "./given.ts";
import { lockContainer } from "./lock.ts";
import { realiseAgain } from "./run.ts";
import { requireContainer } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";

export async function enterContainer(context: Context, name: string, ids: readonly number[]): Promise<void> {
  const { places, executor, arch, cgroups } = context;
  if (name === "/") {
    throw new LmctfyError("INVALID_ARGUMENT", "processes do not enter the container /: it is the machine", {
      path: name,
    });
  }
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 1)
      throw new LmctfyError("INVALID_ARGUMENT", `not the id of a process: ${id}`);
  }
  requireOwn(context, name);
  requireContainer(places, name);
  if (!cgroups.exists(name)) await realiseAgain(context, name);
  using _lock = await lockContainer(executor, arch, places, name, { mode: "shared" });
  requireContainer(places, name);
  if (cgroups.isFrozen(name)) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `container ${name} is paused: who enters it would stop too`,
      {
        path: name,
        hint: `lmctfy resume ${name}`,
      },
    );
  }
  const spec = await loadSpec(context, name);
  const view = await viewOf(context, name, spec);
  if (view !== undefined) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `${view.name} is a virtual host: a process of this machine cannot get into its namespaces`,
      { path: view.name, hint: "`lmctfy run` starts a new one in it." },
    );
  }
  const { oomScoreAdj } = processSettings(spec);
  const pids = [...new Set(ids.map(movableProcess))];
  const undo = cgroups.moveInto(name, pids);
  if (oomScoreAdj === undefined) return;
  try {
    setScores(pids, String(oomScoreAdj));
  } catch (error) {
    undo();
    throw error;
  }
}

/** All of them or none. */
function setScores(pids: readonly number[], score: string): void {
  const before: [path: string, score: string][] = [];
  for (const pid of pids) {
    const path = `/proc/${pid}/oom_score_adj`;
    try {
      const old = readFileSync(path, "utf8").trim();
      writeControl(path, score);
      before.push([path, old]);
    } catch (error) {
      for (const [changed, old] of before.reverse()) {
        try {
          writeControl(changed, old);
        } catch {
          // it ended
        }
      }
      throw fromSystemError(error, "write", path, "memory.eviction_priority of the container asks for it.");
    }
  }
}
