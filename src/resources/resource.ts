/** What each resource does: its part of the spec, its checks, what it writes, its statistics. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl } from "../cgroup/files.ts";
import type { Controller } from "../cgroup/layout.ts";
import type { HostStep, WriteStep } from "../cgroup/steps.ts";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpec, ContainerStats } from "../spec/index.ts";
import type { ProcessLimit } from "./rlimits.ts";
import type { ProcessSecurity } from "./security/index.ts";

/** The sections of a spec that are resources: messages of their own. */
export type Section = {
  [K in keyof ContainerSpec]-?: NonNullable<ContainerSpec[K]> extends object ? K : never;
}[keyof ContainerSpec];

/** `summary` is what one watches, `full` is all that the kernel tells. */
export type StatsLevel = "summary" | "full";

/** What a spec is checked against. */
export interface CheckContext {
  cgroups: Cgroups;
  /** The container that the spec is for; it need not exist yet. */
  name: string;
  /** All of the spec. */
  spec?: ContainerSpec;
  /** Where the facts about this process are. @default "/proc/self" */
  proc?: string;
}

/** What an update is made for. */
export interface UpdateContext {
  cgroups: Cgroups;
  /** The container, which exists. */
  name: string;
  /** What it was set to; undefined when that is not known for sure. */
  before?: ContainerSpec | undefined;
  /** The containers below it, parents before their children. */
  below: readonly { readonly name: string; readonly spec: ContainerSpec }[];
}

/** What the container's processes set for themselves, before they become its user. */
export interface ProcessSettings {
  /** /proc/self/oom_score_adj; absent when it stays as it is. */
  oomScoreAdj?: number;
  /** Limits of each process by itself; absent when they stay as they are. */
  limits?: readonly ProcessLimit[];
  /** What it gives up; absent when nothing. */
  security?: ProcessSecurity;
}

/** What is to be set. */
export interface Target {
  cgroups: Cgroups;
  name: string;
  /** It was just made, and has the kernel's defaults. */
  fresh: boolean;
}

type SpecOf<S extends Section> = NonNullable<ContainerSpec[S]>;
type StatsOf<S extends Section> = S extends keyof ContainerStats ? ContainerStats[S] : never;

/**
 * One section of the spec. What the descriptors call `unserved` (src/spec/messages) is refused before a resource sees
 * it. A section that the spec does not have is not checked and not set; an update sees it as an empty one.
 */
export interface Resource<S extends Section> {
  readonly section: S;
  /** Also a container without the section is set up: what those above have is not handed down by the kernel. */
  readonly inherits?: true;
  /** Throws when the section makes no sense, or cannot be had on this machine; changes nothing. */
  check(spec: SpecOf<S>, context: CheckContext): void;
  /** What a container that was just made needs written to become what the section says. */
  settings(spec: SpecOf<S>, cgroups: Cgroups, name: string): HostStep[];
  /** Throws when containers below a container would no longer fit into it; changes nothing. */
  checkBelow?(spec: SpecOf<S>, context: UpdateContext): void;
  /** Has what runs in a container give back what a spec does not leave it. Throws when it cannot; changes no setting. */
  prepareUpdate?(spec: SpecOf<S>, context: UpdateContext): void;
  /** Makes a container that exists, whatever is set now, what `settings` would have made of it. */
  update(spec: SpecOf<S>, context: UpdateContext): HostStep[];
  /** Lifts what keeps a process that was killed from dying. */
  release?(cgroups: Cgroups, name: string): HostStep[];
  /**
   * Whether the cgroup that all containers lie in has to be set anew, for the sake of a container directly in it that
   * becomes what the section says. (An empty one: that goes away.)
   */
  concernsTop?(spec: SpecOf<S>, cgroups: Cgroups): boolean;
  /** Sets it, from what the containers directly in it have. Nobody else does so meanwhile. */
  atTop?(cgroups: Cgroups): HostStep[];
  /** What its processes set for themselves. */
  processSettings?(spec: SpecOf<S>, whole: ContainerSpec): ProcessSettings;
  /** Undefined where the machine does not account for the resource. */
  stats?(cgroups: Cgroups, name: string, level: StatsLevel): StatsOf<S> | undefined;
}

/** The largest int64, and what is as good as no limit from there on. */
export const INT64_MAX = (1n << 63n) - 1n;

/** Refuses a value outside of its range, with the range in the message. */
export function checkRange(field: string, value: bigint, low: bigint, high: bigint, about: string): void {
  if (value >= low && value <= high) return;
  throw invalid(`${field} ${value} is out of range: ${low} to ${high} ${about}`.trimEnd());
}

export function invalid(message: string, hint?: string): LmctfyError {
  return new LmctfyError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}

/** Refuses a field whose controller this machine does not have. */
export function needController(field: string, controller: Controller, cgroups: Cgroups): void {
  if (cgroups.version(controller) !== undefined) return;
  const off = cgroups.layout.disabled.includes(controller);
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${field} needs the ${controller} controller, and no cgroup hierarchy here carries it`,
    {
      hint: off
        ? `The kernel was started with it switched off: remove cgroup_disable=${controller} from its command line.`
        : "`lmctfy features` shows the hierarchies and what they carry.",
    },
  );
}

/** Refuses what containers below do not allow. */
export function refuseBelow(message: string, below: string): LmctfyError {
  return new LmctfyError("FAILED_PRECONDITION", message, {
    path: below,
    hint: `Change \`${below}\` first.`,
  });
}

/**
 * A write to a control file unless it says so already. `needed`: also when there is no such file, which is then an error;
 * otherwise the file is of a kernel or controller that is not here, and there is nothing to put back.
 */
export function change(
  cgroups: Cgroups,
  name: string,
  controller: Controller,
  file: string,
  value: bigint | number | string,
  field: string,
  more: Partial<Pick<WriteStep, "optional" | "hints">> & {
    needed?: boolean;
    same?: (now: string, wanted: string) => boolean;
  } = {},
): HostStep[] {
  const { needed = false, same = (now, wanted) => now === wanted.trim(), ...rest } = more;
  const path = cgroups.controllerFile(name, controller, file);
  const now = path === undefined ? undefined : readControl(path)?.trim();
  if (now === undefined ? !needed : same(now, String(value))) return [];
  return [setting(cgroups, name, controller, file, value, field, rest)];
}

/** A write to a control file, made where the controller is present. */
export function setting(
  cgroups: Cgroups,
  name: string,
  controller: Controller,
  file: string,
  value: bigint | number | string,
  field: string,
  more: Partial<Pick<WriteStep, "optional" | "hints">> = {},
): HostStep {
  const path = cgroups.controllerFile(name, controller, file);
  if (path === undefined) throw new LmctfyError("INTERNAL", `${field}: no ${controller} controller`);
  return { op: "write", path, value: String(value), stage: `setting ${field}`, ...more };
}
