/** What a sandbox is asked for, in the words of those who ask, and the spec that it comes to. */
import { existsSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpecInput } from "../spec/index.ts";

export interface SandboxMount {
  /** Absolute path on the host. */
  source: string;
  /** Absolute path in the sandbox. @default as `source` */
  target?: string;
  /** @default true */
  readOnly?: boolean;
}

export interface SandboxOptions {
  /** Memory of all processes and files in it: bytes, or "256M", "1G" (of 1024). @default "256M" */
  memory?: number | string;
  /** CPUs that it may use at most, 0.5 is half of one. @default 1 */
  cpus?: number;
  /** Processes and threads at a time. @default 64 */
  pids?: number;
  /** How long a command may run: milliseconds, or "5s", "1m", "500ms". @default no limit */
  timeout?: number | string;
  /** "none": only loopback. "host": the machine's network, and whatever listens there. @default "none" */
  network?: "none" | "host";
  /**
   * "host-readonly": the host's programs and libraries (/usr, /bin, /lib, /etc, /opt …), and nothing else of it. Or the path of
   * a root file system, which the sandbox cannot change.
   * @default "host-readonly"
   */
  root?: string;
  /** Files to start with; names are relative to /work, or absolute. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  mounts?: readonly SandboxMount[];
  /** Environment of its commands, beside PATH and HOME. */
  env?: Readonly<Record<string, string>>;
  /** What /work and /tmp hold at most, each; it is part of `memory`. @default the same as `memory` */
  disk?: number | string;
}

/** Where commands start, and where files go. */
export const WORK = "/work";

/** What programs need of a host; its data, sockets and homes stay outside. */
const HOST_PARTS = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt"];

const SIZES: Record<string, number> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };
const TIMES: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The spec of a sandbox with these options. */
export function sandboxSpec(options: SandboxOptions): ContainerSpecInput {
  const {
    memory = "256M",
    cpus = 1,
    pids = 64,
    network = "none",
    root = "host-readonly",
    mounts = [],
  } = options;
  const bytes = parseSize("memory", memory);
  const disk = options.disk === undefined ? bytes : parseSize("disk", options.disk);
  if (typeof cpus !== "number" || !(cpus >= 0.004)) throw bad("cpus", cpus, "a number from 0.004 on");
  if (!Number.isInteger(pids) || pids < 1) throw bad("pids", pids, "a whole number from 1 on");
  if (network !== "none" && network !== "host") throw bad("network", network, '"none" or "host"');
  const own = root === "host-readonly" ? hostParts() : [];
  return {
    cpu: { max_limit: Math.round(cpus * 1000) },
    memory: { limit: bytes },
    // The init is one, and so is whoever writes or reads files.
    pids: { limit: pids + 2 },
    virtual_host: {
      virtual_hostname: "sandbox",
      ...(network === "host" && { namespaces: { net: "host" } }),
    },
    filesystem: {
      ...(root === "host-readonly" ? { empty_root: true } : { rootfs: root }),
      read_only: true,
      mounts: {
        mount: [
          ...own.map(path => ({ source: path, target: path, read_only: true, private: true })),
          { type: "TMPFS" as const, target: "/tmp", size: disk },
          { type: "TMPFS" as const, target: WORK, size: disk },
          ...mounts.map(({ source, target = source, readOnly = true }) => ({
            source,
            target,
            read_only: readOnly,
            private: true,
          })),
        ],
      },
    },
  };
}

function hostParts(): string[] {
  return HOST_PARTS.filter(path => existsSync(path));
}

/** Bytes of "256M". */
export function parseSize(name: string, size: number | string): number {
  const match = typeof size === "string" ? /^(\d+(?:\.\d+)?)([KMGT]?)i?B?$/i.exec(size.trim()) : undefined;
  const bytes = match ? Math.floor(Number(match[1]) * SIZES[match[2]!.toUpperCase()]!) : size;
  if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw bad(name, size, 'bytes, or a text such as "256M"');
}

/** Milliseconds of "5s". */
export function parseTime(name: string, time: number | string): number {
  const match = typeof time === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(time.trim()) : undefined;
  const ms = match ? Number(match[1]) * TIMES[match[2]!]! : time;
  if (typeof ms === "number" && ms > 0 && ms <= 2 ** 31 - 1) return ms;
  throw bad(name, time, 'milliseconds, or a text such as "5s"');
}

function bad(name: string, value: unknown, wanted: string): LmctfyError {
  return new LmctfyError("INVALID_ARGUMENT", `sandbox: ${name} is ${wanted}: ${JSON.stringify(value)}`);
}
