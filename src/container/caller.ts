/** What this process may do here: all, as root, or what was handed over to its user. */
import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type Delegation, findDelegation, layoutBelow, layoutOfCgroup } from "../cgroup/delegation.ts";
import { type CgroupLayout, readLayout } from "../cgroup/layout.ts";
import { LmctfyError } from "../errors.ts";
import { type Places, placesOf } from "./places.ts";
import { userRuntime, userState } from "./user-places.ts";

export interface Caller {
  places: Places;
  /** What of the machine's cgroups is the caller's; undefined for all. */
  layout: CgroupLayout | undefined;
  delegation: Delegation | undefined;
}

export function whoCalls(root: string | undefined): Caller {
  const uid = process.geteuid!();
  if (uid === 0) return { places: placesOf(root), layout: undefined, delegation: undefined };
  const own = root !== undefined && isOwnRoot(root, uid) ? placesOf(root) : undefined;
  const layout = readLayout();
  const user = { uid, env: process.env };
  const membership = readFileSync("/proc/self/cgroup", "utf8");
  if (root !== undefined && own === undefined) requireInside(root, membership);
  const kept = own ?? { state: userState(user), runtime: userRuntime(user) };
  const delegation = findDelegation({
    layout,
    membership,
    recorded: recordedCgroup(kept.runtime),
  });
  const subtree = own?.subtree ?? "lmctfy";
  const only = { ...kept, subtree, base: "/", private: true };
  switch (delegation.kind) {
    case "none":
      return { places: only, layout, delegation };
    case "cgroup":
      return { places: only, layout: layoutOfCgroup(layout, delegation.directory), delegation };
    case "container": {
      // Two roots never meet: another root of the user has a subtree of its own in there.
      if (own) {
        const path = `/${delegation.subtree}${delegation.name}`;
        return { places: only, layout: layoutBelow(layout, path), delegation };
      }
      // Names start at the machine's `/`, as outside, so what belongs to another root must be kept apart.
      const apart = delegation.subtree === "lmctfy" ? "" : delegation.subtree;
      return {
        places: {
          ...only,
          state: join(kept.state, apart),
          runtime: join(kept.runtime, apart),
          subtree: delegation.subtree,
          base: delegation.name,
        },
        layout,
        delegation,
      };
    }
    default:
      return delegation satisfies never;
  }
}

/** A root that the user made or may make; root's own, handed on through the environment, is none. */
function isOwnRoot(root: string, uid: number): boolean {
  const found = statSync(root, { throwIfNoEntry: false });
  return found === undefined || found.uid === uid;
}

/** Where somebody sits in a container of another's root, and was handed over something there, that root is where the names start. */
function requireInside(root: string, membership: string): void {
  if (membership.split("\n").some(line => line.split("/").includes(placesOf(root).subtree))) return;
  throw new LmctfyError("PERMISSION_DENIED", `the root ${root} is another user's`, {
    path: root,
    hint: "Run it as root, or choose a --root of your own.",
  });
}

const recordFile = (runtime: string): string => join(runtime, "_cgroup");

/** The cgroup that the user's containers lie in: whoever comes from another one uses the same while it lasts. */
function recordedCgroup(runtime: string): string | undefined {
  try {
    const path = readlinkSync(recordFile(runtime));
    return existsSync(`${path}/cgroup.procs`) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers it, in one call; the runtime directory exists. */
export function recordCgroup(runtime: string, directory: string): void {
  if (recordedCgroup(runtime) === directory) return;
  const temporary = `${recordFile(runtime)}.${process.pid}`;
  rmSync(temporary, { force: true }); // of a process that was killed in between
  symlinkSync(directory, temporary);
  renameSync(temporary, recordFile(runtime));
}

/** What to tell a user who may make no containers here. */
export function notDelegated(uid: number, cgroup: string): LmctfyError {
  return new LmctfyError(
    "PERMISSION_DENIED",
    `user ${uid} may not make containers here: the cgroup ${cgroup}, which this process is in, is not theirs`,
    {
      path: cgroup,
      hint:
        `Root hands over a container with \`lmctfy create /NAME 'owner:${uid}'\` and takes a shell into it with` +
        " `lmctfy enter /NAME PID`. Under systemd: systemd-run --user --scope -p Delegate=yes COMMAND",
    },
  );
}

/**
 * A user's service manager owns the cgroups of all its units, but leaves only those with Delegate=yes alone: in others it
 * would take our controllers away again. Where it cannot be asked, what the kernel allows has to do.
 *
 * @throws FAILED_PRECONDITION
 */
export async function requireDelegate(directory: string): Promise<void> {
  const unit = unitOf(directory);
  if (unit === undefined) return;
  const { execFile } = await import("node:child_process");
  const manager = /\/user@\d+\.service\//.test(directory) ? ["--user"] : [];
  const words = [...manager, "show", "--property=Delegate", "--value", "--", unit];
  const said = await new Promise<string>(resolve => {
    execFile("systemctl", words, { timeout: 5_000 }, (error, stdout) => resolve(error ? "" : stdout));
  });
  if (said.trim() !== "no") return;
  throw new LmctfyError("FAILED_PRECONDITION", `systemd has not delegated the cgroup of ${unit}`, {
    path: directory,
    hint: "Start what makes containers with `systemd-run --user --scope -p Delegate=yes COMMAND`, or set Delegate=yes in the unit.",
  });
}

/** The name of the systemd unit that a cgroup is, or lies in; undefined for other cgroups. */
function unitOf(directory: string): string | undefined {
  return directory
    .split("/")
    .reverse()
    .find(word => /\.(scope|service)$/.test(word));
}
