/**
 * The cgroups of containers, whatever the layout of the machine: one subtree per hierarchy, the same directories in
 * each. A container's limits are on its directory in the hierarchy of each controller.
 */
import { existsSync, statSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import { nameOfMembership, readMembership } from "./detect.ts";
import { moveInto } from "./enter.ts";
import { collectIds, ownDirectories, readIds, subdirectories, walk } from "./files.ts";
import {
  type FreezeOptions,
  type FrozenMark,
  freezeTree,
  frozenMark,
  isFrozen,
  thawAll,
  thawTree,
} from "./freeze.ts";
import { isOccupied, type KillOptions, killTree } from "./kill.ts";
import { type CgroupLayout, type Controller, readLayout } from "./layout.ts";
import { checkSubtree, isComponent, LEAF, MANAGED, nameOfPath, parentOf, pathOfContainer } from "./names.ts";
import { removeBase, removeDirectories, removeManaged, takeBack } from "./remove.ts";
import type { HostStep } from "./steps.ts";
import type { Owner, Tree } from "./tree.ts";
import { openV1 } from "./v1.ts";
import { openV2 } from "./v2.ts";

export type { FreezeOptions, FrozenMark } from "./freeze.ts";
export type { KillOptions } from "./kill.ts";
export { parseOomKills } from "./oom.ts";
export type { Owner } from "./tree.ts";

export interface CgroupOptions {
  /** The cgroup below each mount that holds the containers. @default "lmctfy" */
  subtree?: string;
  /** Read from the machine when absent. */
  layout?: CgroupLayout;
}

/** How a new process gets into a container. */
export interface Entry {
  /** The version 2 directory for CLONE_INTO_CGROUP. */
  cloneInto?: string;
  /**
   * Version 1 files that the new process, while it has a single thread, writes "0" to, in this order: the freezer
   * first, so that a kill finds it from then on; memory and cpu last, so that it runs neither out of memory nor into
   * its quota while it holds the kernel's cgroup lock, which would keep everybody waiting. They are `tasks` files:
   * for a thread that moves itself the kernel skips the lock that a write to `cgroup.procs` waits for.
   */
  procs: string[];
}

export interface IdOptions {
  /** Also those of the containers below. */
  recursive?: boolean;
  /** Also those that somebody put into a single version 1 hierarchy. */
  everywhere?: boolean;
}

/** Names are resolved container names; `/` is the subtree itself. */
export interface Cgroups {
  readonly layout: CgroupLayout;
  readonly subtree: string;
  /** What is missing of the subtree; nothing when it is ready. */
  rootSteps(): HostStep[];
  /** Makes the directories of a container, whose parent has to exist. (`createSteps` in resources adds its limits.) */
  directorySteps(name: string): HostStep[];
  /** Makes a controller count for a container that most do without; it exists, or is made before. */
  controllerSteps(name: string, controller: Controller): HostStep[];
  /** Hands the directories to an owner, who may then manage what is below. */
  ownerSteps(name: string, owner: Owner): HostStep[];
  enter(name: string): Entry;
  /** Has the kernel count for the container's own tasks without those below, too; version 1 always does. */
  leafSteps(name: string): HostStep[];
  /** Makes a cgroup that the container's init manages itself, and hands it over; nothing without version 2. */
  managedSteps(name: string, owner: Owner): HostStep[];
  /** Where that init is born; only with version 2. */
  managedDirectory(name: string): string | undefined;
  /** The processes that are in it and below; none without it. */
  managedPids(name: string): number[];
  /** Removes it with all that the init made in it, when nobody is there any more; none is fine. */
  removeManaged(name: string): Promise<void>;
  /** Moves processes into the container, all or none; the function it gives undoes that and tells who could not go back. */
  moveInto(name: string, pids: readonly number[]): () => number[];
  /** The file to read `parseOomKills` from; undefined without a memory controller. */
  oomFile(name: string): string | undefined;
  exists(name: string): boolean;
  /** Whether the container's directory is there and belongs to another user than the caller. */
  isAnothers(name: string): boolean;
  /** Whether somebody else may make containers below the container. */
  isManagedByOthers(name: string): boolean;
  /** A number that no other container has, before or after, of whatever name; undefined without cgroups. */
  identity(name: string): bigint | undefined;
  /** Names of the containers directly below, in order. */
  children(name: string): string[];
  /** Processes, ascending; those that this PID namespace cannot name are left out. */
  pids(name: string, options?: IdOptions): number[];
  tids(name: string, options?: IdOptions): number[];
  /** The container of a process or thread. */
  detect(pid: number | "self"): string;
  /** Kills everything in the container and below; returns when it is empty. */
  kill(name: string, options?: KillOptions): Promise<void>;
  /** Whether a living process is in the container or below. */
  isPopulated(name: string): boolean;
  /** Pauses everything in the container and below; returns when it stands still. */
  freeze(name: string, options?: FreezeOptions): Promise<void>;
  /** Undoes `freeze`; what is paused below by itself stays so. */
  thaw(name: string, options?: FreezeOptions): Promise<void>;
  /** Undoes every `freeze` in the container and below. */
  thawAll(name: string): void;
  /** Whether everything in the container and below stands still. */
  isFrozen(name: string): boolean;
  /** Where a program sees that; undefined where nothing can be paused. */
  frozenMark(name: string): FrozenMark | undefined;
  /** After `kill`, lets the container and all below take new processes; nothing may start in them meanwhile. */
  renew(name: string): void;
  /** Takes what was handed over, and all that was made below it, from their owners: nobody makes or enters anything then. */
  takeBack(name: string): void;
  /** Removes the container's directories and all below; none is fine. `kill`: also when somebody enters meanwhile. */
  remove(name: string, options?: { kill?: boolean }): Promise<void>;
  removeRootIfEmpty(): void;
  /** Names of all containers that have a directory in some hierarchy, each before those below it. */
  strays(): string[];
  /** The version of the hierarchy that carries a controller. */
  version(controller: Controller): 1 | 2 | undefined;
  /** The path of a control file of a container; undefined when no hierarchy carries the controller. */
  controllerFile(name: string, controller: Controller, file: string): string | undefined;
  /** The path of a file that a version 2 hierarchy has with or without controllers, such as `cpu.pressure`. */
  unifiedFile(name: string, file: string): string | undefined;
}

export function openCgroups(options: CgroupOptions = {}): Cgroups {
  const { subtree = "lmctfy", layout = readLayout() } = options;
  checkSubtree(subtree);
  const trees = layout.hierarchies
    .map(hierarchy => (hierarchy.version === 2 ? openV2(hierarchy, subtree) : openV1(hierarchy, subtree)))
    .sort((a, b) => rank(a) - rank(b));
  const treeOf = (controller: Controller) => trees.find(tree => tree.has(controller));
  const unified = trees.find(tree => tree.leaf);
  // The hierarchy that says who is where: every container is in all of them, and a process is in this one first.
  const primary = (): Tree => {
    if (trees[0] !== undefined) return trees[0];
    throw new LmctfyError("FAILED_PRECONDITION", "no cgroup hierarchy is mounted", {
      hint: "Mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    });
  };
  const directoriesOf = (name: string, recursive: boolean) => {
    const directory = primary().directory(name);
    return recursive ? walk(directory) : ownDirectories(directory);
  };

  return {
    layout,
    subtree,
    rootSteps: () => trees.flatMap(tree => tree.rootSteps()),
    directorySteps: name => trees.flatMap(tree => tree.directorySteps(name)),
    controllerSteps: (name, controller) => treeOf(controller)?.controllerSteps(name, controller) ?? [],
    ownerSteps: (name, owner) => trees.flatMap(tree => tree.ownerSteps(name, owner)),

    enter(name) {
      pathOfContainer(name);
      const old = trees.filter(tree => !tree.leaf);
      return {
        ...(unified !== undefined && { cloneInto: `${unified.directory(name)}/${LEAF}` }),
        procs: old.map(tree => `${tree.directory(name)}/tasks`),
      };
    },

    leafSteps: name => trees.flatMap(tree => tree.leafSteps(name)),
    managedSteps: (name, owner) => trees.flatMap(tree => tree.managedSteps(name, owner)),
    managedDirectory: name => unified && `${unified.directory(name)}/${MANAGED}`,
    managedPids(name) {
      const directory = this.managedDirectory(name);
      return directory === undefined ? [] : collectIds(walk(directory), "cgroup.procs");
    },
    async removeManaged(name) {
      if (unified) await removeManaged(unified, name);
    },

    moveInto: (name, pids) => moveInto(trees, pathOfContainer(name), pids),

    oomFile(name) {
      const tree = treeOf("memory");
      if (tree === undefined) return undefined;
      if (!tree.leaf) return `${tree.directory(name)}/memory.oom_control`;
      for (let at = name; ; at = parentOf(at)) {
        const path = `${tree.directory(at)}/memory.events`;
        if (existsSync(path)) return path;
        if (at === "/") return undefined;
      }
    },

    exists: name => existsSync(primary().directory(name)),
    isAnothers(name) {
      const found = statSync(primary().directory(name), { throwIfNoEntry: false });
      return found !== undefined && found.uid !== process.geteuid!();
    },
    isManagedByOthers(name) {
      const found = statSync(primary().directory(name), { throwIfNoEntry: false });
      return found !== undefined && (found.uid !== process.geteuid!() || (found.mode & 0o020) !== 0);
    },
    // The kernel counts on for each new file of a cgroup file system (fs/kernfs/dir.c).
    identity: name => statSync(primary().directory(name), { bigint: true, throwIfNoEntry: false })?.ino,
    children: name =>
      subdirectories(primary().directory(name))
        .filter(isComponent)
        .map(word => (name === "/" ? `/${word}` : `${name}/${word}`)),
    pids: (name, { recursive = false, everywhere = false } = {}) =>
      collectIds(
        everywhere
          ? trees.flatMap(tree => (recursive ? walk : ownDirectories)(tree.directory(name)))
          : directoriesOf(name, recursive),
        "cgroup.procs",
      ),
    tids: (name, { recursive = false } = {}) => collectIds(directoriesOf(name, recursive), primary().threads),
    detect: pid => nameOf(pid, primary(), subtree),

    async kill(name, killOptions) {
      await killTree(trees, name, killOptions);
    },

    isPopulated: name => isOccupied(primary(), name),
    freeze: (name, freezeOptions) => freezeTree(trees, pathOfContainer(name), freezeOptions),
    thaw: (name, freezeOptions) => thawTree(trees, pathOfContainer(name), freezeOptions),
    thawAll: name => thawAll(trees, pathOfContainer(name)),
    isFrozen: name => isFrozen(trees, name),
    frozenMark: name => frozenMark(trees, name),

    renew(name) {
      for (const tree of trees) tree.renew(name);
    },

    takeBack(name) {
      pathOfContainer(name);
      // It is handed over in this hierarchy first.
      if (this.isManagedByOthers(name)) for (const tree of trees) takeBack(tree, name);
    },

    async remove(name, { kill = false } = {}) {
      pathOfContainer(name);
      const strike = kill ? () => killTree(trees, name, { timeout: 1_000 }) : undefined;
      for (const tree of trees) await removeDirectories(tree, name, strike);
    },

    removeRootIfEmpty() {
      for (const tree of trees) removeBase(tree);
    },

    strays() {
      const names = new Set<string>();
      for (const tree of trees) {
        for (const path of walk(tree.base)) names.add(nameOfPath(path.slice(tree.base.length)));
      }
      names.delete("/");
      return [...names].sort();
    },

    version: controller => treeOf(controller)?.hierarchy.version,
    controllerFile(name, controller, file) {
      const tree = treeOf(controller);
      return tree && `${tree.directory(name)}/${file}`;
    },
    unifiedFile: (name, file) => unified && `${unified.directory(name)}/${file}`,
  };
}

function nameOf(pid: number | "self", tree: Tree, subtree: string): string {
  const membership = readMembership(pid);
  // A mount from outside of this process's cgroup namespace: paths and mount have no common beginning, so that only
  // the lists of the containers tell (cgroup_namespaces(7)).
  if (tree.hierarchy.root.startsWith("/..")) return nameByLists(pid === "self" ? process.pid : pid, tree);
  return nameOfMembership(membership, tree.hierarchy, subtree);
}

function nameByLists(pid: number, tree: Tree): string {
  const own = walk(tree.base).find(directory => readIds(`${directory}/${tree.threads}`).includes(pid));
  return own === undefined ? "/" : nameOfPath(own.slice(tree.base.length));
}

/** The place of a hierarchy in the order of entering, see `Entry`; of two with the same rank the first mounted goes first. */
function rank(tree: Tree): number {
  if (tree.leaf) return 0;
  if (tree.has("freezer")) return 1;
  if (tree.has("cpu")) return 4;
  return tree.has("memory") ? 3 : 2;
}
