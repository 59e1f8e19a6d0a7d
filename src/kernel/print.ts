/** Prints system calls the way strace does; what it makes of a call becomes the label of the operation. */
import { AT_FDCWD, CLONE, LOCK, MS, O, PR } from "./constants.ts";
import type { SyscallName } from "./syscalls.ts";

/** How one argument is printed: a plain number, or by the names of its bits, or as one of several names. */
type Style =
  | { kind: "number" }
  | { kind: "octal" }
  | { kind: "dirfd" }
  | { kind: "null" }
  | { kind: "flags"; names: Readonly<Record<string, number>>; prefix: string; zero?: string }
  | { kind: "name"; names: Readonly<Record<string, number>>; prefix: string };

const number: Style = { kind: "number" };
const octal: Style = { kind: "octal" };
const dirfd: Style = { kind: "dirfd" };
const pointer: Style = { kind: "null" };
const flags = (prefix: string, names: Readonly<Record<string, number>>, zero?: string): Style =>
  zero === undefined ? { kind: "flags", names, prefix } : { kind: "flags", names, prefix, zero };

const OPEN_FLAGS = flags("O_", { ...O, DIRECTORY: 0o200000, NOFOLLOW: 0o400000 }, "O_RDONLY");
const CLONE_FLAGS = flags("CLONE_", CLONE);

/** Only calls whose arguments are more than numbers and texts. */
const STYLES: Partial<Record<SyscallName, readonly Style[]>> = {
  openat: [dirfd, pointer, OPEN_FLAGS, octal],
  mkdirat: [dirfd, pointer, octal],
  mknodat: [dirfd, pointer, octal, number],
  renameat: [dirfd, pointer, dirfd, pointer],
  unlinkat: [dirfd, pointer, number],
  symlinkat: [pointer, dirfd, pointer],
  mount: [pointer, pointer, pointer, flags("MS_", MS), pointer],
  umount2: [pointer, flags("MNT_", { DETACH: 2 })],
  unshare: [CLONE_FLAGS],
  setns: [number, CLONE_FLAGS],
  flock: [number, flags("LOCK_", LOCK)],
  pipe2: [pointer, flags("O_", O)],
  prctl: [{ kind: "name", names: PR, prefix: "PR_" }, number, number, number, number],
  rt_sigprocmask: [
    { kind: "name", names: { BLOCK: 0, UNBLOCK: 1, SETMASK: 2 }, prefix: "SIG_" },
    pointer,
    pointer,
    number,
  ],
  close_range: [number, { kind: "number" }, flags("CLOSE_RANGE_", { UNSHARE: 2, CLOEXEC: 4 })],
  dup3: [number, number, flags("O_", O)],
  seccomp: [
    { kind: "name", names: { SET_MODE_FILTER: 1 }, prefix: "SECCOMP_" },
    flags("SECCOMP_FILTER_FLAG_", { LOG: 2, SPEC_ALLOW: 4 }),
    pointer,
  ],
  keyctl: [
    { kind: "name", names: { JOIN_SESSION_KEYRING: 1 }, prefix: "KEYCTL_" },
    pointer,
    number,
    number,
    number,
  ],
};

/** The names of the set bits, the rest in hexadecimal: `MS_NOSUID|MS_NODEV|0x8000`. */
export function formatFlags(
  value: bigint,
  names: Readonly<Record<string, number>>,
  prefix: string,
  zero = "0",
): string {
  if (value === 0n) return zero;
  let rest = value;
  const parts: string[] = [];
  for (const [name, bit] of Object.entries(names)) {
    const bits = BigInt(bit);
    if (bits !== 0n && (rest & bits) === bits) {
      parts.push(prefix + name);
      rest &= ~bits;
    }
  }
  if (rest !== 0n) parts.push(`0x${rest.toString(16)}`);
  return parts.join("|");
}

function formatNumber(value: bigint): string {
  return value > 0xffffn || value < -0xffffn
    ? `0x${BigInt.asUintN(64, value).toString(16)}`
    : value.toString();
}

function formatImmediate(value: bigint, style: Style): string {
  switch (style.kind) {
    case "number":
      return formatNumber(value);
    case "octal":
      return value === 0n ? "0" : `0${value.toString(8)}`;
    case "dirfd":
      return value === BigInt(AT_FDCWD) ? "AT_FDCWD" : value.toString();
    case "null":
      return value === 0n ? "NULL" : formatNumber(value);
    case "flags":
      return formatFlags(BigInt.asUintN(64, value), style.names, style.prefix, style.zero);
    case "name": {
      const found = Object.entries(style.names).find(([, n]) => BigInt(n) === value);
      return found ? style.prefix + found[0] : formatNumber(value);
    }
    default:
      return style satisfies never;
  }
}

/** A text as a C literal, cut after 64 characters as strace does. */
export function quote(text: string): string {
  const cut = text.length > 64 ? `${text.slice(0, 64)}` : text;
  return JSON.stringify(cut) + (cut === text ? "" : "...");
}

/** An argument as the printer sees it: a number, or what already is text (a register's name, a quoted string). */
export type PrintableArgument = bigint | string;

/** `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV, NULL)` */
export function formatCall(name: SyscallName, args: readonly PrintableArgument[]): string {
  const styles = STYLES[name] ?? [];
  const texts = args.map((arg, i) =>
    typeof arg === "string" ? arg : formatImmediate(arg, styles[i] ?? number),
  );
  // openat's mode means nothing without O_CREAT
  if (name === "openat" && !texts[2]?.includes("O_CREAT")) texts.length = Math.min(texts.length, 3);
  return `${name}(${texts.join(", ")})`;
}
