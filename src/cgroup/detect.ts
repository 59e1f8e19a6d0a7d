/** Which container a process is in, from /proc/PID/cgroup. */
import { readFileSync } from "node:fs";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import type { Hierarchy } from "./layout.ts";
import { isWithin } from "./mountinfo.ts";
import { nameOfPath } from "./names.ts";

/** The text of /proc/PID/cgroup; a process that does not exist is NOT_FOUND. */
export function readMembership(pid: number | "self"): string {
  const path = `/proc/${pid}/cgroup`;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ESRCH") throw fromSystemError(error, "read", path);
    throw new LmctfyError("NOT_FOUND", `there is no process ${pid}`, { errno: "ESRCH", path, cause: error });
  }
}

/** The container of a process by one hierarchy: `/` when the process is outside of the subtree. */
export function nameOfMembership(text: string, hierarchy: Hierarchy, subtree: string): string {
  const path = pathIn(text, hierarchy);
  if (path === undefined || !isWithin(path, hierarchy.root)) return "/";
  const below = hierarchy.root === "/" ? path : path.slice(hierarchy.root.length);
  if (!isWithin(below, `/${subtree}`)) return "/";
  return nameOfPath(below.slice(subtree.length + 1));
}

/** The cgroup of a process in a hierarchy: the lines are `number:controllers:path`, version 2 is `0::path`. */
export function pathIn(text: string, hierarchy: Hierarchy): string | undefined {
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const second = line.indexOf(":", colon + 1);
    const controllers = line.slice(colon + 1, second);
    const isIt =
      hierarchy.version === 2
        ? line.startsWith("0::")
        : controllers.split(",").some(word => word === hierarchy.controllers[0]);
    // A zombie may outlive its cgroup.
    if (second > 0 && isIt) return line.slice(second + 1).replace(/ \(deleted\)$/, "");
  }
  return undefined;
}
