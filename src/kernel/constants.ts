/**
 * Numbers of the kernel's interface, named as in its headers. Only what is used; `include/uapi/linux/*.h`.
 */
import type { Arch } from "./arch.ts";

export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;

/** open(2), the flags that are the same everywhere. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** open(2), the flags that differ between architectures (arch/arm64/include/uapi/asm/fcntl.h). */
export function archOpenFlags(arch: Arch): { DIRECTORY: number; NOFOLLOW: number } {
  return arch === "aarch64"
    ? { DIRECTORY: 0o40000, NOFOLLOW: 0o100000 }
    : { DIRECTORY: 0o200000, NOFOLLOW: 0o400000 };
}

/** clone(2), clone3(2), unshare(2). */
export const CLONE = {
  NEWTIME: 0x80,
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  INTO_CGROUP: 0x200000000,
} as const;

/** mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  NOATIME: 1024,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
} as const;

/** mount_setattr(2), fsmount(2). */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  NOATIME: 0x10,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

/** eventfd(2): the same as of open(2). */
export const EFD = { NONBLOCK: O.NONBLOCK, CLOEXEC: O.CLOEXEC } as const;

/** umount2(2). */
export const MNT_DETACH = 2;

/** prctl(2). */
export const PR = {
  SET_PDEATHSIG: 1,
  SET_DUMPABLE: 4,
  SET_KEEPCAPS: 8,
  CAPBSET_DROP: 24,
  SET_NO_NEW_PRIVS: 38,
  CAP_AMBIENT: 47,
} as const;

/** flock(2). */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** rt_sigprocmask(2). */
export const SIG_SETMASK = 2;

export const SIGCHLD = 17;
export const SIGKILL = 9;
export const SIGSYS = 31;
/** In a wait status, beside the signal. */
export const CORE_DUMPED = 0x80;

/** Error numbers that programs name (include/uapi/asm-generic/errno*.h). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EAGAIN: 11,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSYS: 38,
} as const;
