/** All resources together: checking a spec, what it writes, its statistics. */
import { statSync } from "node:fs";
import type { Cgroups } from "../cgroup/driver.ts";
import type { ChownStep, HostStep } from "../cgroup/steps.ts";
import type { Owner } from "../cgroup/tree.ts";
import { LmctfyError } from "../errors.ts";
import { NOT_YET } from "../spec/descriptor.ts";
import { ContainerSpec, type ContainerStats } from "../spec/index.ts";
import { cpu } from "./cpu.ts";
import { checkCpuBelow, updateCpu } from "./cpu-update.ts";
import { memory, oomScoreAdjOf } from "./memory.ts";
import { checkMemoryBelow, makeRoom, updateMemory } from "./memory-update.ts";
import { pids, updatePids } from "./pids.ts";
import { type CheckContext, checkRange, type StatsLevel, type UpdateContext } from "./resource.ts";

export type { CheckContext, StatsLevel, UpdateContext } from "./resource.ts";

const RESOURCES = { cpu, memory, pids };

const SERVED = ["owner", "owner_group", "cpu", "memory", "pids"] as const;

/** The largest uid and gid: the kernel keeps the number above them for "no change". */
const MAX_ID = 2n ** 32n - 2n;

/**
 * Throws for what cannot be done: a section or field that nothing serves (all of them by name), a value that makes no
 * sense, something that this machine lacks. Changes nothing.
 */
export function checkSpec(spec: ContainerSpec, context: CheckContext): void {
  refuseUnserved(spec);
  if (spec.owner !== undefined) checkRange("owner", spec.owner, 0n, MAX_ID, "");
  if (spec.owner_group !== undefined) checkRange("owner_group", spec.owner_group, 0n, MAX_ID, "");
  if (spec.cpu) cpu.check(spec.cpu, context);
  if (spec.memory) memory.check(spec.memory, context);
  if (spec.pids) pids.check(spec.pids, context);
}

/** Makes a container's cgroups, gives them their limits, and then their owner. The parent has to exist. */
export function createSteps(cgroups: Cgroups, name: string, spec: ContainerSpec): HostStep[] {
  return [
    ...cgroups.directorySteps(name),
    ...(spec.cpu ? cpu.settings(spec.cpu, cgroups, name) : []),
    ...(spec.memory ? memory.settings(spec.memory, cgroups, name) : []),
    ...(spec.pids ? pids.settings(spec.pids, cgroups, name) : []),
    ...cgroups.ownerSteps(name, ownerOf(spec)),
  ];
}

/** Throws when containers below a container would no longer fit into it; changes nothing. */
export function checkBelow(spec: ContainerSpec, context: UpdateContext): void {
  checkCpuBelow(spec.cpu ?? {}, context);
  checkMemoryBelow(spec.memory ?? {}, context);
}

/** Has what runs in a container give back what a spec does not leave it. Throws when it cannot; changes no setting. */
export function prepareUpdate(spec: ContainerSpec, { cgroups, name }: UpdateContext): void {
  makeRoom(spec.memory ?? {}, cgroups, name);
}

/**
 * Makes a container that exists, whatever is set now, what `createSteps` would have made of it: what the spec does not
 * say goes back to the kernel's default. In an order in which the kernel takes it, whether limits rise or fall. What is
 * so already is not written.
 */
export function updateSteps(spec: ContainerSpec, context: UpdateContext): HostStep[] {
  const { cgroups, name } = context;
  return [
    ...updateCpu(spec.cpu ?? {}, context),
    ...updateMemory(spec.memory ?? {}, context),
    ...updatePids(spec.pids ?? {}, context),
    ...cgroups.ownerSteps(name, ownerOrCaller(spec)).filter(step => step.op !== "chown" || isOthers(step)),
  ];
}

/** What the container's processes set for themselves. */
export interface ProcessSettings {
  /** /proc/self/oom_score_adj; absent when it stays as it is. */
  oomScoreAdj?: number;
}

export function processSettings(spec: ContainerSpec): ProcessSettings {
  const priority = spec.memory?.eviction_priority;
  return priority === undefined ? {} : { oomScoreAdj: oomScoreAdjOf(priority) };
}

/** What the kernel counted for a container and for all below it; without what this machine does not account for. */
export function collectStats(cgroups: Cgroups, name: string, level: StatsLevel): ContainerStats {
  const stats: ContainerStats = {};
  const ofCpu = cpu.stats(cgroups, name, level);
  if (ofCpu) stats.cpu = ofCpu;
  const ofMemory = memory.stats(cgroups, name, level);
  if (ofMemory) stats.memory = ofMemory;
  const ofPids = pids.stats(cgroups, name, level);
  if (ofPids) stats.pids = ofPids;
  return stats;
}

function ownerOf(spec: ContainerSpec): Owner {
  return {
    ...(spec.owner !== undefined && { uid: Number(spec.owner) }),
    ...(spec.owner_group !== undefined && { gid: Number(spec.owner_group) }),
  };
}

/** Without an owner it belongs to whoever makes it. */
function ownerOrCaller(spec: ContainerSpec): Owner {
  return { uid: process.geteuid!(), gid: process.getegid!(), ...ownerOf(spec) };
}

function isOthers({ path, uid, gid }: ChownStep): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  return now?.uid !== uid || now.gid !== gid;
}

function refuseUnserved(spec: ContainerSpec): void {
  const unserved = Object.keys(spec).filter(section => !(SERVED as readonly string[]).includes(section));
  const fields = Object.values(RESOURCES).flatMap(({ section, served }) =>
    Object.keys(spec[section] ?? {})
      .filter(field => !(served as readonly string[]).includes(field))
      .map(field => `${section}.${field}`),
  );
  const all = [...unserved, ...fields];
  if (all.length === 0) return;
  const sections = [
    ...SERVED.slice(0, 2),
    ...Object.values(RESOURCES).map(each => `${each.section} (${each.served.join(", ")})`),
  ];
  throw new LmctfyError("UNIMPLEMENTED", `unimplemented: ${all.map(withReason).join(", ")}`, {
    hint: `Served now: ${sections.join(", ")}.`,
  });
}

/** A field, with the reason why nothing serves it when it is another than that its time has not come. */
function withReason(path: string): string {
  const [section = "", name = ""] = path.split(".");
  const top = ContainerSpec.byName.get(section);
  const type = top?.type;
  const field =
    name === "" || typeof type !== "object" || type.kind !== "message" ? top : type.byName.get(name);
  return field?.unserved === undefined || field.unserved === NOT_YET ? path : `${path} (${field.unserved})`;
}
