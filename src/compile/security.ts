/**
 * Giving up rights, for good. Who gives up something needs rights for it, so the order is:
 *
 * ```
 * keyring ─▶ (seccomp, where no_new_privs is off: it needs CAP_SYS_ADMIN) ─▶ bounding set ─▶ user ─▶ capabilities
 *   … what else the child does, with the command's rights …
 * ─▶ no_new_privs ─▶ seccomp ─▶ execve
 * ```
 */
import { AT_FDCWD, ERRNO, O, PR } from "../kernel/constants.ts";
import type { ProgramBuilder } from "../kernel/program.ts";
import type { ProcessSecurity } from "../resources/security/index.ts";
import { restrictFiles } from "./landlock.ts";

const KEYCTL_JOIN_SESSION_KEYRING = 1;
const SECCOMP_SET_MODE_FILTER = 1;
const CAPABILITY_VERSION = 0x2008_0522;
const AMBIENT_RAISE = 2;
const PROC_SUPER_MAGIC = 0x9fa0;
const STATFS_SIZE = 120;

/** Ids that a command runs with. */
export interface Credentials {
  uid: number;
  gid: number;
  groups: readonly number[];
}

/** From here on the child has the command's user and capabilities. */
export function giveUpRights(
  b: ProgramBuilder,
  security: ProcessSecurity | undefined,
  user: Credentials | undefined,
): void {
  if (security === undefined) {
    if (user) becomeUser(b, user);
    return;
  }
  const { capabilities, noNewPrivs } = security;
  // Other processes of the container may have the same rights from here on: they cannot trace this one before it execs.
  b.stage("hiding from debuggers");
  b.syscall("prctl", [PR.SET_DUMPABLE, 0, 0, 0, 0]);
  if (security.newKeyring) joinNewKeyring(b);
  if (!noNewPrivs) installFilter(b, security);
  if (capabilities === undefined) {
    if (user) becomeUser(b, user);
    return;
  }
  const { bounding, permitted, ambient, lastCapability, lowerBounding } = capabilities;
  b.stage("giving up capabilities");
  for (let each = 0; lowerBounding && each <= lastCapability; each++)
    if (((bounding >> BigInt(each)) & 1n) === 0n) b.syscall("prctl", [PR.CAPBSET_DROP, each, 0, 0, 0]);
  const isRoot = user === undefined || user.uid === 0;
  if (user) {
    if (!isRoot && ambient !== 0n) b.syscall("prctl", [PR.SET_KEEPCAPS, 1, 0, 0, 0]);
    becomeUser(b, user);
  }
  b.stage("giving up capabilities");
  setCapabilities(b, isRoot ? permitted : ambient, ambient);
  for (let each = 0; each <= lastCapability; each++)
    if (((ambient >> BigInt(each)) & 1n) !== 0n)
      b.syscall("prctl", [PR.CAP_AMBIENT, AMBIENT_RAISE, each, 0, 0]);
}

/**
 * A kernel without keys has none to hide, and where a filter around us denies the call, it denies it to the command,
 * too. Any other error ends it.
 */
function joinNewKeyring(b: ProgramBuilder): void {
  b.stage("making a session keyring");
  const call = [KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0];
  const keyring = b.syscall("keyctl", call, { into: "keyring", onError: "ignore" });
  const done = b.label();
  b.jumpIf(keyring, ">=", 0, done);
  b.jumpIf(keyring, "==", -ERRNO.EPERM, done);
  b.syscall("keyctl", call, { tolerate: ERRNO.ENOSYS });
  b.place(done);
}

/** Groups first: without the capability, which goes with the user id, they could not be set. */
function becomeUser(b: ProgramBuilder, user: Credentials): void {
  b.stage(`becoming user ${user.uid}, group ${user.gid}`);
  const groups = b.struct(
    user.groups.map(group => [4, group] as const),
    `[${user.groups.join(", ")}]`,
  );
  b.syscall("setgroups", [user.groups.length, user.groups.length === 0 ? 0 : groups]);
  b.syscall("setresgid", [user.gid, user.gid, user.gid]);
  b.syscall("setresuid", [user.uid, user.uid, user.uid]);
}

/** The last thing before execve, which all of it leaves alone. */
export function seal(b: ProgramBuilder, security: ProcessSecurity | undefined): void {
  if (security?.appArmor !== undefined)
    setOnExec(b, "the AppArmor profile", "apparmor/exec", `exec ${security.appArmor}`);
  if (security?.selinux !== undefined) setOnExec(b, "the SELinux label", "exec", security.selinux);
  if (!security?.noNewPrivs) return;
  b.stage("giving up new privileges");
  b.syscall("prctl", [PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  if (security.landlock !== undefined) restrictFiles(b, security.landlock);
  installFilter(b, security);
}

/** What execve changes to (apparmor_lsm(7), security/apparmor/lsm.c; security/selinux/hooks.c, selinux_setprocattr). */
function setOnExec(b: ProgramBuilder, what: string, attribute: string, text: string): void {
  b.stage(`setting ${what}`);
  const path = b.string(`/proc/self/attr/${attribute}`);
  const fd = b.syscall("openat", [AT_FDCWD, path, O.WRONLY | O.CLOEXEC, 0], { into: "attribute" });
  // Something else may be mounted over /proc, and would take the text and do nothing (CVE-2019-16884). (struct statfs: the type first)
  const stat = b.buffer(STATFS_SIZE, "statfs");
  const genuine = b.label();
  b.syscall("fstatfs", [fd, stat]);
  b.jumpIf(b.load(b.slice(stat, 0, 8), 8, "type"), "==", PROC_SUPER_MAGIC, genuine);
  b.stage(`setting ${what}: its /proc is not the kernel's`);
  b.syscall("close", [-1]);
  b.place(genuine);
  b.stage(`setting ${what}`);
  b.syscall("write", [fd, b.string(text), Buffer.byteLength(text)]);
}

function installFilter(b: ProgramBuilder, { seccomp }: ProcessSecurity): void {
  if (seccomp === undefined) return;
  b.stage("installing the seccomp filter");
  const length = seccomp.filter.length / 8;
  const filter = b.bytes(seccomp.filter, `{${length} instructions}`);
  // struct sock_fprog
  const program = b.struct(
    [
      [2, length],
      [2, 0],
      [4, 0],
      [8, filter],
    ],
    `{len=${length}, filter}`,
  );
  b.syscall("seccomp", [SECCOMP_SET_MODE_FILTER, seccomp.flags, program]);
}

/** Effective and permitted alike. The ambient set, which lies within the inheritable one, shrinks with it. */
function setCapabilities(b: ProgramBuilder, permitted: bigint, inheritable: bigint): void {
  const hex = (set: bigint): string => `0x${set.toString(16)}`;
  const header = b.struct(
    [
      [4, CAPABILITY_VERSION],
      [4, 0],
    ],
    "{v3, self}",
  );
  const halves = [0n, 32n].flatMap(shift =>
    [permitted, permitted, inheritable].map(set => [4, Number((set >> shift) & 0xffff_ffffn)] as const),
  );
  const data = b.struct(halves, `{permitted=effective=${hex(permitted)}, inheritable=${hex(inheritable)}}`);
  b.syscall("capset", [header, data]);
}
