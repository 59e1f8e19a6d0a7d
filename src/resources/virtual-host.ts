/** A container that looks like a machine of its own: `virtual_host` of a spec, and what it makes of the whole of it. */

import type { ContainerSpec, FilesystemSpec, VirtualHostSpec } from "../spec/index.ts";
import { plannedMounts } from "./filesystem.ts";
import type { IdRange, Isolation } from "./isolation.ts";
import { checkNamespaces, chosenNamespaces, ownsNamespace, type Shared } from "./namespaces.ts";
import { invalid, type Resource } from "./resource.ts";
import { checkInit, managesCgroups } from "./system.ts";

/** What sethostname(2) takes. */
const LONGEST_NAME = 64;

/** The sysctls that belong to a namespace (Documentation/admin-guide/sysctl): all others are the whole machine's. */
const IPC_SYSCTLS =
  /^(kernel\.(shm(all|max|mni|_rmid_forced)|msg(max|mnb|mni)|sem|auto_msgmni)|fs\.mqueue\.[a-z_]+)$/;
const NET_SYSCTLS = /^net\.[a-z0-9_]+(\.[A-Za-z0-9_:@/-]+)+$/;

export const virtualHost: Resource<"virtual_host"> = {
  section: "virtual_host",

  check(spec, { spec: whole }) {
    const { virtual_hostname, domain_name } = spec;
    checkName("virtual_host.virtual_hostname", virtual_hostname);
    checkName("virtual_host.domain_name", domain_name);
    checkNamespaces(spec, whole ?? { virtual_host: spec });
    if (!ownsNamespace(spec, "uts") && (virtual_hostname ?? domain_name) !== undefined) {
      throw invalid(
        "virtual_host.virtual_hostname needs a uts namespace of its own",
        "Leave out namespaces.uts.",
      );
    }
    checkSysctls(spec);
    checkInit(spec);
  },

  settings: () => [],
  update: () => [],
};

/**
 * What the processes of a container see; undefined when that is what the caller sees.
 *
 * @param others the virtual hosts whose namespaces it shares
 * @param top the directory for what is written to its layers
 */
export function isolationOf(
  spec: ContainerSpec,
  name: string,
  ids: IdRange | undefined,
  others: ReadonlyMap<string, Shared> = new Map(),
  top = "",
): Isolation | undefined {
  const host = spec.virtual_host;
  if (host === undefined) return undefined;
  const files = spec.filesystem ?? {};
  const layers = layersOf(files, top);
  const rootfs = files.empty_root || layers ? undefined : (files.rootfs ?? "/");
  return {
    ...chosenNamespaces(spec, ids, others),
    hostname: host.virtual_hostname ?? name.slice(name.lastIndexOf("/") + 1).slice(0, LONGEST_NAME),
    domainname: host.domain_name,
    rootfs,
    layers,
    mapsRoot: layers !== undefined || (rootfs !== undefined && rootfs !== "/"),
    readOnly: files.read_only ?? false,
    lxcfs: undefined, // who starts it knows
    managesCgroups: managesCgroups(spec),
    mounts: plannedMounts(files),
    sysctls: (host.sysctl ?? []).map(({ name: key, value }) => [key!, value!]),
  };
}

/** @param top where what is written to them is kept */
function layersOf({ layers = [], ephemeral, read_only }: FilesystemSpec, top: string): Isolation["layers"] {
  if (layers.length === 0) return undefined;
  return { lower: layers, top: ephemeral || read_only ? "memory" : top };
}

function checkName(field: string, name: string | undefined): void {
  if (name === undefined || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return;
  throw invalid(
    `${field} ${JSON.stringify(name)} is no host name: 1 to ${LONGEST_NAME} letters, digits, "-", "_" and "."`,
  );
}

function checkSysctls(spec: VirtualHostSpec): void {
  for (const [i, { name, value }] of (spec.sysctl ?? []).entries()) {
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
    if (ownsNamespace(spec, kind)) continue;
    throw invalid(
      `${field}: ${name} would change that of others: the container has no ${kind} namespace of its own`,
    );
  }
}
