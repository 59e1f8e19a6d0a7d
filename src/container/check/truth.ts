/** What the kernel says about a container's processes, beside what its spec says. */
import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessSecurity } from "../../resources/security/index.ts";

/** What every process that lmctfy started in it should be. */
export interface Expected {
  security: ProcessSecurity | undefined;
  ownUsers: boolean;
  /** Whether it is in a virtual host. */
  virtual: boolean;
  /** Kinds of namespaces that are not the caller's. */
  namespaces: readonly string[];
}

/** Differences of one process; undefined when it has ended meanwhile. */
export function differencesOf(pid: number, expected: Expected): string[] | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string): string => new RegExp(`^${name}:\\s*(.+)$`, "m").exec(status)?.[1] ?? "";
    const found: string[] = [];
    const { security } = expected;
    if (security?.noNewPrivs && field("NoNewPrivs") !== "1")
      found.push("it may gain privileges (NoNewPrivs is 0)");
    if (security?.seccomp && field("Seccomp") !== "2")
      found.push("it has no seccomp filter (Seccomp is not 2)");
    const bounding = BigInt(`0x${field("CapBnd") || "0"}`);
    const more = security?.capabilities ? bounding & ~security.capabilities.bounding : 0n;
    if (more !== 0n) found.push(`it may have more capabilities (CapBnd is ${field("CapBnd")})`);
    const map = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/);
    if (expected.ownUsers && (map.length !== 3 || map[0] !== "0" || map[1] === "0"))
      found.push(`its users are not its own (uid_map is ${map.join(" ")})`);
    for (const kind of expected.virtual ? ["mnt", ...expected.namespaces] : []) {
      if (readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`))
        found.push(`its ${kind} namespace is the caller's`);
    }
    return found;
  } catch {
    return undefined;
  }
}
