/** Which cgroup hierarchies this machine (or container) has, and where they are mounted. */
import { readFileSync } from "node:fs";
import { isReachable, parseMountinfo } from "./mountinfo.ts";

const CONTROLLERS = [
  "blkio",
  "cpu",
  "cpuacct",
  "cpuset",
  "devices",
  "dmem",
  "freezer",
  "hugetlb",
  "io",
  "memory",
  "misc",
  "net_cls",
  "net_prio",
  "perf_event",
  "pids",
  "rdma",
] as const;

/** A controller of either version; what version 1 calls `blkio` is `io` in version 2. */
export type Controller = (typeof CONTROLLERS)[number];

/** A mounted hierarchy of cgroups. */
export interface Hierarchy {
  version: 1 | 2;
  mountPoint: string;
  /** The directory of the hierarchy that is mounted: `/`, or in a container its own cgroup. */
  root: string;
  /** In alphabetical order. */
  controllers: Controller[];
  /** Whether the top is a cgroup that was handed over with processes in it, those who use lmctfy. @default false */
  callers?: boolean;
}

/**
 * - `v2`: one hierarchy for all controllers.
 * - `v1`: a hierarchy per controller, or several controllers on one.
 * - `hybrid`: version 1, and a version 2 mount with the controllers that are left, if any.
 * - `none`: no cgroups at all.
 */
export interface CgroupLayout {
  kind: "v2" | "v1" | "hybrid" | "none";
  hierarchies: Hierarchy[];
  /** Controllers that the kernel has and that were switched off when it was started. */
  disabled: Controller[];
}

/** The layout of this process's view of the machine. */
export function readLayout(): CgroupLayout {
  return parseLayout(readFileSync("/proc/self/mountinfo", "utf8"), readText("/proc/cgroups"), mountPoint =>
    readText(`${mountPoint}/cgroup.controllers`).trim().split(" "),
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * Finds the hierarchies in a mount table. Of several mounts of one hierarchy the first counts, one that shows all of
 * it before one that shows a part. Named hierarchies without controllers (`name=systemd`) are somebody else's.
 */
export function parseLayout(
  mountinfo: string,
  procCgroups: string,
  v2Controllers: (mountPoint: string) => string[],
): CgroupLayout {
  const mounts = parseMountinfo(mountinfo);
  const found = new Map<string, Hierarchy>();
  for (const mount of mounts) {
    const version = mount.type === "cgroup2" ? 2 : mount.type === "cgroup" ? 1 : undefined;
    if (version === undefined || !isReachable(mount, mounts)) continue;
    const controllers =
      version === 1 ? knownControllers(mount.options) : knownControllers(v2Controllers(mount.mountPoint));
    if (version === 1 && controllers.length === 0) continue;
    const key = version === 2 ? "v2" : controllers.join();
    const earlier = found.get(key);
    if (earlier !== undefined && (earlier.root === "/" || mount.root !== "/")) continue;
    found.set(key, { version, mountPoint: mount.mountPoint, root: mount.root, controllers });
  }
  const hierarchies = [...found.values()];
  const v1 = hierarchies.some(hierarchy => hierarchy.version === 1);
  const v2 = hierarchies.some(hierarchy => hierarchy.version === 2);
  const kind = v1 && v2 ? "hybrid" : v1 ? "v1" : v2 ? "v2" : "none";
  return { kind, hierarchies, disabled: parseDisabled(procCgroups) };
}

/** The names among the words that are controllers, in alphabetical order. */
export function knownControllers(words: readonly string[]): Controller[] {
  return CONTROLLERS.filter(controller => words.includes(controller));
}

/** /proc/cgroups: `name hierarchy number enabled`. */
function parseDisabled(text: string): Controller[] {
  const off: string[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split("\t");
    if (fields[0] !== undefined && fields[3] === "0") off.push(fields[0]);
  }
  return knownControllers(off);
}
