/** Where a container's processes go: into its cgroups, and into what they see of the machine. */
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Entrance } from "../compile/child.ts";
import { INIT_FILE } from "../compile/init-lock.ts";
import { errnoOf, LmctfyError } from "../errors.ts";
import { type ProcessSettings, processSettings } from "../resources/index.ts";
import type { Joining } from "../resources/isolation.ts";
import { hasOwnUsers, KINDS, type Shared, sharedContainers } from "../resources/namespaces.ts";
import { isolationOf } from "../resources/virtual-host.ts";
import { type ContainerSpec, formatJson, ContainerSpec as message } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { idsOf } from "./ids.ts";
import { initOf } from "./init-process.ts";
import { topDirectory } from "./layers.ts";
import { parentOf } from "./names.ts";
import { runtimeDirectory } from "./places.ts";
import { loadSpec } from "./stored-spec.ts";

/** A virtual host, as stored. */
export interface View {
  name: string;
  spec: ContainerSpec;
}

/** The virtual host that a container is or lies in; undefined when its processes see the machine. */
export async function viewOf(context: Context, name: string, spec: ContainerSpec): Promise<View | undefined> {
  if (spec.virtual_host !== undefined) return { name, spec };
  const parent = parentOf(name);
  if (parent === undefined || parent === "/") return undefined;
  return viewOf(context, parent, await loadSpec(context, parent));
}

/** Whether what its processes see follows from the container alone, and not from which others run. */
export async function standsAlone(context: Context, name: string, spec: ContainerSpec): Promise<boolean> {
  const view = await viewOf(context, name, spec);
  return view === undefined || (view.name === name && sharedContainers(spec).length === 0);
}

/** @throws FAILED_PRECONDITION when it needs another virtual host that does not run */
export async function entranceOf(context: Context, name: string, spec: ContainerSpec): Promise<Entrance> {
  const { cloneInto, procs } = context.cgroups.enter(name);
  const whole = await withInherited(context, name, spec);
  const settings = settingsOf(context, whole);
  const view = await viewOf(context, name, spec);
  if (view === undefined) return { cloneInto, procs, ...settings };
  // Privileged or not: the caller's keys are none of another machine's.
  const newKeyring = whole.security_spec?.new_keyring ?? true;
  const security = settings.security && { ...settings.security, newKeyring };
  const entrance = { cloneInto, procs, ...settings, security };
  const joining = await joiningOf(context, view.name);
  if (joining !== undefined) {
    return {
      ...entrance,
      joining: view.name === name ? joining : { ...joining, lockFile: lockFileOf(context, view.name) },
    };
  }
  if (view.name !== name) throw notRunning(view.name, `${name} lies in it`);
  const others = new Map<string, Shared>();
  for (const other of sharedContainers(spec)) others.set(other, await sharedOf(context, other, name));
  const ids = hasOwnUsers(spec) ? idsOf(context.places, name) : undefined;
  return { ...entrance, isolation: isolationOf(spec, name, ids, others, topDirectory(context.places, name)) };
}

const lockFileOf = (context: Context, name: string): string =>
  join(runtimeDirectory(context.places, name), INIT_FILE);

async function sharedOf(context: Context, name: string, by: string): Promise<Shared> {
  const joining = await joiningOf(context, name);
  if (joining === undefined) throw notRunning(name, `${by} shares namespaces with it`);
  return { pid: joining.pid, ownUsers: joining.ownUsers, lockFile: lockFileOf(context, name) };
}

function notRunning(name: string, why: string): LmctfyError {
  return new LmctfyError("FAILED_PRECONDITION", `${name} does not run, and ${why}`, {
    path: name,
    hint: `lmctfy start ${name}`,
  });
}

/** What of a virtual host that runs a process has to join: what is not the same as its own. */
async function joiningOf(context: Context, name: string): Promise<Joining | undefined> {
  const pid = await initOf(context, name);
  if (pid === undefined) return undefined;
  const differs = (kind: string): boolean => namespaceOf(pid, kind) !== namespaceOf("self", kind);
  try {
    return { pid, namespaces: KINDS.filter(differs), ownUsers: differs("user") };
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" && errnoOf(error) !== "ESRCH") throw error;
    return joiningOf(context, name); // it has just ended, or there is another one
  }
}

/** Undefined where the kernel does not have the kind. */
function namespaceOf(pid: number | "self", kind: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch (error) {
    if (kind === "time" && errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A container without a section about security has that of the next one above it that has; a virtual host is protected anyway. */
export async function withInherited(
  context: Context,
  name: string,
  spec: ContainerSpec,
): Promise<ContainerSpec> {
  if (spec.security_spec !== undefined || spec.virtual_host !== undefined) return spec;
  const parent = parentOf(name);
  if (parent === undefined || parent === "/") return spec;
  const above = await withInherited(context, parent, await loadSpec(context, parent));
  const security_spec = above.security_spec ?? (above.virtual_host && {});
  return security_spec === undefined ? spec : { ...spec, security_spec };
}

/** Enough for the containers that one process runs commands in, again and again. */
const MOST_SETTINGS = 64;

function settingsOf({ processSettings: known }: Context, spec: ContainerSpec): ProcessSettings {
  const key = formatJson(message, spec);
  const before = known.get(key);
  if (before !== undefined) return before;
  const settings = processSettings(spec);
  if (known.size >= MOST_SETTINGS) known.clear();
  known.set(key, settings);
  return settings;
}
