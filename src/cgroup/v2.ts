/** The version 2 hierarchy: controllers are enabled from the top down, tasks sit in leaves. */
import { chownSync, mkdirSync, rmdirSync, statSync } from "node:fs";
import { errnoOf, fromSystemError } from "../errors.ts";
import { readControl, readIds, walk } from "./files.ts";
import type { Controller, Hierarchy } from "./layout.ts";
import { CALLERS, checkSubtree, LEAF, MANAGED, parentOf, pathOfContainer, pathOfName } from "./names.ts";
import type { Hints, HostStep } from "./steps.ts";
import { chownSteps, creation, type Owner, rememberLast, type Tree } from "./tree.ts";

/** The controllers that containers use. Each one that is enabled costs time at every new cgroup, so there are no more. */
const USED: readonly Controller[] = ["cpu", "cpuset", "io", "memory", "pids"];

/** What who is to manage a cgroup has to own (Documentation/admin-guide/cgroup-v2.rst, "Model of Delegation"). */
const HANDED_OVER = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/** A name has up to 255 bytes, and a path up to 4096. */
const MOST_DEPTH = 12;
const MOST_MANAGED = 10_000;

const BUSY =
  "Processes sit in this cgroup, and cgroup v2 allows controllers for children only without them: move the processes" +
  " to a child cgroup, or start lmctfy in a cgroup that was delegated to it (systemd: Delegate=yes).";

const REALTIME =
  "A kernel with CONFIG_RT_GROUP_SCHED gives no CPU controller to children while real-time processes run outside of" +
  " the root cgroup.";

export function openV2(hierarchy: Hierarchy, subtree: string): Tree {
  const base = `${hierarchy.mountPoint}/${subtree}`;
  const used = USED.filter(controller => hierarchy.controllers.includes(controller));
  const directory = rememberLast((name: string) => base + pathOfName(name));
  return {
    hierarchy,
    base,
    leaf: true,
    threads: "cgroup.threads",
    has: controller => hierarchy.controllers.includes(controller),
    directory,

    rootSteps() {
      const stage = "setting up the cgroups of lmctfy";
      // What is enabled at the bottom is enabled all the way down to it.
      const ready = readControl(`${base}/cgroup.subtree_control`);
      if (ready !== undefined && missing(ready, used).length === 0) return [];
      const steps = enable(hierarchy.mountPoint, used, stage);
      if (
        hierarchy.callers &&
        steps.length > 0 &&
        readIds(`${hierarchy.mountPoint}/cgroup.procs`).length > 0
      ) {
        const into = `${hierarchy.mountPoint}/${CALLERS}`;
        steps.unshift({ op: "vacate", path: hierarchy.mountPoint, into, stage });
      }
      let path = hierarchy.mountPoint;
      for (const word of checkSubtree(subtree)) {
        path += `/${word}`;
        steps.push({ op: "mkdir", path, stage, mayExist: true }, ...enable(path, used, stage));
      }
      return steps;
    },

    directorySteps(name) {
      const path = base + pathOfContainer(name);
      const parent = parentOf(name);
      const about = creation(name);
      // A container gives its children controllers once it has children: until then its leaf does without cgroups of
      // its own for each controller, which halves the cost of making it. rootSteps did it for those at the top.
      const parentSteps =
        parent === "/" || used.length === 0 ? [] : enable(directory(parent), used, about.stage, about.hints);
      return [
        ...parentSteps,
        { op: "mkdir", path, ...about },
        { op: "mkdir", path: `${path}/${LEAF}`, ...about },
      ];
    },

    controllerSteps(name, controller) {
      const steps: HostStep[] = [];
      const end = parentOf(name) === "/" ? base : directory(parentOf(name));
      let path = hierarchy.mountPoint;
      for (const word of ["", ...end.slice(path.length + 1).split("/")]) {
        if (word !== "") path += `/${word}`;
        steps.push(...enable(path, [controller], `setting up the ${controller} controller`));
      }
      return steps;
    },

    renew: name => renewLeaves(directory(name)),

    leafSteps: name => enable(directory(name), used, `setting up the cgroups of \`${name}\``),

    managedSteps(name, owner) {
      const path = `${directory(name)}/${MANAGED}`;
      const stage = `making the cgroup of the init of \`${name}\``;
      const most = (file: string, value: number): HostStep => ({
        op: "write",
        path: `${path}/cgroup.max.${file}`,
        value: String(value),
        stage,
        optional: true,
      });
      return [
        ...this.leafSteps(name),
        { op: "mkdir", path, stage, mayExist: true },
        // What is made in it has to be removed by its path, and each costs the kernel memory.
        most("depth", MOST_DEPTH),
        most("descendants", MOST_MANAGED),
        ...chownSteps(name, owner, path, HANDED_OVER),
      ];
    },

    ownerSteps(name: string, owner: Owner) {
      const path = directory(name);
      return [path, `${path}/${LEAF}`].flatMap(each => chownSteps(name, owner, each, HANDED_OVER));
    },
  };
}

/**
 * A process that clone3 puts into a cgroup on which cgroup.kill was ever used is killed at birth, unless its parent's
 * cgroup was killed as often: the kernel compares the two counts (kernel/cgroup/cgroup.c, kill_seq). A new leaf starts
 * to count anew.
 */
function renewLeaves(directory: string): void {
  for (const leaf of walk(directory).filter(path => path.endsWith(`/${LEAF}`))) {
    try {
      const { uid, gid } = statSync(leaf);
      rmdirSync(leaf);
      mkdirSync(leaf, 0o755);
      for (const file of ["", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"]) {
        if (uid !== 0 || gid !== 0) chownSync(leaf + file, uid, gid);
      }
    } catch (error) {
      // EBUSY: there are processes in it, so it takes some.
      if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "EBUSY")
        throw fromSystemError(error, "renew", leaf);
    }
  }
}

/** Enables what is missing of some controllers for the children of a cgroup; a cgroup that is still to be made lacks all. */
function enable(
  path: string,
  controllers: readonly Controller[],
  stage: string,
  hints: Hints = {},
): HostStep[] {
  const value = missing(readControl(`${path}/cgroup.subtree_control`) ?? "", controllers)
    .map(controller => `+${controller}`)
    .join(" ");
  if (value === "") return [];
  return [
    {
      op: "write",
      path: `${path}/cgroup.subtree_control`,
      value,
      stage,
      hints: { EBUSY: BUSY, EINVAL: REALTIME, ...hints },
    },
  ];
}

function missing(enabled: string, controllers: readonly Controller[]): Controller[] {
  const words = enabled.trim().split(" ");
  return controllers.filter(controller => !words.includes(controller));
}
