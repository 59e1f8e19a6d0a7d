/**
 * Where somebody without root's rights may make cgroups: found from the cgroup that this process sits in, and from
 * what the kernel lets it write. To move a process, version 2 asks for write access to `cgroup.procs` of the nearest
 * cgroup above both places (kernel/cgroup/cgroup.c, cgroup_procs_write_permission), so only what lies around the
 * process itself is of any use.
 */
import { accessSync, constants } from "node:fs";
import { pathIn } from "./detect.ts";
import { readControl } from "./files.ts";
import { type CgroupLayout, type Hierarchy, knownControllers } from "./layout.ts";
import { isWithin } from "./mountinfo.ts";
import { CALLERS, isComponent } from "./names.ts";

/** What the caller may use. */
export type Delegation =
  /** The container of an installation that was handed over, with all below it. */
  | { kind: "container"; subtree: string; name: string }
  /** A cgroup of version 2 that was handed over by somebody else, such as systemd; its own processes sit in it. */
  | { kind: "cgroup"; directory: string }
  /** Nothing; the cgroup that the process sits in. */
  | { kind: "none"; cgroup: string };

/** The subtree of an installation: that of the standard places, or of another root. */
const SUBTREE = /^lmctfy(-[0-9a-f]{12})?$/;

export interface DelegationInput {
  layout: CgroupLayout;
  /** Text of /proc/self/cgroup. */
  membership: string;
  /** A cgroup that was used before, and is preferred: what was made there stays in use. */
  recorded?: string | undefined;
  /** Whether the caller may manage a cgroup directory. @default by asking the kernel */
  mayManage?: ((directory: string) => boolean) | undefined;
}

export function findDelegation({
  layout,
  membership,
  recorded,
  mayManage = mayManageCgroup,
}: DelegationInput): Delegation {
  const unified = layout.hierarchies.find(hierarchy => hierarchy.version === 2);
  const primary = unified ?? layout.hierarchies[0];
  const path = primary && pathIn(membership, primary);
  if (path === undefined || !isWithin(path, primary!.root)) return { kind: "none", cgroup: path ?? "/" };
  const words = path.split("/").filter(Boolean);
  const at = words.findIndex(word => SUBTREE.test(word));
  if (at >= 0) {
    const above = directoryIn(primary!, `/${words.slice(0, at).join("/")}`);
    if (unified && at > 0 && mayManage(above)) return { kind: "cgroup", directory: above };
    const name = handedOver(layout, words, at, mayManage);
    if (name !== undefined) return { kind: "container", subtree: words.slice(0, at + 1).join("/"), name };
    return { kind: "none", cgroup: path };
  }
  if (unified === undefined) return { kind: "none", cgroup: path };
  if (recorded !== undefined && mayManage(recorded)) return { kind: "cgroup", directory: recorded };
  const own = words.at(-1) === CALLERS ? words.slice(0, -1) : words;
  const directory = directoryIn(unified, `/${own.join("/")}`);
  if (own.length > 0 && mayManage(directory)) return { kind: "cgroup", directory };
  return { kind: "none", cgroup: path };
}

/** The topmost container on the way to the process that the caller may manage in every hierarchy. */
function handedOver(
  layout: CgroupLayout,
  words: readonly string[],
  at: number,
  mayManage: (directory: string) => boolean,
): string | undefined {
  for (let end = at + 2; end <= words.length && isComponent(words[end - 1]!); end++) {
    const path = `/${words.slice(0, end).join("/")}`;
    if (layout.hierarchies.every(hierarchy => mayManage(directoryIn(hierarchy, path))))
      return `/${words.slice(at + 1, end).join("/")}`;
  }
  return undefined;
}

function directoryIn({ mountPoint, root }: Hierarchy, path: string): string {
  return `${mountPoint}${root === "/" ? path : path.slice(root.length)}`.replace(/\/$/, "");
}

/** Whether this process may make cgroups in a directory and move processes within it. */
function mayManageCgroup(directory: string): boolean {
  try {
    for (const path of [directory, `${directory}/cgroup.procs`]) accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The layout as it looks from a directory that is the top of all that may be used: `path` in each hierarchy. */
export function layoutBelow(layout: CgroupLayout, path: string): CgroupLayout {
  const hierarchies = layout.hierarchies.map(hierarchy => ({
    ...hierarchy,
    mountPoint: directoryIn(hierarchy, path),
    root: path,
  }));
  return { ...layout, hierarchies };
}

/** The layout for a cgroup of version 2 alone, with the controllers that it was given. */
export function layoutOfCgroup(layout: CgroupLayout, directory: string): CgroupLayout {
  const unified = layout.hierarchies.find(hierarchy => hierarchy.version === 2)!;
  const below = directory.slice(unified.mountPoint.length);
  const controllers = knownControllers(
    (readControl(`${directory}/cgroup.controllers`) ?? "").trim().split(" "),
  );
  const hierarchy: Hierarchy = {
    version: 2,
    mountPoint: directory,
    root: `${unified.root === "/" ? "" : unified.root}${below}`,
    controllers,
    callers: true,
  };
  return { ...layout, kind: "v2", hierarchies: [hierarchy] };
}
