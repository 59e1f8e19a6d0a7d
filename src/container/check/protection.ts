/** What protects a container, by what its spec says. */
import type { Entrance } from "../../compile/child.ts";
import { CAPABILITIES } from "../../features/capabilities.ts";
import type { Arch } from "../../kernel/arch.ts";
import { answerTo } from "../../kernel/seccomp/run.ts";
import { SYSCALLS, type SyscallName } from "../../kernel/syscalls.ts";
import { KINDS } from "../../resources/namespaces.ts";
import type { ContainerSpec } from "../../spec/index.ts";

/** `good` protects, `weak` less than it could, `bad` leaves the machine in reach, `note` says something that does not count. */
export type Verdict = "good" | "weak" | "bad" | "note";

export interface Finding {
  /** `users`, `namespaces`, `root`, `capabilities`, `seccomp`, …: names are only ever added. */
  item: string;
  verdict: Verdict;
  /** Points that it costs, of 100. */
  cost: number;
  /** What is so, and what to do about it. */
  text: string;
}

/** A container and what the machine makes of its spec. */
export interface Subject {
  arch: Arch;
  /** With what it has from those above. */
  spec: ContainerSpec;
  /** Of the virtual host that it is or lies in. */
  host: ContainerSpec | undefined;
  entrance: Pick<Entrance, "security">;
  ownUsers: boolean;
  /** Whether it or one above it has the limit. */
  limits: { memory: boolean; pids: boolean };
  devicesLimited: boolean;
  machine: { lxcfs: boolean; modules: readonly string[] };
}

/** Those with which root of the machine gets out of anything, or stops it. */
const DANGEROUS_CAPABILITIES = [
  "CAP_SYS_ADMIN",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_PTRACE",
  "CAP_DAC_READ_SEARCH",
  "CAP_SYS_BOOT",
  "CAP_SYS_TIME",
  "CAP_MKNOD",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_BPF",
  "CAP_PERFMON",
  "CAP_SYSLOG",
  "CAP_MAC_ADMIN",
  "CAP_MAC_OVERRIDE",
];

/** Those that reach the host, or corners of the kernel with a history of holes. */
const DANGEROUS_CALLS: readonly SyscallName[] = [
  "add_key",
  "bpf",
  "finit_module",
  "fsopen",
  "init_module",
  "io_uring_setup",
  "kexec_load",
  "keyctl",
  "mount",
  "move_mount",
  "open_by_handle_at",
  "perf_event_open",
  "pivot_root",
  "quotactl",
  "reboot",
  "setns",
  "settimeofday",
  "swapon",
  "unshare",
  "userfaultfd",
];

const SECCOMP_RET_ALLOW = 0x7fff_0000;
const SECCOMP_RET_LOG = 0x7ffc_0000;

const NAMESPACE_COST = { pid: 10, net: 10, ipc: 4, cgroup: 2, uts: 1, time: 0 } as const;

export function protectionOf(subject: Subject): Finding[] {
  return [
    users(subject),
    namespaces(subject),
    root(subject),
    ...mounts(subject),
    capabilities(subject),
    seccomp(subject),
    newPrivileges(subject),
    keyring(subject),
    devices(subject),
    limit(subject, "memory", "it can use up the machine's memory", "memory:{limit:…}"),
    limit(subject, "pids", "a fork bomb in it stops the machine", "pids:{limit:…}"),
    modules(subject),
    landlock(subject),
    lxcfs(subject),
  ];
}

const finding = (item: string, verdict: Verdict, cost: number, text: string): Finding => ({
  item,
  verdict,
  cost,
  text,
});

function users({ host, ownUsers }: Subject): Finding {
  if (ownUsers) return finding("users", "good", 0, "of its own: its root is nobody outside");
  if (host === undefined)
    return finding(
      "users",
      "bad",
      15,
      "the machine's: root in it is root; run commands as another user (run -u)",
    );
  return finding(
    "users",
    "bad",
    20,
    "the machine's: its root is root, whom capabilities and masks alone hold back",
  );
}

function namespaces({ host }: Subject): Finding {
  if (host === undefined) {
    return finding(
      "namespaces",
      "bad",
      30,
      "none: it sees the machine's processes, files and network; virtual_host:{} hides them",
    );
  }
  const chosen = host.virtual_host?.namespaces ?? {};
  const shared = KINDS.filter(kind => kind !== "time" && (chosen[kind] ?? "new") !== "new");
  if (shared.length === 0)
    return finding("namespaces", "good", 0, "mounts, processes, IPC, names, network, cgroups of its own");
  const cost = shared.reduce((sum, kind) => sum + NAMESPACE_COST[kind], 0);
  return finding(
    "namespaces",
    "weak",
    cost,
    `shared: ${shared.map(kind => `${kind} (${chosen[kind]})`).join(", ")}`,
  );
}

function root({ host }: Subject): Finding {
  const files = host?.filesystem;
  if (
    host === undefined ||
    (!files?.empty_root && (files?.layers ?? []).length === 0 && (files?.rootfs ?? "/") === "/")
  )
    return finding(
      "root",
      "bad",
      10,
      "the machine's root directory; filesystem:{rootfs:…} gives it one of its own",
    );
  if (files?.read_only || files?.empty_root) return finding("root", "good", 0, "of its own, read-only");
  return finding("root", "good", 1, "of its own, writable; filesystem:{read_only:true} if it need not write");
}

