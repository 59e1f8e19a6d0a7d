/** Containers' names and the directories that stand for them. */
import { LmctfyError } from "../errors.ts";

/**
 * The leaf for a container's own tasks in a version 2 hierarchy, where a cgroup with children that have controllers
 * must not hold tasks itself. Names of containers cannot start with `_`, so it never clashes.
 */
export const LEAF = "_tasks";

/**
 * The cgroup of an init that manages cgroups itself, in a version 2 hierarchy: the root of all that it sees, handed over
 * to it. What others start in the container is in the leaf beside it.
 */
export const MANAGED = "_init";

/**
 * The leaf for the processes that were in a cgroup of version 2 when it was handed over: no cgroup that gives its children
 * controllers may have processes itself.
 */
export const CALLERS = "_callers";

const COMPONENT = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** Whether a directory of this name can be a container. */
export function isComponent(word: string): boolean {
  return COMPONENT.test(word);
}

/**
 * The path of a container below the subtree: `` for `/`, `/a/b` for `/a/b`. Throws for anything that is not a
 * resolved name, so that no path that comes of it can lead out of the subtree.
 */
export function pathOfName(name: string): string {
  if (name === "/") return "";
  const [first, ...words] = name.split("/");
  if (first !== "" || words.length === 0 || !words.every(isComponent)) {
    throw new LmctfyError("INVALID_ARGUMENT", `\`${name}\` is not a resolved container name`);
  }
  return name;
}

/** The same for a name that must not be `/`. */
export function pathOfContainer(name: string): string {
  const path = pathOfName(name);
  if (path !== "") return path;
  throw new LmctfyError(
    "INVALID_ARGUMENT",
    "`/` stands for the machine and cannot be made, entered or removed",
  );
}

/** `/a` for `/a/b`, `/` for `/a`. */
export function parentOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf("/"), 1));
}

/** The container that a cgroup path below the subtree belongs to: `/a` for `/a/_tasks/x`. */
export function nameOfPath(path: string): string {
  const words: string[] = [];
  for (const word of path.split("/")) {
    if (word === "") continue;
    if (!isComponent(word)) break;
    words.push(word);
  }
  return `/${words.join("/")}`;
}

/** Checks the name of a subtree, `lmctfy` or `user.slice/lmctfy`: no way out of the mount, and never the mount itself. */
export function checkSubtree(subtree: string): string[] {
  const words = subtree.split("/");
  if (words.every(word => word !== "" && word !== "." && word !== ".." && !word.includes("\n"))) return words;
  throw new LmctfyError("INVALID_ARGUMENT", `\`${subtree}\` is not the path of a cgroup subtree`);
}
