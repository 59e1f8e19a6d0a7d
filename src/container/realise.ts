/** Makes the kernel's side of a container: its cgroups, and the compiled program that runs commands in it. */
import { applySteps, type HostStep } from "../cgroup/steps.ts";
import type { Entrance } from "../compile/child.ts";
import { compileHotRun } from "../compile/hot-run.ts";
import { errnoOf } from "../errors.ts";
import { encodeProgram } from "../kernel/image.ts";
import type { Program } from "../kernel/program.ts";
import { machineStamp } from "../kernel/stamp.ts";
import { createSteps, processSettings } from "../resources/index.ts";
import { type ContainerSpec, parseSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { parentOf } from "./names.ts";
import { runtimeDirectory } from "./places.ts";
import { makeRuntimeDirectory, readSpecFile, writeProgram } from "./store.ts";

/** The stored spec of a container. */
export async function loadSpec(context: Context, name: string): Promise<ContainerSpec> {
  if (name === "/") return {};
  return parseSpec(readSpecFile(context.places, name), { source: `${name} (stored spec)`, format: "json" });
}

/** The host's side of `create`, as data. */
export function creationSteps(context: Context, name: string, spec: ContainerSpec): HostStep[] {
  return [...context.cgroups.rootSteps(), ...createSteps(context.cgroups, name, spec)];
}

/** Where the container's processes go. */
export function entranceOf(context: Context, name: string, spec: ContainerSpec): Entrance {
  const { cloneInto, procs } = context.cgroups.enter(name);
  return { cloneInto, procs, oomScoreAdj: processSettings(spec).oomScoreAdj };
}

/** The program of `lmctfy run`. */
export function hotProgram(context: Context, name: string, spec: ContainerSpec): Program {
  return compileHotRun(context.arch, {
    name,
    entrance: entranceOf(context, name, spec),
    oomFile: context.cgroups.oomFile(name),
    frozenMark: context.cgroups.frozenMark(name),
    runtimeDirectory: runtimeDirectory(context.places, name),
    stamp: machineStamp(),
  });
}

/**
 * Makes the cgroups and the program; `again` where some of them may still be there. What fails has undone its own directories; the caller holds the container's
 * lock and removes the rest.
 */
export function realise(
  context: Context,
  name: string,
  spec: ContainerSpec,
  options: { again?: boolean } = {},
): void {
  const steps = (): HostStep[] => {
    const all = creationSteps(context, name, spec);
    return options.again ? all.map(step => (step.op === "mkdir" ? { ...step, mayExist: true } : step)) : all;
  };
  try {
    applySteps(steps());
  } catch (error) {
    // The subtree's root is removed when its last container goes, which may have been right now: once more.
    if (errnoOf((error as Error).cause) !== "ENOENT") throw error;
    applySteps(steps());
  }
  makeRuntimeDirectory(context.places, name);
  writeProgram(context.places, name, encodeProgram(hotProgram(context, name, spec)));
}

/** Makes again what a reboot took: the cgroups of the containers above and of this one, and its program. */
export async function ensureRealised(context: Context, name: string): Promise<void> {
  const parent = parentOf(name);
  if (parent !== undefined && parent !== "/" && !context.cgroups.exists(parent))
    await ensureRealised(context, parent);
  realise(context, name, await loadSpec(context, name), { again: true });
}
