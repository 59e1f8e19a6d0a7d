/**
 * The default list: what the field (Docker, Podman, LXC) denies to containers, because it reaches the host or the
 * kernel's less tested corners, and what a capability opens again. All other calls that src/kernel/syscalls.ts knows
 * are allowed; those that it does not know are not there (ENOSYS).
 */
import type { Arch } from "../arch.ts";
import type { Action } from "./action.ts";
import { callsOf } from "./calls.ts";
import type { Condition, Decision, FilterPlan } from "./filter.ts";

/** Calls that fail with EPERM, unless the container may have one of the capabilities. */
export const DENIED: readonly { why: string; calls: string; unless?: readonly string[] }[] = [
  {
    why: "change what is mounted",
    calls:
      "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick pivot_root",
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "make, join or list namespaces",
    calls: "unshare setns listns",
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "change the machine's names, quotas, accounting",
    calls: "sethostname setdomainname quotactl quotactl_fd",
    unless: ["CAP_SYS_ADMIN"],
  },
  { why: "watch others' files", calls: "fanotify_init lookup_dcookie", unless: ["CAP_SYS_ADMIN"] },
  {
    why: "change security modules' labels",
    calls: "lsm_get_self_attr lsm_set_self_attr lsm_list_modules",
    unless: ["CAP_SYS_ADMIN"],
  },
  {
    why: "run code in the kernel",
    calls: "bpf",
    unless: ["CAP_BPF", "CAP_SYS_ADMIN"],
  },
  { why: "watch the machine", calls: "perf_event_open", unless: ["CAP_PERFMON", "CAP_SYS_ADMIN"] },
  { why: "read the kernel's log", calls: "syslog", unless: ["CAP_SYSLOG", "CAP_SYS_ADMIN"] },
  { why: "open files past their directories", calls: "open_by_handle_at", unless: ["CAP_DAC_READ_SEARCH"] },
  { why: "leave the root directory", calls: "chroot", unless: ["CAP_SYS_CHROOT"] },
  {
    why: "reach into other processes",
    calls: "kcmp pidfd_getfd process_madvise",
    unless: ["CAP_SYS_PTRACE"],
  },
  {
    why: "place memory of others, or on a node",
    calls: "get_mempolicy set_mempolicy set_mempolicy_home_node mbind move_pages migrate_pages",
    unless: ["CAP_SYS_NICE"],
  },
  { why: "stop the machine", calls: "reboot", unless: ["CAP_SYS_BOOT"] },
  { why: "load modules", calls: "init_module finit_module delete_module", unless: ["CAP_SYS_MODULE"] },
  { why: "write the machine's accounts", calls: "acct", unless: ["CAP_SYS_PACCT"] },
  { why: "reach the hardware", calls: "iopl ioperm", unless: ["CAP_SYS_RAWIO"] },
  { why: "set the machine's clock", calls: "settimeofday clock_settime", unless: ["CAP_SYS_TIME"] },
  { why: "hang up terminals", calls: "vhangup", unless: ["CAP_SYS_TTY_CONFIG"] },
  { why: "start another kernel", calls: "kexec_load kexec_file_load" },
  { why: "use keys of the host: keyrings know no containers", calls: "add_key request_key keyctl" },
  {
    why: "use corners of the kernel with a history of holes",
    calls: "userfaultfd io_uring_setup io_uring_enter io_uring_register",
  },
  { why: "change the machine's swap", calls: "swapon swapoff" },
  {
    why: "use what is old and used by nobody",
    calls:
      "_sysctl sysfs ustat uselib nfsservctl create_module query_module get_kernel_syms afs_syscall tuxcall security vserver getpmsg putpmsg",
  },
];

const EPERM: Action = { kind: "errno", value: 1 };
const ENOSYS: Action = { kind: "errno", value: 38 };
const ALLOW: Action = { kind: "allow" };
const KILL: Action = { kind: "kill_process" };

/** Arguments that the kernel takes as 32 bits, whatever stands above them: so the comparison must not look there. */
const equals = (index: number, value: number): Condition => ({
  index,
  test: "==",
  value: BigInt(value),
  mask: 0xffff_ffffn,
});

/** The CLONE_NEW… flags: mount, cgroup, uts, ipc, user, pid, net. */
const NEW_NAMESPACES = 0x7e02_0000n;
/** Pushes keys into a terminal, or pastes into a console. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
/** The kernel's own crypto, with a history of holes; the host, from a virtual machine. */
const AF_ALG = 38;
const AF_VSOCK = 40;
/** PER_LINUX, PER_LINUX32, both with UNAME26, and the question what it is. */
const PERSONALITIES = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** Calls that depend on their arguments. */
function conditional(may: (name: string) => boolean): { [name: string]: Decision } {
  const deny = (...when: Condition[]): Decision => ({
    cases: when.map(each => ({ when: [each], action: EPERM })),
    otherwise: ALLOW,
  });
  const allow = (...when: Condition[]): Decision => ({
    cases: when.map(each => ({ when: [each], action: ALLOW })),
    otherwise: EPERM,
  });
  return {
    ioctl: deny(equals(1, TIOCSTI), equals(1, TIOCLINUX)),
    socket: deny(equals(0, AF_ALG), equals(0, AF_VSOCK)),
    personality: allow(...PERSONALITIES.map(value => equals(0, value))),
    ...(!may("CAP_SYS_ADMIN") && {
      clone: allow({ index: 0, test: "==", value: 0n, mask: NEW_NAMESPACES }),
      // Its flags lie in memory, which a filter cannot look at: the C library then uses clone.
      clone3: { cases: [], otherwise: ENOSYS },
    }),
  };
}

/** Only the native world: 32-bit programs are ended. */
export function defaultPlan(arch: Arch, capabilities: ReadonlySet<string>): FilterPlan {
  const may = (name: string): boolean => capabilities.has(name);
  const known = callsOf(arch);
  const decisions = new Map<string, Decision>();
  for (const name of known.keys()) decisions.set(name, { cases: [], otherwise: ALLOW });
  for (const { calls, unless = [] } of DENIED) {
    if (unless.some(may)) continue;
    for (const name of calls.split(" ")) decisions.set(name, { cases: [], otherwise: EPERM });
  }
  for (const [name, decision] of Object.entries(conditional(may))) decisions.set(name, decision);
  const calls = [...decisions].flatMap(([name, decision]): [number, Decision][] => {
    const number = known.get(name);
    return number === undefined ? [] : [[number, decision]];
  });
  return { arch, worlds: new Map([[arch, { calls: new Map(calls), unlisted: ENOSYS }]]), foreign: KILL };
}
