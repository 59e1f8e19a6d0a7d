/** What this process and this kernel can give to a command. */
import { release } from "node:os";
import { readControl } from "../../cgroup/files.ts";

export interface SecurityFacts {
  /** Capabilities that this process may use, as a set of bits. */
  readonly permitted: bigint;
  /** Number of the last capability that the kernel knows. */
  readonly lastCapability: number;
  /** Major and minor version. */
  readonly kernel: readonly [number, number];
  /** Whether the kernel has seccomp filters. */
  readonly seccomp: boolean;
}

/** @param proc where the facts about this process are */
export function readFacts(proc = "/proc/self"): SecurityFacts {
  const status = readControl(`${proc}/status`) ?? "";
  const [major, minor] = release().split(".");
  return {
    permitted: BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
    lastCapability: Number(readControl("/proc/sys/kernel/cap_last_cap") ?? 40),
    kernel: [Number(major), Number.parseInt(minor ?? "0", 10)],
    seccomp: /^Seccomp:/m.test(status),
  };
}
