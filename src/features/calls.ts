/**
 * Which system calls this kernel has: each is called in a way that cannot do anything, and the error tells. A call
 * that the kernel lacks fails with ENOSYS before it looks at its arguments.
 */
import type { SyscallName } from "../kernel/syscalls.ts";

/** A call to try; bytes stand for a pointer to them. */
export interface ProbeCall {
  name: SyscallName;
  args: readonly (number | bigint | Uint8Array)[];
}

/** Makes the calls and gives the name of each one's error, 0 for success. */
export type ProbeSyscalls = (calls: readonly ProbeCall[]) => Promise<readonly (string | 0)[]>;

/**
 * `denied`: the kernel may have it, and does not let this process use it (rights, or a seccomp filter around it).
 * `unknown`: there was no way to find out.
 */
export type Support = "yes" | "no" | "denied" | "unknown";

interface FeatureCall extends ProbeCall {
  /** When given, only this error means support: the call itself is older than the feature. */
  only?: string | 0;
}

/** No process has so many files open, and it is not negative, which some calls would take for something else. */
const BAD_FD = 0x7fff_ffff;
const NULL = 0;

const P_PIDFD = 3;
const WEXITED = 4;
const CLOSE_RANGE_CLOEXEC = 4;
const AT_EMPTY_PATH = 0x1000;
const CLONE_INTO_CGROUP = 0x2_0000_0000n;
const MOUNT_ATTR_IDMAP = 0x10_0000n;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
const LANDLOCK_CREATE_RULESET_VERSION = 1;

/** struct clone_args with flags and cgroup: the bad descriptor is noticed before there is a child. */
const INTO_BAD_CGROUP = words(CLONE_INTO_CGROUP, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, BigInt(BAD_FD));
/** struct mount_attr: id mapping by a bad descriptor. */
const IDMAP_BY_BAD_FD = words(MOUNT_ATTR_IDMAP, 0n, 0n, BigInt(BAD_FD));

/** What lmctfy uses or will use, by the name under which it is reported. */
export const FEATURE_CALLS: { readonly [feature: string]: FeatureCall } = {
  // Too small to be its arguments.
  clone3: { name: "clone3", args: [INTO_BAD_CGROUP, 0] },
  clone_into_cgroup: { name: "clone3", args: [INTO_BAD_CGROUP, INTO_BAD_CGROUP.length], only: "EBADF" },
  close_range: { name: "close_range", args: [1, 0, 0] },
  // A range without descriptors; Linux before 5.11 does not know the flag.
  close_range_cloexec: {
    name: "close_range",
    args: [0xffff_fffe, 0xffff_fffe, CLOSE_RANGE_CLOEXEC],
    only: 0,
  },
  fsopen: { name: "fsopen", args: [NULL, 0] },
  fsmount: { name: "fsmount", args: [BAD_FD, 0, 0] },
  idmapped_mounts: {
    name: "mount_setattr",
    args: [BAD_FD, new Uint8Array(1), AT_EMPTY_PATH, IDMAP_BY_BAD_FD, IDMAP_BY_BAD_FD.length],
  },
  landlock: { name: "landlock_create_ruleset", args: [NULL, 0, LANDLOCK_CREATE_RULESET_VERSION] },
  memfd_create: { name: "memfd_create", args: [NULL, 0] },
  mount_setattr: { name: "mount_setattr", args: [BAD_FD, NULL, 0, NULL, 0] },
  move_mount: { name: "move_mount", args: [BAD_FD, NULL, BAD_FD, NULL, 0] },
  open_tree: { name: "open_tree", args: [BAD_FD, NULL, 0] },
  openat2: { name: "openat2", args: [BAD_FD, NULL, NULL, 0] },
  pidfd_getfd: { name: "pidfd_getfd", args: [BAD_FD, BAD_FD, 0] },
  pidfd_open: { name: "pidfd_open", args: [-1, 0] },
  pidfd_send_signal: { name: "pidfd_send_signal", args: [BAD_FD, 0, NULL, 0] },
  pidfd_wait: { name: "waitid", args: [P_PIDFD, BAD_FD, NULL, WEXITED, NULL], only: "EBADF" },
  pivot_root: { name: "pivot_root", args: [NULL, NULL] },
  quotactl_fd: { name: "quotactl_fd", args: [BAD_FD, 0, 0, NULL] },
  seccomp_filter: { name: "seccomp", args: [SECCOMP_SET_MODE_FILTER, 0, NULL], only: "EFAULT" },
  seccomp_notify: {
    name: "seccomp",
    args: [SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, NULL],
    only: "EFAULT",
  },
  setns: { name: "setns", args: [BAD_FD, 0] },
  statmount: { name: "statmount", args: [NULL, NULL, 0, 0] },
};

/** Tries every call of the table. */
export async function probeFeatureCalls(
  probe: ProbeSyscalls | undefined,
): Promise<{ [feature: string]: Support }> {
  const features = Object.entries(FEATURE_CALLS);
  const errors = await probe?.(features.map(([, { name, args }]) => ({ name, args })));
  return Object.fromEntries(
    features.map(([feature, call], index) => [feature, supportOf(call, errors?.[index])]),
  );
}

function supportOf(call: FeatureCall, error: string | 0 | undefined): Support {
  if (error === undefined) return "unknown";
  if (error === "ENOSYS" || error === "EOPNOTSUPP") return "no";
  if (error === "EPERM" || error === "EACCES") return "denied";
  return call.only === undefined || call.only === error ? "yes" : "no";
}

function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(new BigUint64Array(values).buffer);
}
