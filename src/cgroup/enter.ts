/** Moving processes that run already into a container: all of them, in all hierarchies, or none. */
import { errnoOf, LmctfyError } from "../errors.ts";
import { pathIn, readMembership } from "./detect.ts";
import type { Hierarchy } from "./layout.ts";
import { isWithin } from "./mountinfo.ts";
import { LEAF } from "./names.ts";
import { writeControl } from "./steps.ts";
import type { Tree } from "./tree.ts";

interface Move {
  pid: number;
  /** The cgroup.procs file of the cgroup that it was in; undefined when this process cannot see that. */
  back: string | undefined;
}

/**
 * Moves whole processes, with all their threads (a write to `cgroup.procs` does, in both versions). On failure those
 * that were moved go back where they were.
 *
 * @returns undoes it; gives the processes that could not be moved back
 */
export function moveInto(trees: readonly Tree[], name: string, pids: readonly number[]): () => number[] {
  const moves: Move[] = [];
  const undo = (): number[] => {
    const stuck = new Set<number>();
    for (const { pid, back } of moves.splice(0).reverse()) if (!moveBack(pid, back)) stuck.add(pid);
    return [...stuck];
  };
  for (const pid of pids) {
    const membership = readMembership(pid);
    for (const tree of trees) {
      const to = `${tree.directory(name)}${tree.leaf ? `/${LEAF}` : ""}`;
      const from = directoryOf(membership, tree.hierarchy);
      if (from === to) continue;
      try {
        writeControl(`${to}/cgroup.procs`, String(pid));
      } catch (error) {
        throw refused(name, pid, `${to}/cgroup.procs`, error, undo());
      }
      moves.push({ pid, back: from && `${from}/cgroup.procs` });
    }
  }
  return undo;
}

function directoryOf(membership: string, { mountPoint, root, ...which }: Hierarchy): string | undefined {
  const path = pathIn(membership, { mountPoint, root, ...which });
  if (path === undefined || !isWithin(path, root)) return undefined;
  return `${mountPoint}${root === "/" ? path : path.slice(root.length)}`.replace(/\/$/, "");
}

function moveBack(pid: number, back: string | undefined): boolean {
  if (back === undefined) return false;
  try {
    writeControl(back, String(pid));
    return true;
  } catch (error) {
    return errnoOf(error) === "ESRCH"; // it has ended
  }
}

function refused(
  name: string,
  pid: number,
  path: string,
  cause: unknown,
  stuck: readonly number[],
): LmctfyError {
  const errno = errnoOf(cause) ?? "EIO";
  const rest = stuck.length === 0 ? "" : `; these could not be moved back: ${stuck.join(", ")}`;
  const facts = { syscall: "write", errno, path, cause };
  if (errno === "ESRCH") {
    return new LmctfyError("NOT_FOUND", `process ${pid} ended on the way into \`${name}\`${rest}`, facts);
  }
  const what = `process ${pid} does not get into \`${name}\`: write \`${path}\`: ${errno}${rest}`;
  switch (errno) {
    case "EACCES":
    case "EPERM":
      return new LmctfyError("PERMISSION_DENIED", what, {
        ...facts,
        hint: "Who moves a process needs to own it and the cgroups on both sides: run as root.",
      });
    case "EINVAL":
      return new LmctfyError("FAILED_PRECONDITION", what, {
        ...facts,
        hint: "The kernel keeps a thread where it is that is bound to a CPU, or that has real-time priority where the container has no share of real time.",
      });
    default:
      return new LmctfyError(errno === "ENOENT" ? "FAILED_PRECONDITION" : "UNAVAILABLE", what, facts);
  }
}
