/** What the driver of each version does for one hierarchy. */
import type { Controller, Hierarchy } from "./layout.ts";
import { parentOf } from "./names.ts";
import type { Hints, HostStep } from "./steps.ts";

/** The user and group that a container is handed to; an absent half stays as it is. */
export interface Owner {
  uid?: number;
  gid?: number;
  /** Whether the members of the group may do what the user may; as it is when absent. */
  groupManages?: boolean;
}

/** The subtree of one hierarchy. */
export interface Tree {
  readonly hierarchy: Hierarchy;
  /** The directory of the subtree, `<mount>/<subtree>`. */
  readonly base: string;
  /** Whether a container's own tasks sit in a leaf of their own. */
  readonly leaf: boolean;
  /** The file that lists threads. */
  readonly threads: "tasks" | "cgroup.threads";
  has(controller: Controller): boolean;
  /** The directory of a container. */
  directory(name: string): string;
  /** What is missing of the subtree itself; nothing when it is ready for containers. */
  rootSteps(): HostStep[];
  /** Makes the directories of a container. */
  directorySteps(name: string): HostStep[];
  /** Makes a controller count for a container that few containers use; it exists, or is made before. */
  controllerSteps(name: string, controller: Controller): HostStep[];
  /** Makes a container, whose tasks were killed, able to take new ones. */
  renew(name: string): void;
  /** Has the kernel count for the cgroup of a container's own tasks alone, too. */
  leafSteps(name: string): HostStep[];
  /** Makes the cgroup that an init manages itself, with all controllers, and hands it over. */
  managedSteps(name: string, owner: Owner): HostStep[];
  /** Hands the directories of a container to an owner. */
  ownerSteps(name: string, owner: Owner): HostStep[];
}

/** A function that need not compute again what it was asked last: a reading asks twenty times for one container's directory. */
export function rememberLast<A, R>(compute: (argument: A) => R): (argument: A) => R {
  let last: { argument: A; result: R } | undefined;
  return argument => {
    if (last?.argument !== argument) last = { argument, result: compute(argument) };
    return last.result;
  };
}

/** Stage and hints of the steps that make the directories of a container. */
export function creation(name: string): { stage: string; hints: Hints } {
  const parent = parentOf(name);
  const missing =
    parent === "/" ? "The cgroups of lmctfy are not set up." : `Its parent \`${parent}\` does not exist.`;
  return { stage: `creating the cgroups of \`${name}\``, hints: { ENOENT: missing } };
}

/** Hands over a directory and files in it. */
export function chownSteps(
  name: string,
  owner: Owner,
  directory: string,
  files: readonly string[],
): HostStep[] {
  const { uid = -1, gid = -1, groupManages } = owner;
  if (uid === -1 && gid === -1) return [];
  const stage = `setting the owner of \`${name}\``;
  return [directory, ...files.map(file => `${directory}/${file}`)].flatMap((path, i): HostStep[] => [
    { op: "chown", path, uid, gid, stage },
    ...(groupManages === undefined
      ? []
      : [
          { op: "chmod" as const, path, mode: (i === 0 ? 0o755 : 0o644) | (groupManages ? 0o020 : 0), stage },
        ]),
  ]);
}
