/** `virtual_host` of a spec: a container that looks like a machine of its own. */
import { message, NOT_YET, optional, type Resolved, repeated } from "../descriptor.ts";
import { Network } from "./network.ts";
import { RunSpec } from "./run.ts";

export const VirtualHostInit = message("VirtualHostSpec.Init", "The first process, PID 1 of the container.", {
  init_argv: repeated(1, "string", "Command and arguments.", {
    default: "a small init that waits and reaps",
  }),
  run_spec: optional(2, RunSpec, "How it is run.", { unserved: NOT_YET }),
  stop_signal: optional(100, "string", "What tells it to end: `SIGTERM`, `SIGRTMIN+3`, a number.", {
    default: "SIGRTMIN+3 when it is systemd, else SIGTERM",
  }),
  system: optional(
    101,
    "bool",
    "Whether it brings up a whole system: it has a subtree of cgroups to manage and, with users of its own, root's rights over them.",
    { default: "true for /sbin/init and systemd" },
  ),
});
export interface VirtualHostInit extends Resolved<typeof VirtualHostInit> {}

const CHOICES =
  "`new`, `host` (the caller's), `container:/name` (that of a virtual host that runs), `pid:NUMBER` (that of a process), or the path of one";

export const VirtualHostNamespaces = message(
  "VirtualHostSpec.Namespaces",
  `What the container has of its own and what it shares: each ${CHOICES}, such as \`/run/netns/blue\`. The mounts are always its own.`,
  {
    pid: optional(1, "string", "Processes.", { default: "new" }),
    ipc: optional(2, "string", "System V IPC and POSIX message queues.", { default: "new" }),
    uts: optional(3, "string", "Host and domain name.", { default: "new" }),
    net: optional(4, "string", "Network.", { default: "new" }),
    cgroup: optional(5, "string", "The view of cgroups: `new` or `host`.", { default: "new" }),
    user: optional(
      6,
      "string",
      "Users: `new`, root in the container is nobody outside; `host`, root is root; or those of another.",
      {
        default: "that of the container that it shares others with; else new with a rootfs, or host",
      },
    ),
    time: optional(7, "string", "Clocks: those that count from the start of the machine.", {
      default: "host",
    }),
  },
);
export interface VirtualHostNamespaces extends Resolved<typeof VirtualHostNamespaces> {}

export const VirtualHostClocks = message(
  "VirtualHostSpec.Clocks",
  "How far clocks are ahead of the machine's (time_namespaces(7)); negative is behind.",
  {
    monotonic: optional(1, "int64", "CLOCK_MONOTONIC.", { unit: "seconds", default: "0" }),
    boottime: optional(2, "int64", "CLOCK_BOOTTIME, and with it /proc/uptime.", {
      unit: "seconds",
      default: "0",
    }),
  },
);
export interface VirtualHostClocks extends Resolved<typeof VirtualHostClocks> {}

export const VirtualHostSysctl = message(
  "VirtualHostSpec.Sysctl",
  "A setting of the container's own kernel namespaces.",
  {
    name: optional(1, "string", "Name with dots: `net.ipv4.ip_forward`; must be given."),
    value: optional(2, "string", "Value; must be given."),
  },
);
export interface VirtualHostSysctl extends Resolved<typeof VirtualHostSysctl> {}

export const VirtualHostSpec = message(
  "VirtualHostSpec",
  "Makes the container look like a machine of its own: its own processes, mounts, IPC, names, cgroups, network and users.",
  {
    virtual_hostname: optional(1, "string", "Host name in the container.", {
      default: "the container's name",
    }),
    init: optional(2, VirtualHostInit, "The first process of a virtual host that is started."),
    network: optional(3, Network, "The network.", { default: "the loopback interface only" }),
    domain_name: optional(100, "string", "NIS domain name in the container.", {
      default: "that of the host",
    }),
    namespaces: optional(101, VirtualHostNamespaces, "What it shares, if anything."),
    clocks: optional(103, VirtualHostClocks, "The clocks of a time namespace of its own."),
    sysctl: repeated(102, VirtualHostSysctl, "Settings of its network and IPC."),
  },
);
export interface VirtualHostSpec extends Resolved<typeof VirtualHostSpec> {}
