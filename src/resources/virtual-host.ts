/** A container that looks like a machine of its own: `virtual_host` of a spec, and what it makes of the whole of it. */

import type { ContainerSpec, VirtualHostNamespaces, VirtualHostSpec } from "../spec/index.ts";
import { plannedMounts } from "./filesystem.ts";
import type { IdRange, Isolation, Joining, NamespaceChoice, NamespaceKind } from "./isolation.ts";
import { invalid, type Resource } from "./resource.ts";

const KINDS = ["pid", "ipc", "uts", "net", "cgroup"] as const;

/** What sethostname(2) takes. */
const LONGEST_NAME = 64;

/** The sysctls that belong to a namespace (Documentation/admin-guide/sysctl): all others are the whole machine's. */
const IPC_SYSCTLS =
  /^(kernel\.(shm(all|max|mni|_rmid_forced)|msg(max|mnb|mni)|sem|auto_msgmni)|fs\.mqueue\.[a-z_]+)$/;
const NET_SYSCTLS = /^net\.[a-z0-9_]+(\.[A-Za-z0-9_:@/-]+)+$/;

export const virtualHost: Resource<"virtual_host"> = {
  section: "virtual_host",

  check(spec) {
    const { virtual_hostname, domain_name, namespaces = {} } = spec;
    checkName("virtual_host.virtual_hostname", virtual_hostname);
    checkName("virtual_host.domain_name", domain_name);
    for (const kind of KINDS) choiceOf(namespaces, kind);
    if (namespaces.cgroup?.startsWith("/")) throw invalid("virtual_host.namespaces.cgroup is new or host");
    const { user } = namespaces;
    if (user !== undefined && user !== "new" && user !== "host") {
      throw invalid(`virtual_host.namespaces.user is new or host: ${JSON.stringify(user)}`);
    }
    if (choiceOf(namespaces, "uts").kind !== "new" && (virtual_hostname ?? domain_name) !== undefined) {
      throw invalid(
        "virtual_host.virtual_hostname needs a uts namespace of its own",
        "Leave out namespaces.uts.",
      );
    }
    checkSysctls(spec);
  },

  settings: () => [],
  update: () => [],
};

/** What the processes of a container see; undefined when that is what the caller sees. */
export function isolationOf(
  spec: ContainerSpec,
  name: string,
  ids: IdRange | undefined,
): Isolation | undefined {
  const host = spec.virtual_host;
  if (host === undefined) return undefined;
  const files = spec.filesystem ?? {};
  const namespaces = host.namespaces ?? {};
  const choices = Object.fromEntries(KINDS.map(kind => [kind, choiceOf(namespaces, kind)]));
  const rootfs = files.empty_root ? undefined : (files.rootfs ?? "/");
  return {
    namespaces: choices as Record<NamespaceKind, NamespaceChoice>,
    ids,
    hostname: host.virtual_hostname ?? name.slice(name.lastIndexOf("/") + 1).slice(0, LONGEST_NAME),
    domainname: host.domain_name,
    rootfs,
    mapsRoot: rootfs !== undefined && rootfs !== "/",
    readOnly: files.read_only ?? false,
    mounts: plannedMounts(files),
    sysctls: (host.sysctl ?? []).map(({ name: key, value }) => [key!, value!]),
  };
}

/** What of it a process joins whose init has this pid. */
export function joiningOf({ namespaces, ids }: Isolation, pid: number): Joining {
  return {
    pid,
    namespaces: KINDS.filter(kind => namespaces[kind].kind !== "host"),
    ownUsers: ids !== undefined,
  };
}

/** Whether root in the container is somebody else outside. */
export function hasOwnUsers({ virtual_host, filesystem }: ContainerSpec): boolean {
  if (virtual_host === undefined) return false;
  const { user } = virtual_host.namespaces ?? {};
  if (user !== undefined) return user === "new";
  return filesystem?.empty_root === true || (filesystem?.rootfs ?? "/") !== "/";
}

/** Who has users of its own has no rights over a namespace that others own, and so none to join it (setns(2)). */
export function checkJoined(spec: ContainerSpec): void {
  if (!hasOwnUsers(spec)) return;
  const namespaces = spec.virtual_host?.namespaces ?? {};
  const joined = KINDS.find(kind => choiceOf(namespaces, kind).kind === "path");
  if (joined === undefined) return;
  throw invalid(
    `virtual_host.namespaces.${joined} is another's, and a container with users of its own cannot join it`,
    "Set namespaces.user to host, or share the machine's by `host`.",
  );
}

function choiceOf(namespaces: VirtualHostNamespaces, kind: NamespaceKind): NamespaceChoice {
  const word = namespaces[kind] ?? "new";
  if (word === "new" || word === "host") return { kind: word };
  if (word.startsWith("/") && !word.includes("\0")) return { kind: "path", path: word };
  throw invalid(`virtual_host.namespaces.${kind} is new, host or an absolute path: ${JSON.stringify(word)}`);
}

function checkName(field: string, name: string | undefined): void {
  if (name === undefined || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return;
  throw invalid(
    `${field} ${JSON.stringify(name)} is no host name: 1 to ${LONGEST_NAME} letters, digits, "-", "_" and "."`,
  );
}

function checkSysctls({ sysctl = [], namespaces = {} }: VirtualHostSpec): void {
  for (const [i, { name, value }] of sysctl.entries()) {
    const field = `virtual_host.sysctl[${i}]`;
    if (name === undefined || value === undefined) throw invalid(`${field} needs a name and a value`);
    if (/[\n\0]/.test(value)) throw invalid(`${field}: the value of ${name} is more than one line`);
    const kind = IPC_SYSCTLS.test(name)
      ? "ipc"
      : NET_SYSCTLS.test(name) && !name.includes("..")
        ? "net"
        : undefined;
    if (kind === undefined) {
      throw invalid(
        `${field}: ${JSON.stringify(name)} is the whole machine's, not a container's`,
        "Of a container's own are net.*, fs.mqueue.*, kernel.shm*, kernel.msg* and kernel.sem.",
      );
    }
    if (choiceOf(namespaces, kind).kind === "new") continue;
    throw invalid(
      `${field}: ${name} would change that of others: the container has no ${kind} namespace of its own`,
    );
  }
}
