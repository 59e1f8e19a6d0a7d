/*
 * The floor: the calls that a container costs, written down by hand, without a C library, a configuration,
 * a check or a message. What the kernel needs for them is what no runtime can be faster than.
 *
 *   floor enter LOCK V2|- TASKS... -- COMMAND...       a process in existing cgroups
 *   floor isolated ROOTFS V2|- TASKS... -- COMMAND...  the same in namespaces of its own, on ROOTFS
 *
 * V2: a v2 cgroup directory to clone into. TASKS: v1 files to write "0" to. A failure exits with 100 + step.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mount.h>

#include "sys.h"

#define CHECK(step, call)                        \
  do {                                           \
    if ((call) < 0) SYS(exit_group, 100 + step); \
  } while (0)

struct cgroups {
  const char *v2;
  char **tasks; /* ends with "--" */
};

static int open_v2(const struct cgroups *in) {
  if (in->v2[0] == '-') return -1;
  long fd = SYS(openat, AT_FDCWD, in->v2, O_PATH | O_DIRECTORY | O_CLOEXEC);
  CHECK(1, fd);
  return (int)fd;
}

static void enter_v1(const struct cgroups *in) {
  for (char **tasks = in->tasks; !same(*tasks, "--"); tasks++) {
    long fd = SYS(openat, AT_FDCWD, *tasks, O_WRONLY | O_CLOEXEC);
    CHECK(2, fd);
    CHECK(3, SYS(write, fd, "0", 1));
    SYS(close, fd);
  }
}

static long clone_into(unsigned long flags, int v2) {
  struct clone_args args = {.flags = flags | (v2 < 0 ? 0 : CLONE_INTO_CGROUP), .exit_signal = 17 /* SIGCHLD */};
  if (v2 >= 0) args.cgroup = (unsigned)v2;
  long pid = SYS(clone3, &args, sizeof args);
  CHECK(4, pid);
  return pid;
}

static void finish(long pid) {
  int status = 0;
  CHECK(5, SYS(wait4, pid, &status, 0, 0));
  SYS(exit_group, status & 0x7f ? 128 + (status & 0x7f) : status >> 8);
}

static void enter(const char *lock, const struct cgroups *in, char **command, char **env) {
  long fd = SYS(openat, AT_FDCWD, lock, O_RDONLY | O_CLOEXEC);
  CHECK(6, fd);
  CHECK(7, SYS(flock, fd, 1 /* LOCK_SH */));
  int v2 = open_v2(in);
  long pid = clone_into(0, v2);
  if (pid > 0) {
    SYS(close, fd);
    finish(pid);
  }
  enter_v1(in);
  CHECK(8, SYS(execve, command[0], command, env));
}

static void node(const char *path, unsigned minor, unsigned major) {
  CHECK(20, SYS(mknodat, AT_FDCWD, path, 020666, major << 8 | minor));
}

static void isolated(const char *rootfs, const struct cgroups *in, char **command, char **env) {
  unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
  int v2 = open_v2(in);
  long pid = clone_into(flags, v2);
  if (pid > 0) finish(pid);
  enter_v1(in);
  CHECK(9, SYS(unshare, CLONE_NEWCGROUP)); /* only now: its root is where the process is */
  CHECK(10, SYS(mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0));
  CHECK(11, SYS(mount, rootfs, rootfs, 0, MS_BIND | MS_REC, 0));
  CHECK(12, SYS(chdir, rootfs));
  CHECK(13, SYS(mount, "proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0));
  CHECK(14, SYS(mount, "tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"));
  SYS(umask, 0);
  node("dev/null", 3, 1);
  node("dev/zero", 5, 1);
  node("dev/full", 7, 1);
  node("dev/random", 8, 1);
  node("dev/urandom", 9, 1);
  node("dev/tty", 0, 5);
  CHECK(15, SYS(mkdirat, AT_FDCWD, "dev/pts", 0755));
  CHECK(16, SYS(mount, "devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
  CHECK(17, SYS(mount, "sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, 0));
  CHECK(18, SYS(pivot_root, ".", "."));
  CHECK(19, SYS(umount2, ".", 2 /* MNT_DETACH */));
  CHECK(21, SYS(chdir, "/"));
  SYS(umask, 022);
  CHECK(22, SYS(execve, command[0], command, env));
}

void start_c(long *stack);
__attribute__((noreturn)) void start_c(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1), **env = argv + argc + 1;
  if (argc < 6) SYS(exit_group, 99);
  struct cgroups in = {.v2 = argv[3], .tasks = argv + 4};
  char **command = in.tasks;
  while (*command && !same(*command, "--")) command++;
  if (!*command || !command[1]) SYS(exit_group, 99);
  if (same(argv[1], "enter")) enter(argv[2], &in, command + 1, env);
  if (same(argv[1], "isolated")) isolated(argv[2], &in, command + 1, env);
  for (;;) SYS(exit_group, 99);
}
