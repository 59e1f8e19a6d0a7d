/** System calls by name and number in every world ("ABI") that a process of this architecture can speak. */
import type { Arch } from "../arch.ts";
import { SYSCALLS } from "../syscalls.ts";
import { COMPAT_CALLS } from "./compat-calls.ts";

/** A native world, or a 32-bit one beside it: i386 and x32 beside x86_64, arm beside aarch64. */
export type Abi = Arch | "x86" | "x32" | "arm";

/** The native world first. */
export const ABIS_OF: { readonly [A in Arch]: readonly Abi[] } = {
  x86_64: ["x86_64", "x86", "x32"],
  aarch64: ["aarch64", "arm"],
};

/** `seccomp_data.arch` (include/uapi/linux/audit.h); x32 shares that of x86_64 and is told by a bit of the number. */
export const AUDIT_ARCH: { readonly [A in Abi]: number } = {
  x86_64: 0xc000_003e,
  x32: 0xc000_003e,
  x86: 0x4000_0003,
  aarch64: 0xc000_00b7,
  arm: 0x4000_0028,
};

/** __X32_SYSCALL_BIT */
export const X32_BIT = 0x4000_0000;

/** From here on a call has the same number everywhere (include/uapi/asm-generic/unistd.h). */
const FIRST_COMMON = 424;
/** x32 has its own numbers for some calls, from here on; the others are those of x86_64. */
const FIRST_X32 = 512;
/** ARM's private calls. */
const ARM_PRIVATE = 0x0f_0000;

/** Name → number of all calls that are known for a world; those of x32 with their bit. */
export function callsOf(abi: Abi): Map<string, number> {
  switch (abi) {
    case "x86_64":
      return native(0);
    case "aarch64":
      return native(1);
    case "x86":
    case "arm":
      return new Map([...common(), ...unpack(COMPAT_CALLS[abi])]);
    case "x32": {
      const calls = new Map([...native(0)].filter(([name]) => !NOT_IN_X32.has(name)));
      for (const [name, number] of unpack(COMPAT_CALLS.x32)) calls.set(name, number);
      return new Map([...calls].map(([name, number]) => [name, number + X32_BIT]));
    }
    default:
      return abi satisfies never;
  }
}

/** A number that stands apart from those that count on: newer calls get lower ones. */
export function isPrivateCall(number: number): boolean {
  return number >= X32_BIT ? number >= X32_BIT + FIRST_X32 : number >= ARM_PRIVATE;
}

/** Calls of x86_64 that x32 does not have (arch/x86/entry/syscalls/syscall_64.tbl, those marked "64"). */
const NOT_IN_X32 = new Set([
  "_sysctl",
  "create_module",
  "epoll_ctl_old",
  "epoll_wait_old",
  "get_kernel_syms",
  "get_thread_area",
  "nfsservctl",
  "query_module",
  "set_thread_area",
  "uselib",
  "vserver",
]);

function native(column: 0 | 1): Map<string, number> {
  const calls = new Map<string, number>();
  for (const [name, numbers] of Object.entries(SYSCALLS)) {
    const number: number | null = numbers[column];
    if (number !== null) calls.set(name, number);
  }
  return calls;
}

function common(): [string, number][] {
  return [...native(1)].filter(([, number]) => number >= FIRST_COMMON);
}

function unpack(text: string): [string, number][] {
  let number = 0;
  return text
    .trim()
    .split(/\s+/)
    .flatMap((word): [string, number][] => {
      if (/^\d+$/.test(word)) {
        number = Number(word);
        return [];
      }
      return [[word, number++]];
    });
}
