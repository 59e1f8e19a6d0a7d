/** Makes the kernel's side of a container: its cgroups, and the compiled program that runs commands in it. */
import { applyStepsWith, type HostStep } from "../cgroup/steps.ts";
import type { Entrance } from "../compile/child.ts";
import { compileHotRun } from "../compile/hot-run.ts";
import { errnoOf } from "../errors.ts";
import { encodeProgram } from "../kernel/image.ts";
import type { Program } from "../kernel/program.ts";
import { machineStamp } from "../kernel/stamp.ts";
import {
  concernsTop,
  createSteps,
  type ProcessSettings,
  prepareUpdate,
  processSettings,
  topSteps,
  type UpdateContext,
  updateSteps,
} from "../resources/index.ts";
import { hasOwnUsers, isolationOf, joiningOf } from "../resources/virtual-host.ts";
import { type ContainerSpec, formatJson, ContainerSpec as message, parseSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { idsOf } from "./ids.ts";
import { initOf } from "./init-process.ts";
import { lockContainer } from "./lock.ts";
import { parentOf } from "./names.ts";
import { runtimeDirectory } from "./places.ts";
import {
  isGiven,
  makeRuntimeDirectory,
  readSpecFile,
  removeProgram,
  subcontainersRecursive,
  writeProgram,
} from "./store.ts";

/** The stored spec of a container. */
export async function loadSpec(context: Context, name: string): Promise<ContainerSpec> {
  if (isGiven(context.places, name)) return {};
  return parseSpec(readSpecFile(context.places, name), { source: `${name} (stored spec)`, format: "json" });
}

/** The host's side of `create`, as data. */
export function creationSteps(context: Context, name: string, spec: ContainerSpec): HostStep[] {
  return [...context.cgroups.rootSteps(), ...createSteps(context.cgroups, name, spec)];
}

/** Where the container's processes go. */
export async function entranceOf(context: Context, name: string, spec: ContainerSpec): Promise<Entrance> {
  const { cloneInto, procs } = context.cgroups.enter(name);
  const entrance = { cloneInto, procs, ...settingsOf(context, await withInherited(context, name, spec)) };
  const isolation = isolationOf(spec, name, hasOwnUsers(spec) ? idsOf(context.places, name) : undefined);
  if (isolation === undefined) return entrance;
  const pid = await initOf(context, name);
  return pid === undefined ? { ...entrance, isolation } : { ...entrance, joining: joiningOf(isolation, pid) };
}

/** A container without a section about security has that of the next one above it that has; a virtual host is protected anyway. */
async function withInherited(context: Context, name: string, spec: ContainerSpec): Promise<ContainerSpec> {
  if (spec.security_spec !== undefined || spec.virtual_host !== undefined) return spec;
  const parent = parentOf(name);
  if (parent === undefined || parent === "/") return spec;
  const { security_spec } = await withInherited(context, parent, await loadSpec(context, parent));
  return security_spec === undefined ? spec : { ...spec, security_spec };
}

/** Those below that have a section from above are compiled anew when they are needed next. The caller holds the lock. */
export async function forgetBelow(context: Context, name: string): Promise<void> {
  for (const inner of subcontainersRecursive(context.places, name)) {
    const { security_spec } = await loadSpec(context, inner);
    if (security_spec === undefined) removeProgram(context.places, inner);
  }
}

/** Enough for the containers that one process runs commands in, again and again. */
const MOST_SETTINGS = 64;

function settingsOf({ processSettings: known }: Context, spec: ContainerSpec): ProcessSettings {
  const key = formatJson(message, spec);
  const before = known.get(key);
  if (before !== undefined) return before;
  const settings = processSettings(spec);
  if (known.size >= MOST_SETTINGS) known.clear();
  known.set(key, settings);
  return settings;
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
