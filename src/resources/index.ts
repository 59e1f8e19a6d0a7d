/** All resources together: checking a spec, what it writes, its statistics. */
import { statSync } from "node:fs";
import type { Cgroups } from "../cgroup/driver.ts";
import { parentOf } from "../cgroup/names.ts";
import type { HostStep } from "../cgroup/steps.ts";
import type { Owner } from "../cgroup/tree.ts";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpec, ContainerStats } from "../spec/index.ts";
import { blockio } from "./blockio/index.ts";
import { cpu } from "./cpu/index.ts";
import { runnableTasks } from "./cpu/stats.ts";
import { withDefaults } from "./defaults.ts";
import { device } from "./device/index.ts";
import { filesystem } from "./filesystem.ts";
import { memory } from "./memory/index.ts";
import { monitoring } from "./monitoring.ts";
import { pids } from "./pids.ts";
import {
  type CheckContext,
  checkRange,
  invalid,
  type ProcessSettings,
  type Resource,
  type Section,
  type StatsLevel,
  type UpdateContext,
} from "./resource.ts";
import { checkRights } from "./rights.ts";
import { rlimits } from "./rlimits.ts";
import { security } from "./security/index.ts";
import { refuseUnserved } from "./unserved.ts";
import { virtualHost } from "./virtual-host.ts";

export type { CheckContext, ProcessSettings, StatsLevel, UpdateContext } from "./resource.ts";
export { withFilesRead } from "./security/index.ts";

/** In the order in which they are set, changed and shown. */
export const RESOURCES: { readonly [S in Section]?: Resource<S> } = {
  cpu,
  memory,
  blockio,
  device,
  filesystem,
  virtual_host: virtualHost,
  monitoring,
  pids,
  rlimits,
  security_spec: security,
};

const MOST_CHILDREN = 1_000_000n;

/** The largest uid and gid: the kernel keeps the number above them for "no change". */
const MAX_ID = 2n ** 32n - 2n;

type AnyResource = Resource<Section>;
type AnySection = NonNullable<ContainerSpec[Section]>;

/** Calls something of each resource with its section, which is `absent` where the spec has none; without that, it is left out. */
function each<T>(
  spec: ContainerSpec,
  absent: "left out" | "empty",
  call: (resource: AnyResource, section: AnySection) => T | undefined,
): T[] {
  const results: T[] = [];
  for (const resource of Object.values(RESOURCES) as AnyResource[]) {
    const section = spec[resource.section] ?? (absent === "empty" ? {} : undefined);
    const result = section && call(resource, section);
    if (result !== undefined) results.push(result);
  }
  return results;
}

/**
 * Throws for what cannot be done: a section or field that nothing serves (all of them by name), a value that makes no
 * sense, something that this machine lacks. Changes nothing.
 */
export function checkSpec(spec: ContainerSpec, context: CheckContext): void {
  refuseUnserved(spec);
  checkRights(spec);
  if (spec.owner !== undefined) checkRange("owner", spec.owner, 0n, MAX_ID, "");
  if (spec.children_limit !== undefined)
    checkRange("children_limit", spec.children_limit, 0n, MOST_CHILDREN, "containers");
  if (spec.owner_group !== undefined) checkRange("owner_group", spec.owner_group, 0n, MAX_ID, "");
  const whole = withDefaults(spec, context.cgroups);
  each(whole, "left out", (resource, section) => resource.check(section, { ...context, spec: whole }));
  checkView(spec);
}

/** A root and mounts of its own are for a container with a view of its own. */
function checkView(spec: ContainerSpec): void {
  const { filesystem: files, virtual_host } = spec;
  if (virtual_host !== undefined) return;
  for (const field of ["rootfs", "mounts", "read_only", "empty_root", "layers", "ephemeral"] as const) {
    if (files?.[field] === undefined) continue;
    throw invalid(`filesystem.${field} needs a virtual_host beside it`, "Add `virtual_host:{}`.");
  }
}

/** Makes a container's cgroups, gives them their limits, and then their owner. The parent has to exist. */
export function createSteps(cgroups: Cgroups, name: string, spec: ContainerSpec): HostStep[] {
  const whole = withDefaults(spec, cgroups);
  return [
    ...cgroups.directorySteps(name),
    ...each(whole, "empty", (resource, section) =>
      resource.inherits || whole[resource.section] ? resource.settings(section, cgroups, name) : undefined,
    ).flat(),
    ...cgroups.ownerSteps(name, ownerOf(spec)),
  ];
}

