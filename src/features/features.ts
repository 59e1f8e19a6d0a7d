/** What this machine can do, found by looking and trying, never by the kernel's version number. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { type CgroupLayout, readLayout } from "../cgroup/layout.ts";
import { errnoOf } from "../errors.ts";
import { type ProbeSyscalls, probeFeatureCalls, type Support } from "./calls.ts";
import { capabilityNames } from "./capabilities.ts";

export type { ProbeCall, ProbeSyscalls, Support } from "./calls.ts";

/** The shape of `lmctfy features --json`: names are only ever added. */
export interface Features {
  kernel: { release: string; arch: string };
  cgroup: {
    layout: CgroupLayout["kind"];
    hierarchies: { version: 1 | 2; mount_point: string; controllers: string[] }[];
    /** Controllers that the kernel was started without. */
    disabled: string[];
    /** Kill and pause in one write; unknown where no cgroup exists yet to look into. */
    kill: Support;
    freeze: Support;
    swap_accounting: Support;
    /** Pressure stall information. */
    pressure: Support;
  };
  /** `cgroup`, `ipc`, `mnt`, `net`, `pid`, `time`, `user`, `uts`. */
  namespaces: { [name: string]: Support };
  user_namespaces: {
    /** The most that this user may have; null where the kernel does not say. */
    max: number | null;
    /** Whether a user without rights may make one. */
    unprivileged: Support;
  };
  /** What performance counters can count: events of the kernel, and of the CPU, which virtual machines often lack. */
  perf_events: { software: Support; hardware: Support };
  /** By feature; mostly the name of the call. */
  syscalls: { [feature: string]: Support };
  /** Why the calls could not be tried. */
  syscalls_error: string | null;
  security: {
    /** Active Linux security modules; null where securityfs is not mounted. */
    lsms: string[] | null;
    /** What a seccomp filter can answer; empty without seccomp filters. */
    seccomp_actions: string[];
  };
  caller: { uid: number; gid: number; capabilities: string[]; missing_capabilities: string[] };
}

export interface FeatureOptions {
  /** Put before /proc and /sys. @default "" */
  root?: string;
  layout?: CgroupLayout;
}

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/** Looks around. Without something to try calls with, the calls are unknown. */
export async function detectFeatures(
  probe?: ProbeSyscalls,
  { root = "", layout = readLayout() }: FeatureOptions = {},
): Promise<Features> {
  const read = (path: string) => readText(root + path);
  const { syscalls, error } = await trySyscalls(probe);
  return {
    kernel: {
      release: release(),
      arch: arch() === "x64" ? "x86_64" : arch() === "arm64" ? "aarch64" : arch(),
    },
    cgroup: {
      layout: layout.kind,
      hierarchies: layout.hierarchies.map(({ version, mountPoint, controllers }) => ({
        version,
        mount_point: mountPoint,
        controllers: [...controllers],
      })),
      disabled: [...layout.disabled],
      kill: hasFile(layout, "cgroup.kill"),
      freeze: hasFile(layout, "cgroup.freeze"),
      swap_accounting: swapAccounting(layout),
      pressure: read("/proc/pressure/memory") ? "yes" : "no",
    },
    namespaces: Object.fromEntries(
      NAMESPACES.map(name => [name, existsSync(`${root}/proc/self/ns/${name}`) ? "yes" : "no"]),
    ),
    user_namespaces: userNamespaces(read),
    perf_events: perfEvents(`${root}/sys/bus/event_source/devices`),
    syscalls,
    syscalls_error: error,
    security: {
      lsms: words(read("/sys/kernel/security/lsm"), ",") ?? null,
      seccomp_actions: words(read("/proc/sys/kernel/seccomp/actions_avail"), " ") ?? [],
    },
    caller: caller(read),
  };
}

async function trySyscalls(probe: ProbeSyscalls | undefined) {
  try {
    return { syscalls: await probeFeatureCalls(probe), error: null };
  } catch (error) {
    // This is the command that people run when something is broken, so it tells and goes on.
    return { syscalls: await probeFeatureCalls(undefined), error: String(error) };
  }
}

/** The text of a file; undefined when it is missing or does not let itself be read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function words(text: string | undefined, separator: string): string[] | undefined {
  return text?.trim().split(separator).filter(Boolean);
}

/** Whether version 2 cgroups have a file that the root of the hierarchy lacks: seen in any child of it. */
function hasFile(layout: CgroupLayout, file: string): Support {
  const mount = layout.hierarchies.find(hierarchy => hierarchy.version === 2)?.mountPoint;
  if (mount === undefined) return "no";
  if (existsSync(`${mount}/${file}`)) return "yes";
  const children = directories(mount);
  if (children.length === 0) return "unknown";
  return children.some(child => existsSync(`${mount}/${child}/${file}`)) ? "yes" : "no";
}

function swapAccounting(layout: CgroupLayout): Support {
  const memory = layout.hierarchies.find(({ controllers }) => controllers.includes("memory"));
  if (memory === undefined) return "no";
  if (memory.version === 1) {
    return existsSync(`${memory.mountPoint}/memory.memsw.limit_in_bytes`) ? "yes" : "no";
  }
  // Children without a memory controller tell nothing.
  const counted = directories(memory.mountPoint).some(child =>
    existsSync(`${memory.mountPoint}/${child}/memory.max`),
  );
  return counted ? hasFile(layout, "memory.swap.max") : "unknown";
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name);
  } catch {
    return [];
  }
}

/** By the devices that count them (Documentation/ABI/testing/sysfs-bus-event_source-devices). */
function perfEvents(path: string): Features["perf_events"] {
  const devices = names(path);
  // `cpu` of x86, `cpu_core` and `cpu_atom` where it has two kinds, `armv8_…` of ARM.
  const hardware = devices.some(name => /^(cpu|cpu_core|cpu_atom|armv\d_.*)$/.test(name));
  return { software: devices.includes("software") ? "yes" : "no", hardware: hardware ? "yes" : "no" };
}

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function userNamespaces(read: (path: string) => string | undefined): Features["user_namespaces"] {
  const max = read("/proc/sys/user/max_user_namespaces")?.trim();
  // Debian's switch, and Ubuntu's rule that only programs with a profile may.
  const off = read("/proc/sys/kernel/unprivileged_userns_clone")?.trim() === "0";
  const restricted = read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")?.trim() === "1";
  const none = max === undefined || max === "0";
  return {
    max: max === undefined ? null : Number(max),
    unprivileged: none ? "no" : off || restricted ? "denied" : "yes",
  };
}

function caller(read: (path: string) => string | undefined): Features["caller"] {
  const status = read("/proc/self/status") ?? "";
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "0";
  const last = Number(read("/proc/sys/kernel/cap_last_cap") ?? 40);
  const all = ((1n << BigInt(last + 1)) - 1n).toString(16);
  const capabilities = capabilityNames(field("CapEff"));
  return {
    uid: process.geteuid?.() ?? -1,
    gid: process.getegid?.() ?? -1,
    capabilities,
    missing_capabilities: capabilityNames(all).filter(name => !capabilities.includes(name)),
  };
}
