/** A version 1 hierarchy: one or more controllers, tasks anywhere in the tree. */
import { existsSync } from "node:fs";
import { readControl } from "./files.ts";
import { thaw } from "./kill.ts";
import type { Controller, Hierarchy } from "./layout.ts";
import { checkSubtree, pathOfContainer, pathOfName } from "./names.ts";
import type { HostStep } from "./steps.ts";
import { chownSteps, creation, type Owner, rememberLast, type Tree } from "./tree.ts";

export function openV1(hierarchy: Hierarchy, subtree: string): Tree {
  const base = `${hierarchy.mountPoint}/${subtree}`;
  const has = (controller: Controller) => hierarchy.controllers.includes(controller);
  const directory = rememberLast((name: string) => base + pathOfName(name));
  return {
    hierarchy,
    base,
    leaf: false,
    threads: "tasks",
    has,
    directory,

    rootSteps() {
      const steps: HostStep[] = [];
      let path = hierarchy.mountPoint;
      for (const word of checkSubtree(subtree)) {
        const parent = path;
        path += `/${word}`;
        steps.push(...levelSteps(path, parent, hierarchy));
      }
      return steps;
    },

    directorySteps(name) {
      return [{ op: "mkdir", path: base + pathOfContainer(name), ...creation(name) }];
    },

    controllerSteps: () => [],

    leafSteps: () => [],

    managedSteps: () => [],

    renew: name => thaw(directory(name)),

    ownerSteps(name: string, owner: Owner) {
      return chownSteps(name, owner, directory(name), ["tasks", "cgroup.procs"]);
    },
  };
}

/** What is missing at one level of the subtree. Each kind of hierarchy is asked with a single read. */
function levelSteps(path: string, parent: string, hierarchy: Hierarchy): HostStep[] {
  const stage = "setting up the cgroups of lmctfy";
  const mkdir: HostStep = { op: "mkdir", path, stage, mayExist: true };
  const write = (file: string, value: string): HostStep => ({
    op: "write",
    path: `${path}/${file}`,
    value,
    stage,
  });
  const cpuset = hierarchy.controllers.includes("cpuset");
  const memory = hierarchy.controllers.includes("memory");
  const steps: HostStep[] = [];
  if (cpuset && !readControl(`${path}/cpuset.cpus`)?.trim()) {
    // A new cpuset is empty and takes no task. Ours hands its CPUs on to the cgroups made below it; the CPUs come
    // last, so that a set-up that was cut short is seen and repeated.
    steps.push(write("cgroup.clone_children", "1"));
    for (const file of ["cpuset.mems", "cpuset.cpus"]) steps.push(write(file, inherited(parent, file)));
  }
  if (memory && (readControl(`${path}/memory.use_hierarchy`) ?? useHierarchy(parent)).trim() === "0") {
    // Before Linux 5.11 a limit bound the children only when asked to, and only before there were any.
    steps.push(write("memory.use_hierarchy", "1"));
  }
  if (steps.length > 0 || !existsSync(path)) steps.unshift(mkdir);
  return steps;
}

/** The value of the nearest cgroup above that has one. */
function inherited(directory: string, file: string): string {
  for (let at = directory; at.includes("/"); at = at.slice(0, at.lastIndexOf("/"))) {
    const value = readControl(`${at}/${file}`);
    // Above the mount point there is no such file; a level that is still to be made has none either.
    if (value?.trim()) return value.trim();
  }
  return "0";
}

function useHierarchy(directory: string): string {
  return readControl(`${directory}/memory.use_hierarchy`) ?? "1";
}
