/** Where things are kept: files, directories and the cgroup subtree of one installation. */
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { LmctfyError } from "../errors.ts";

/**
 * ```
 * STATE/containers/a/_spec.json      the container /a exists: written last, removed first
 * STATE/containers/a/b/_spec.json    /a/b (a name's part never starts with "_")
 * STATE/pending/HASH -> /a/b         /a/b is being made, changed or destroyed, or was when who did so was killed
 * RUNTIME/containers/a/              locked with flock by whoever works on /a
 * RUNTIME/containers/a/_run.prog     the compiled program of `run`
 * RUNTIME/containers/a/_exit         how the last detached command ended
 * RUNTIME/_cgroup -> DIRECTORY       of a user: the delegated cgroup that the containers lie in
 * CGROUP/SUBTREE/a/...               in each hierarchy
 * ```
 */
export interface Places {
  /** Survives a reboot. */
  readonly state: string;
  /** May be gone after a reboot. */
  readonly runtime: string;
  /** Name of the directory in each cgroup hierarchy below which all containers lie. */
  readonly subtree: string;
  /**
   * The container that everything lies in which is kept here: `/`, or for a user the one that was handed over. It and those
   * above it exist, and are somebody else's.
   */
  readonly base: string;
  /** Nobody else has business in these directories. */
  readonly private: boolean;
}

/** The standard places, or those of another root: everything below that directory, and a cgroup subtree of its own. */
export function placesOf(root: string | undefined): Places {
  if (root === undefined)
    return { state: "/var/lib/lmctfy", runtime: "/run/lmctfy", subtree: "lmctfy", base: "/", private: false };
  if (!isAbsolute(root) || root.includes("\0")) {
    throw new LmctfyError("INVALID_ARGUMENT", `the root must be an absolute path: ${JSON.stringify(root)}`);
  }
  const clean = realPath(join(root, ".").replace(/(.)\/$/, "$1"));
  const hash = createHash("sha256").update(clean).digest("hex").slice(0, 12);
  return {
    state: join(clean, "lib"),
    runtime: join(clean, "run"),
    subtree: `lmctfy-${hash}`,
    base: "/",
    private: false,
  };
}

/** One directory, one subtree, however it is spelled: symbolic links are followed as far as the path exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

export const SPEC_FILE = "_spec.json";
export const PROGRAM_FILE = "_run.prog";

export const stateDirectory = (places: Places, name: string): string =>
  join(places.state, "containers", name);
export const runtimeDirectory = (places: Places, name: string): string =>
  join(places.runtime, "containers", name);
export const pendingDirectory = (places: Places): string => join(places.state, "pending");

/** A symbolic link whose target is the name: made in one call, so a killed maker leaves it whole or not at all. */
export const pendingFile = (places: Places, name: string): string =>
  join(pendingDirectory(places), createHash("sha256").update(name).digest("hex").slice(0, 32));
