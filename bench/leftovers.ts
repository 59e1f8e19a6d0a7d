/** Whether the bench, or what it measured, left something on the machine. */
import { readdirSync, readFileSync } from "node:fs";
import { readLayout } from "../src/cgroup/layout.ts";
import { PREFIX } from "./cgroup.ts";

export type Snapshot = ReadonlySet<string>;

/** Cgroups and runtime files that carry the bench's prefix, mounts, and cgroup hierarchies. */
export function takeSnapshot(): Snapshot {
  const found = new Set<string>();
  for (const { mountPoint } of readLayout().hierarchies) {
    for (const directory of [mountPoint, `${mountPoint}/lmctfy`]) addNames(found, "cgroup", directory);
  }
  for (const directory of [
    "/run/crun",
    "/run/runc",
    "/run/lmctfy/containers",
    "/var/lib/lmctfy/containers",
  ]) {
    addNames(found, "file", directory);
  }
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    if (line.includes(PREFIX)) found.add(`mount ${line}`);
  }
  for (const line of readFileSync("/proc/cgroups", "utf8").split("\n")) {
    const [controller, hierarchy] = line.split("\t");
    if (hierarchy !== undefined && hierarchy !== "0") found.add(`hierarchy of ${controller}`);
  }
  return found;
}

/** What is there now and was not before. */
export function leftovers(before: Snapshot): string[] {
  return [...takeSnapshot()].filter(each => !before.has(each));
}

function addNames(found: Set<string>, kind: string, directory: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch {
    return; // nothing was ever made there
  }
  for (const name of names) if (name.startsWith(PREFIX)) found.add(`${kind} ${directory}/${name}`);
}