/** Throws when containers below a container would no longer fit into it; changes nothing. */
export function checkBelow(spec: ContainerSpec, context: UpdateContext): void {
  each(spec, "empty", (resource, section) => resource.checkBelow?.(section, context));
  const children = context.below.filter(({ name }) => parentOf(name) === context.name).length;
  if (spec.children_limit === undefined || spec.children_limit >= BigInt(children)) return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `children_limit ${spec.children_limit} is less than the containers in \`${context.name}\`, which are ${children}`,
    { path: context.name, hint: "Destroy some of them first." },
  );
}

/** Has what runs in a container give back what a spec does not leave it. Throws when it cannot; changes no setting. */
export function prepareUpdate(spec: ContainerSpec, context: UpdateContext): void {
  each(spec, "empty", (resource, section) => resource.prepareUpdate?.(section, context));
}

/** Lifts what keeps the killed from dying, in a container alone. What it was set to is for an update to put back. */
export function releaseSteps(cgroups: Cgroups, name: string): HostStep[] {
  return each({}, "empty", resource => resource.release?.(cgroups, name)).flat();
}

/**
 * Makes a container that exists, whatever is set now, what `createSteps` would have made of it: what the spec does not
 * say goes back to the kernel's default. In an order in which the kernel takes it, whether limits rise or fall. What is
 * so already is not written.
 */
export function updateSteps(spec: ContainerSpec, context: UpdateContext): HostStep[] {
  const { cgroups, name, before } = context;
  const wholes = { ...context, before: before && withDefaults(before, cgroups) };
  return [
    ...each(withDefaults(spec, cgroups), "empty", (resource, section) =>
      resource.update(section, wholes),
    ).flat(),
    ...cgroups.ownerSteps(name, ownerOrCaller(spec)).filter(isNeeded),
  ];
}

/** Whether the cgroup that all containers lie in has to be set anew when one directly in it becomes this. */
export function concernsTop(spec: ContainerSpec, cgroups: Cgroups): boolean {
  return each(spec, "empty", (resource, section) => resource.concernsTop?.(section, cgroups)).includes(true);
}

/** Sets it. Whoever does so holds its lock: it follows from what all containers in it have. */
export function topSteps(cgroups: Cgroups): HostStep[] {
  return each({}, "empty", resource => resource.atTop?.(cgroups)).flat();
}

export function processSettings(spec: ContainerSpec): ProcessSettings {
  const whole = withDefaults(spec);
  return Object.assign(
    {},
    ...each(whole, "left out", (resource, section) => resource.processSettings?.(section, whole)),
  );
}

/** What the kernel counted for a container and for all below it; without what this machine does not account for. */
export function collectStats(cgroups: Cgroups, name: string, level: StatsLevel): ContainerStats {
  const found = each({}, "empty", (resource, _) => {
    const stats = resource.stats?.(cgroups, name, level);
    return stats && ([resource.section, stats] as const);
  });
  const stats: ContainerStats = Object.fromEntries(found);
  // Last, for without tasks there is nothing to look for.
  if (level === "full" && stats.cpu)
    stats.cpu.load = stats.pids?.current === 0n ? 0 : runnableTasks(cgroups, name);
  return stats;
}

function ownerOf(spec: ContainerSpec): Owner {
  return {
    ...(spec.owner !== undefined && { uid: Number(spec.owner) }),
    ...(spec.owner_group !== undefined && { gid: Number(spec.owner_group), groupManages: true }),
  };
}

/** Without an owner it belongs to whoever makes it. */
function ownerOrCaller(spec: ContainerSpec): Owner {
  return { uid: process.geteuid!(), gid: process.getegid!(), groupManages: false, ...ownerOf(spec) };
}

function isNeeded(step: HostStep): boolean {
  if (step.op !== "chown" && step.op !== "chmod") return true;
  const now = statSync(step.path, { throwIfNoEntry: false });
  if (now === undefined) return step.op === "chown"; // whose failure tells
  return step.op === "chmod"
    ? (now.mode & 0o7777) !== step.mode
    : now.uid !== step.uid || now.gid !== step.gid;
}
