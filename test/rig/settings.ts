/** All that is set for a container: control files, owners, stored spec and program. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readLayout } from "../../src/cgroup/layout.ts";
import { placesOf, runtimeDirectory, stateDirectory } from "../../src/container/places.ts";

/** Writable files that hold counters or members, or only take orders. */
const NO_SETTINGS =
  /usage|failcnt|peak|pressure|procs|threads|tasks|kill|reclaim|force_empty|event_control|cpuacct\.|reset|slabinfo|stat$/;

/** The contents of the control files of a container's own directory in each hierarchy, and whose they are. */
export function controlFiles(root: string, name: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { mountPoint } of readLayout().hierarchies) {
    const directory = join(mountPoint, placesOf(root).subtree, name);
    if (!existsSync(directory)) continue;
    const { uid, gid } = statSync(directory);
    found[`${mountPoint} owner`] = `${uid}:${gid}`;
    for (const file of readdirSync(directory)) {
      const path = join(directory, file);
      const stat = statSync(path);
      if (!stat.isFile() || (stat.mode & 0o600) !== 0o600 || NO_SETTINGS.test(file)) continue;
      try {
        found[`${mountPoint} ${file}`] = readFileSync(path, "utf8");
      } catch {
        // one of those that cannot be read here
      }
    }
  }
  return found;
}

/** The same with what lmctfy itself keeps. */
export function everythingOf(root: string, name: string): Record<string, string> {
  const places = placesOf(root);
  return {
    ...controlFiles(root, name),
    spec: readFileSync(join(stateDirectory(places, name), "_spec.json"), "utf8"),
    program: readFileSync(join(runtimeDirectory(places, name), "_run.prog"), "hex"),
    files: readdirSync(runtimeDirectory(places, name)).join(),
  };
}