function mounts({ host }: Subject): Finding[] {
  const list = host?.filesystem?.mounts?.mount ?? [];
  const writable = list.filter(({ type = "BIND", read_only }) => type === "BIND" && !read_only);
  const loose = list.filter(({ options = [] }) =>
    options.some(option => option === "suid" || option === "dev"),
  );
  return [
    ...(writable.length > 0
      ? [
          finding(
            "mounts",
            "weak",
            Math.min(6, 2 * writable.length),
            `of the host, writable: ${writable.map(({ source }) => source).join(", ")}`,
          ),
        ]
      : []),
    ...(loose.length > 0
      ? [
          finding(
            "mounts",
            "weak",
            4,
            `with set-user-ID files or devices: ${loose.map(({ target }) => target).join(", ")}`,
          ),
        ]
      : []),
  ];
}

function capabilities({ entrance: { security }, ownUsers }: Subject): Finding {
  const bounding = security?.capabilities?.bounding;
  const has = (name: string): boolean =>
    bounding === undefined ||
    ((bounding >> BigInt((CAPABILITIES as readonly string[]).indexOf(name))) & 1n) === 1n;
  const dangerous = DANGEROUS_CAPABILITIES.filter(has);
  if (dangerous.length === 0) return finding("capabilities", "good", 0, "none that reaches the machine");
  const names = bounding === undefined ? "all that the caller has" : dangerous.join(", ");
  if (ownUsers)
    return finding("capabilities", "weak", Math.min(8, dangerous.length), `${names}; over what is its own`);
  return finding(
    "capabilities",
    "bad",
    Math.min(25, 5 * dangerous.length),
    `${names}; security_spec:{} leaves a few harmless ones`,
  );
}

function seccomp({ arch, entrance: { security } }: Subject): Finding {
  const filter = security?.seccomp?.filter;
  if (filter === undefined)
    return finding(
      "seccomp",
      "bad",
      15,
      "none: all system calls are there; security_spec:{} denies what programs do not need",
    );
  const passes = DANGEROUS_CALLS.filter(name => {
    const answer = answerTo(filter, arch, SYSCALLS[name][arch === "x86_64" ? 0 : 1]!);
    return answer === SECCOMP_RET_ALLOW || answer === SECCOMP_RET_LOG;
  });
  if (passes.length === 0) return finding("seccomp", "good", 0, "a filter, which no dangerous call passes");
  return finding(
    "seccomp",
    "weak",
    Math.min(12, passes.length),
    `a filter, which these pass: ${passes.join(", ")}`,
  );
}

function newPrivileges({ entrance: { security }, ownUsers }: Subject): Finding {
  if (security?.noNewPrivs) return finding("no_new_privs", "good", 0, "executing a file never gives rights");
  return finding("no_new_privs", "weak", ownUsers ? 3 : 8, "off: set-user-ID files give rights");
}

function keyring({ entrance: { security } }: Subject): Finding {
  if (security?.newKeyring) return finding("keyring", "good", 0, "of its own");
  return finding("keyring", "weak", 2, "the caller's, with the keys in it");
}

function devices({ devicesLimited }: Subject): Finding {
  if (devicesLimited) return finding("devices", "good", 0, "only those that its rules name");
  return finding(
    "devices",
    "weak",
    6,
    "whatever the permissions of their nodes allow; device:{isolated:true} leaves the usual few",
  );
}

function limit({ limits }: Subject, kind: "memory" | "pids", danger: string, advice: string): Finding {
  if (limits[kind]) return finding(kind, "good", 0, "limited");
  return finding(kind, "weak", 6, `no limit: ${danger}; ${advice}`);
}

function modules({ spec, machine }: Subject): Finding {
  const profile = spec.security_spec?.apparmor_profile?.name;
  if (profile !== undefined) return finding("lsm", "good", 0, `the AppArmor profile ${profile}`);
  const label = spec.security_spec?.selinux_label;
  if (label !== undefined) return finding("lsm", "good", 0, `the SELinux label ${label}`);
  const labelling = machine.modules.filter(name => name === "apparmor" || name === "selinux");
  if (labelling.length === 0)
    return finding("lsm", "note", 0, "this machine has neither AppArmor nor SELinux");
  return finding("lsm", "note", 0, `no profile of its own (${labelling.join(", ")} is active)`);
}

function landlock({ entrance: { security } }: Subject): Finding {
  if (security?.landlock) return finding("landlock", "good", 0, "only the files that its rules name");
  return finding("landlock", "note", 0, "no rules: all files that its users may use");
}

function lxcfs({ host, machine }: Subject): Finding {
  if (host === undefined) return finding("lxcfs", "note", 0, "/proc tells about the machine");
  if (machine.lxcfs && (host.filesystem?.lxcfs ?? true))
    return finding("lxcfs", "good", 0, "/proc tells its own limits");
  return finding("lxcfs", "note", 0, "not there: /proc/meminfo, cpuinfo and the like tell about the machine");
}
