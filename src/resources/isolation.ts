/** What makes a process's view of the machine its own, as data: what a spec's `virtual_host` and `filesystem` come to. */

/** A kind of namespace that a container has of its own or shares. The mount namespace is always its own. */
export type NamespaceKind = "pid" | "ipc" | "uts" | "net" | "cgroup" | "time";

/** `new`: of its own. `host`: the caller's. A path: that one, such as /run/netns/blue or /proc/4711/ns/ipc. */
export type NamespaceChoice = { kind: "new" } | { kind: "host" } | { kind: "path"; path: string };

/** Ids inside from 0 on, and the first of as many outside. */
export interface IdRange {
  first: number;
  count: number;
}

interface MountTarget {
  /** Absolute path in the container; made when it is missing. */
  target: string;
  /** MOUNT_ATTR_* that are set. */
  attributes: number;
}

export interface BindMount extends MountTarget {
  kind: "bind";
  /** Absolute path on the host. */
  source: string;
  /** Whether that is a directory, so that the target is to be one. */
  directory: boolean;
  /** Whether mounts that the host makes below the source later show up too. */
  follows: boolean;
}

export interface FreshMount extends MountTarget {
  kind: "fresh";
  type: "tmpfs";
  /** Options of the file system: `["size", "64m"]`. */
  options: readonly (readonly [key: string, value: string])[];
}

export type Mount = BindMount | FreshMount;

/** `new`: with ids of its own. `host`: root in it is root. `path`: those of a user namespace that others made. */
export type Users = { kind: "new"; ids: IdRange } | { kind: "host" } | { kind: "path"; path: string };

export interface Isolation {
  namespaces: Readonly<Record<NamespaceKind, NamespaceChoice>>;
  users: Users;
  /** Seconds that its clocks are ahead; of a time namespace of its own. */
  clocks: { readonly monotonic: bigint; readonly boottime: bigint };
  /** Lock files of the inits whose namespaces are named by path: when one is free, its path may be another's. */
  alive: readonly string[];
  hostname: string | undefined;
  domainname: string | undefined;
  /** Absolute path of the directory that becomes `/`; undefined = an empty one. */
  rootfs: string | undefined;
  /** Directories over each other, the lowest first, in the place of `rootfs`; what is written to them goes to `top`. */
  layers: { lower: readonly string[]; top: string | "memory" } | undefined;
  /** Whether the files of the root show up with the ids inside that they have outside (idmapped mounts). */
  mapsRoot: boolean;
  readOnly: boolean;
  /** Where lxcfs is mounted, whose files tell about the container; undefined: the kernel's own tell about the machine. */
  lxcfs: string | undefined;
  /** Whether what it sees of cgroups is its own to change. */
  managesCgroups: boolean;
  mounts: readonly Mount[];
  /** `kernel.shm_rmid_forced` and its value; of the namespaces that are its own. */
  sysctls: readonly (readonly [name: string, value: string])[];
}

export const isNew = (choice: NamespaceChoice): boolean => choice.kind === "new";

/** The environment of a command in a container with a view of its own, unless it is given another. */
export const ISOLATED_ENVIRONMENT: readonly string[] = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
  "container=lmctfy",
];

/** The same by name. */
export function isolatedEnvironment(): Record<string, string> {
  return Object.fromEntries(ISOLATED_ENVIRONMENT.map(entry => entry.split(/=(.*)/s, 2)));
}

/** A virtual host that runs, and what of it a process has to join. */
export interface Joining {
  /** Its init, in the caller's PID namespace. */
  pid: number;
  /** Locked while that runs, when it is another container's. */
  lockFile?: string;
  /** Those that are not the caller's. */
  namespaces: readonly NamespaceKind[];
  ownUsers: boolean;
}
