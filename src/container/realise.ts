/** Makes the kernel's side of a container: its cgroups, and the compiled program that runs commands in it. */
import { applyStepsWith, type HostStep } from "../cgroup/steps.ts";
import { compileHotRun } from "../compile/hot-run.ts";
import { errnoOf } from "../errors.ts";
import { encodeProgram } from "../kernel/image.ts";
import type { Program } from "../kernel/program.ts";
import { machineStamp } from "../kernel/stamp.ts";
import {
  concernsTop,
  createSteps,
  prepareUpdate,
  topSteps,
  type UpdateContext,
  updateSteps,
} from "../resources/index.ts";
import { type ContainerSpec, formatJson, ContainerSpec as message } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { settleCounters } from "./counters.ts";
import { entranceOf, standsAlone, withInherited } from "./entrance.ts";
import { lockContainer } from "./lock.ts";
import { parentOf } from "./names.ts";
import { runtimeDirectory } from "./places.ts";
import { makeRuntimeDirectory, removeProgram, subcontainersRecursive, writeProgram } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";

/** The host's side of `create`, as data. */
export function creationSteps(context: Context, name: string, spec: ContainerSpec): HostStep[] {
  return [...context.cgroups.rootSteps(), ...createSteps(context.cgroups, name, spec)];
}

/** Those below that have a section from above are compiled anew when they are needed next. The caller holds the lock. */
export async function forgetBelow(context: Context, name: string): Promise<void> {
  for (const inner of subcontainersRecursive(context.places, name)) {
    const { security_spec, virtual_host } = await loadSpec(context, inner);
    if (security_spec === undefined || virtual_host === undefined) removeProgram(context.places, inner);
  }
}

/** The program of `lmctfy run`. */
export async function hotProgram(context: Context, name: string, spec: ContainerSpec): Promise<Program> {
  return compileHotRun(context.arch, {
    name,
    entrance: await entranceOf(context, name, spec),
    oomFile: context.cgroups.oomFile(name),
    frozenMark: context.cgroups.frozenMark(name),
    runtimeDirectory: runtimeDirectory(context.places, name),
    stamp: machineStamp(),
  });
}

/**
 * Makes the cgroups of a new container. What fails has undone its own directories; the caller holds the
 * container's lock and removes the rest.
 */
export async function realise(context: Context, name: string, spec: ContainerSpec): Promise<void> {
  await applyBelowRoot(context, () => creationSteps(context, name, spec));
  await settleTop(context, name, spec);
}

/**
 * Makes a container again what its spec says, whatever is left of it: the directories and the program that a restart of
 * the machine took, and every setting that an update left half way. The caller holds its lock.
 */
export async function ensureRealised(context: Context, name: string): Promise<void> {
  const { cgroups } = context;
  const parent = parentOf(name);
  if (parent !== undefined && parent !== "/" && !cgroups.exists(parent))
    await ensureRealised(context, parent);
  const spec = await loadSpec(context, name);
  await applyBelowRoot(context, () =>
    [...cgroups.rootSteps(), ...cgroups.directorySteps(name)].map(step =>
      step.op === "mkdir" ? { ...step, mayExist: true } : step,
    ),
  );
  await applyUpdate(context, spec, await updateContextOf(context, name));
  await settleCounters(context, name, spec);
  await compileProgram(context, name, spec);
}

/** A container that exists, with what is below it. */
export async function updateContextOf(context: Context, name: string): Promise<UpdateContext> {
  const below: { name: string; spec: ContainerSpec }[] = [];
  for (const inner of subcontainersRecursive(context.places, name))
    below.push({ name: inner, spec: await loadSpec(context, inner) });
  return { cgroups: context.cgroups, name, below };
}

/** Makes the settings of a container that exists those of a spec. */
export async function applyUpdate(
  context: Context,
  spec: ContainerSpec,
  target: UpdateContext,
): Promise<void> {
  prepareUpdate(spec, target);
  await apply(context, updateSteps(spec, target));
  await settleTop(context, target.name, spec);
}

export async function compileProgram(context: Context, name: string, spec: ContainerSpec): Promise<void> {
  makeRuntimeDirectory(context.places, name);
  // What others are changes without this one's knowing: it is looked up for each command.
  if (!(await standsAlone(context, name, spec))) {
    removeProgram(context.places, name);
    return;
  }
  // Whoever changes a container above drops our program after that: what is written before is what they drop, and what
  // they changed before is seen by the second look.
  for (let compiled: string | undefined; ; ) {
    const now = formatJson(message, await withInherited(context, name, spec));
    if (now === compiled) return;
    compiled = now;
    writeProgram(context.places, name, encodeProgram(await hotProgram(context, name, spec)));
  }
}

/** Sets what the cgroup of all containers needs for one directly in it, or no longer needs (`spec` is empty then). */
export async function settleTop(context: Context, name: string, spec: ContainerSpec): Promise<void> {
  const { cgroups, executor, arch, places } = context;
  if (parentOf(name) !== "/" || !concernsTop(spec, cgroups)) return;
  using _lock = await lockContainer(executor, arch, places, "/", { mode: "exclusive" });
  await apply(context, topSteps(cgroups));
}

/** Does host steps, the programs among them in the executor. */
export async function apply(context: Context, steps: readonly HostStep[]): Promise<void> {
  await applyStepsWith(program => context.executor.run(program), steps);
}

/** The subtree's root is removed when its last container goes, which may be right now: then once more. */
async function applyBelowRoot(context: Context, steps: () => HostStep[]): Promise<void> {
  await context.requireDelegation();
  try {
    await apply(context, steps());
  } catch (error) {
    if (errnoOf((error as Error).cause) !== "ENOENT") throw error;
    await apply(context, steps());
  }
  context.noteDelegation();
}
