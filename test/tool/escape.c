/*
 * Attempts to get out of a container, and what shows on the host that one would have worked. `escape NAME [ARG…]`.
 * An attempt prints `NAME done`, `NAME ERRNO` or what it saw; none changes anything when it works.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int said(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "done");
	fflush(stdout);
	return 0;
}

static void opens(const char *name, const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	said(name, fd);
	if (fd >= 0)
		close(fd);
}

/* Bytes of a file: what is hidden has none. */
static void reads(const char *name, const char *path)
{
	char some[4096];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	long n = fd < 0 ? -1 : read(fd, some, sizeof(some));

	if (n == 0)
		errno = ENODATA;
	said(name, n > 0 ? n : -1);
	if (fd >= 0)
		close(fd);
}

/* device b|c MAJOR MINOR: makes its node and opens that. */
static int device(char **argv)
{
	static const char *const places[] = { "/tmp/node", "/dev/node", "/dev/shm/node" };
	mode_t kind = *argv[0] == 'b' ? S_IFBLK : S_IFCHR;
	char name[32];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "open%u", i);
		if (mknod(places[i], kind | 0600, makedev(atoi(argv[1]), atoi(argv[2]))) < 0) {
			said(name, -1);
			continue;
		}
		opens(name, places[i], O_RDONLY);
		unlink(places[i]);
	}
	return 0;
}

static int files(char **argv)
{
	(void)argv;
	opens("sysrq", "/proc/sysrq-trigger", O_WRONLY);
	opens("core_pattern", "/proc/sys/kernel/core_pattern", O_WRONLY);
	opens("modprobe", "/proc/sys/kernel/modprobe", O_WRONLY);
	opens("uevent", "/sys/kernel/uevent_seqnum", O_WRONLY);
	opens("irq", "/proc/irq/default_smp_affinity", O_WRONLY);
	opens("kmsg", "/proc/kmsg", O_RDONLY);
	reads("kcore", "/proc/kcore");
	reads("keys", "/proc/keys");
	reads("timer_list", "/proc/timer_list");
	opens("dev_kmsg", "/dev/kmsg", O_RDONLY);
	opens("dev_mem", "/dev/mem", O_RDONLY);
	return 0;
}

/* writable DIRECTORY…: files below that take a write, of nothing; but those of processes. */
static int look(const char *path, const struct stat *s, int kind, struct FTW *at)
{
	static const char *const own[] = { "/proc/self", "/proc/thread-self", "/proc/net" };
	int fd;

	(void)s;
	if (at->level == 1 && strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9')
		return FTW_SKIP_SUBTREE;
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(path, own[i]))
			return FTW_SKIP_SUBTREE;
	if (kind != FTW_F)
		return FTW_CONTINUE;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "", 0) == 0)
		puts(path);
	if (fd >= 0)
		close(fd);
	return FTW_CONTINUE;
}

static int writable(char **argv)
{
	for (; *argv; argv++)
		nftw(*argv, look, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	return 0;
}

/* System calls that reach the machine; with arguments that do nothing when they are allowed. */
static int calls(char **argv)
{
	struct timespec t;
	struct timex tick = { 0 };
	struct io_uring_params ring = { 0 };
	struct perf_event_attr all = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(all), .config = PERF_COUNT_SW_CPU_CLOCK };
	struct bpf_insn code[2] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr program;
	char log[64];

	(void)argv;
	memset(&program, 0, sizeof(program));
	program.prog_type = BPF_PROG_TYPE_KPROBE;
	program.insns = (uintptr_t)code;
	program.insn_cnt = 2;
	program.license = (uintptr_t)"GPL";
	clock_gettime(CLOCK_REALTIME, &t);
	adjtimex(&tick);
	tick.modes = ADJ_TICK;
	said("tick", adjtimex(&tick));
	said("reboot", syscall(SYS_reboot, 1, 2, 3, 0)); /* bad magic: EINVAL for those who may */
	said("kexec", syscall(SYS_kexec_load, 0, 0, 0, ~0ul));
	said("module", syscall(SYS_init_module, 0, 0, 0));
	said("unload", syscall(SYS_delete_module, "no_such_module", 0));
	said("swapon", syscall(SYS_swapon, "/no/such", 0));
	said("acct", acct("/no/such"));
	said("bpf", syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program)));
	said("perf", syscall(SYS_perf_event_open, &all, -1, 0, -1, 0));
	said("syslog", syscall(SYS_syslog, 2, log, 0)); /* reads nothing */
	said("quota", syscall(SYS_quotactl, 0x800005 << 8, "/no/such", 0, 0));
#ifdef SYS_iopl
	said("iopl", syscall(SYS_iopl, 3));
#endif
	said("uffd", syscall(SYS_userfaultfd, O_CLOEXEC));
	said("uring", syscall(SYS_io_uring_setup, 1, &ring));
	said("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	said("domain", syscall(SYS_setdomainname, 0, -1));
	return 0;
}

/* mounts DEVICE: what is over the kernel's files, and file systems of the host. */
static int mounts(char **argv)
{
	int context;

	mkdir("/tmp/m", 0700);
	said("tmpfs", mount("none", "/tmp/m", "tmpfs", 0, 0));
	said("proc", mount("proc", "/tmp/m", "proc", 0, 0));
	said("sysfs", mount("sysfs", "/tmp/m", "sysfs", 0, 0));
	said("debugfs", mount("debugfs", "/tmp/m", "debugfs", 0, 0));
	said("bpffs", mount("bpf", "/tmp/m", "bpf", 0, 0));
	said("disk", mount(argv[0] ? argv[0] : "/dev/sda", "/tmp/m", "ext4", MS_RDONLY, 0));
	said("rw_sys", mount("none", "/sys", 0, MS_REMOUNT | MS_BIND, 0));
	said("rw_proc_sys", mount("none", "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0));
	said("over", mount("/tmp", "/proc/sys", 0, MS_BIND, 0));
	said("unmask", umount2("/proc/keys", MNT_DETACH));
	context = (int)syscall(SYS_fsopen, "ext4", 0);
	if (context >= 0) {
		syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", argv[0] ? argv[0] : "/dev/sda", 0);
		said("fsopen", syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0));
	} else
		said("fsopen", context);
	said("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
	said("pivot", syscall(SYS_pivot_root, "/tmp", "/tmp"));
	return 0;
}

static int writes(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return n < 0 ? -1 : 0;
}

/* cgroups [CONTROLLER…]: new cgroups, limits and release_agent, in what is mounted and what lets itself be mounted. */
static void in_cgroup(const char *name, const char *where)
{
	static const char *const limits[][2] = {
		{ "memory.max", "max" }, { "memory.limit_in_bytes", "-1" }, { "pids.max", "max" }, { "cpu.max", "max" },
		{ "cpu.cfs_quota_us", "-1" }, { "cgroup.procs", "0" }, { "tasks", "0" }, { "release_agent", "/x" },
		{ "notify_on_release", "1" }, { "devices.allow", "a" },
	};
	char path[300], label[300];

	snprintf(path, sizeof(path), "%s/new", where);
	snprintf(label, sizeof(label), "%s:mkdir", name);
	said(label, mkdir(path, 0700));
	rmdir(path);
	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		snprintf(path, sizeof(path), "%s/%s", where, limits[i][0]);
		if (access(path, F_OK))
			continue;
		snprintf(label, sizeof(label), "%s:%s", name, limits[i][0]);
		said(label, writes(path, limits[i][1]));
	}
}

static int cgroups(char **argv)
{
	mkdir("/tmp/cg", 0700);
	in_cgroup("own", "/sys/fs/cgroup");
	if (mount("none", "/tmp/cg", "cgroup2", 0, 0) == 0) {
		in_cgroup("v2", "/tmp/cg");
		umount2("/tmp/cg", MNT_DETACH);
	} else
		said("v2", -1);
	for (; *argv; argv++) {
		if (mount("none", "/tmp/cg", "cgroup", 0, *argv) < 0) {
			said(*argv, -1);
			continue;
		}
		in_cgroup(*argv, "/tmp/cg");
		umount2("/tmp/cg", MNT_DETACH);
	}
	return 0;
}

/* namespaces: those of all processes in reach; then what the kernel gives from one's own upwards. */
static int namespaces(char **argv)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time" };
	static const struct { const char *name; unsigned long request; } ways[] = {
		{ "userns", 0xb701 }, { "parent", 0xb702 }, { "next", 0x8010b70b }, { "prev", 0x8010b70c },
	};
	DIR *proc = opendir("/proc");
	char path[300], to[64];
	struct dirent *e;

	(void)argv;
	while ((e = readdir(proc)))
		for (unsigned i = 0; *e->d_name >= '0' && *e->d_name <= '9' && i < 8; i++) {
			ssize_t n;

			snprintf(path, sizeof(path), "/proc/%s/ns/%s", e->d_name, kinds[i]);
			n = readlink(path, to, sizeof(to) - 1);
			if (n < 0)
				continue;
			to[n] = 0;
			puts(to);
		}
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 4; k++) {
			char info[64] = { 16 };
			struct stat s;
			int fd, other;

			snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			other = fd < 0 ? -1 : ioctl(fd, ways[k].request, info);
			if (other >= 0 && fstat(other, &s) == 0)
				printf("%s-of-%s:[%lu]\n", ways[k].name, kinds[i], (unsigned long)s.st_ino);
		}
	return 0;
}

/* users: a user namespace of one's own, and what its root may do to the host. */
static int users(char **argv)
{
	(void)argv;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return said("unshare", -1);
	said("unshare", 0);
	writes("/proc/self/setgroups", "deny");
	writes("/proc/self/uid_map", "0 0 1");
	said("proc", mount("proc", "/tmp", "proc", 0, 0));
	said("sysfs", mount("sysfs", "/tmp", "sysfs", 0, 0));
	opens("core_pattern", "/proc/sys/kernel/core_pattern", O_WRONLY);
	said("module", syscall(SYS_init_module, 0, 0, 0));
	said("chroot", chroot("/proc/1/root/../../.."));
	return 0;
}

/* processes PID: of the host. */
static int processes(char **argv)
{
	pid_t pid = atoi(argv[0]);
	char byte;
	struct { void *at; size_t size; } mine = { &byte, 1 }, its = { (void *)0x400000, 1 };

	said("signal", kill(pid, 0));
	said("trace", ptrace(PTRACE_SEIZE, pid, 0, 0));
	said("memory", syscall(SYS_process_vm_readv, pid, &mine, 1, &its, 1, 0));
	said("pidfd", syscall(SYS_pidfd_open, pid, 0));
	said("priority", syscall(SYS_sched_setaffinity, pid, 0, 0));
	said("limits", syscall(SYS_prlimit64, pid, 7, 0, 0));
	return 0;
}

/* handle PATH: the file handle of a directory, in hexadecimal. by-handle HEX: opens it through the root's file system. */
static int handle(char **argv)
{
	union { struct file_handle h; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int id;

	if (name_to_handle_at(AT_FDCWD, argv[0], &u.h, &id, 0) < 0)
		return said("handle", -1);
	for (unsigned i = 0; i < sizeof(u.h) + u.h.handle_bytes; i++)
		printf("%02x", (unsigned char)u.room[i]);
	puts("");
	return 0;
}

static int by_handle(char **argv)
{
	union { struct file_handle h; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } u;
	int root = open(argv[1] ? argv[1] : "/", O_RDONLY | O_CLOEXEC);

	for (unsigned i = 0; i < sizeof(u.room) && argv[0][2 * i]; i++) {
		char two[3] = { argv[0][2 * i], argv[0][2 * i + 1], 0 };

		u.room[i] = (char)strtoul(two, 0, 16);
	}
	return said("by-handle", open_by_handle_at(root, &u.h, O_RDONLY | O_DIRECTORY));
}

/* climb PATH: chroot twice and go up, then look for a file of the host. */
static int climb(char **argv)
{
	int up = open("/", O_RDONLY | O_DIRECTORY);

	mkdir("/tmp/cell", 0700);
	said("chroot", chroot("/tmp/cell"));
	if (fchdir(up) < 0)
		return 1;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			return 1;
	if (chroot(".") < 0)
		said("again", -1);
	return said("host", access(argv[0], F_OK));
}

/* roots PATH: a file of the host through the directories and descriptors of every process in reach. */
static int roots(char **argv)
{
	DIR *proc = opendir("/proc");
	struct dirent *e, *f;
	int found = 0;

	while ((e = readdir(proc))) {
		static const char *const ways[] = { "root", "cwd" };
		char path[800];
		DIR *d;

		if (*e->d_name < '0' || *e->d_name > '9')
			continue;
		for (unsigned i = 0; i < 2; i++)
			for (int up = 0; up < 8; up++) {
				int n = snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name, ways[i]);

				for (int k = 0; k < up; k++)
					n += snprintf(path + n, sizeof(path) - (size_t)n, "/..");
				snprintf(path + n, sizeof(path) - (size_t)n, "%s", argv[0]);
				if (access(path, F_OK) == 0)
					found += printf("reached %s\n", path);
			}
		snprintf(path, sizeof(path), "/proc/%s/fd", e->d_name);
		d = opendir(path);
		while (d && (f = readdir(d)))
			for (int up = 0; up < 8; up++) {
				int n = snprintf(path, sizeof(path), "/proc/%s/fd/%s", e->d_name, f->d_name);

				for (int k = 0; k < up; k++)
					n += snprintf(path + n, sizeof(path) - (size_t)n, "/..");
				snprintf(path + n, sizeof(path) - (size_t)n, "%s", argv[0]);
				if (*f->d_name != '.' && access(path, F_OK) == 0)
					found += printf("reached %s\n", path);
			}
		if (d)
			closedir(d);
	}
	if (!found)
		puts("nothing");
	return 0;
}

/*
 * ambush COMM: for as long as its input is open, tries to trace, read, or look through every process that is still COMM, which
 * is what it is called before it executes its command; then says how many it met, and what it got of them.
 */
static int is_still(const char *pid, const char *comm)
{
	char path[300], stat[400] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, stat, sizeof(stat) - 1) <= 0)
		stat[0] = 0;
	close(fd);
	end = strrchr(stat, ')');
	return end && end[2] != 'Z' && end[2] != 'X' && !strncmp(strchr(stat, '(') + 1, comm, strlen(comm));
}

/* While it executes, a process has its new memory before its new name; what it executes here is always this. */
static int has_executed(const char *pid)
{
	struct stat new, its;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	return stat(path, &its) == 0 && stat("/bin/busybox", &new) == 0 && its.st_ino == new.st_ino;
}

/* Whether what was just seized had not executed yet. Else its tracer sees it to its end. */
static int is_traced(const char *pid, const char *comm)
{
	int status;

	if (is_still(pid, comm) && !has_executed(pid))
		return 1;
	while (waitpid(atoi(pid), &status, __WALL) > 0 && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, atoi(pid), 0, 0);
	return 0;
}

static int ambush(char **argv)
{
	static const char *const ways[] = { "exe", "root", "cwd", "mem", "fd/3", "fd/4", "maps", "environ" };
	struct pollfd input = { .fd = 0, .events = POLLIN };
	long met = 0;

	puts("ready");
	fflush(stdout);
	do {
		DIR *proc = opendir("/proc");
		struct dirent *e;

		while ((e = readdir(proc))) {
			char path[300];

			if (*e->d_name < '1' || *e->d_name > '9' || !is_still(e->d_name, argv[0]))
				continue;
			met++;
			for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
				int fd;

				snprintf(path, sizeof(path), "/proc/%s/%s", e->d_name, ways[i]);
				fd = open(path, (i == 3 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
				if (fd >= 0 && is_still(e->d_name, argv[0]) && !has_executed(e->d_name))
					printf("reached %s\n", ways[i]);
				if (fd >= 0)
					close(fd);
			}
			if (ptrace(PTRACE_SEIZE, atoi(e->d_name), 0, 0) == 0 && is_traced(e->d_name, argv[0])) {
				puts("reached trace");
				return 0; /* the end of the tracer lets go */
			}
		}
		closedir(proc);
	} while (poll(&input, 1, 0) == 0);
	printf("met %ld\n", met);
	return 0;
}

/* keyed COMMAND…: runs it with a secret in its session keyring. secret: whether that is there. */
static int keyed(char **argv)
{
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
	if (syscall(SYS_add_key, "user", "lmctfy-secret", "x", 1, KEY_SPEC_SESSION_KEYRING) < 0)
		return said("add_key", -1);
	execv(argv[0], argv);
	return 127;
}

static int secret(char **argv)
{
	(void)argv;
	return said("secret", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "lmctfy-secret", 0));
}

/* abstract NAME: connects to an abstract socket. listen NAME: is one, until its input ends. */
static struct sockaddr_un called(const char *name, socklen_t *length)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path + 1, name, sizeof(a.sun_path) - 2);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	return a;
}

static int abstract(char **argv)
{
	socklen_t length;
	struct sockaddr_un a = called(argv[0], &length);

	return said("abstract", connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, length));
}

static int listens(char **argv)
{
	socklen_t length;
	struct sockaddr_un a = called(argv[0], &length);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;

	if (bind(s, (void *)&a, length) < 0 || listen(s, 5) < 0)
		return said("listen", -1);
	puts("ready");
	fflush(stdout);
	return read(0, &byte, 1) > 0;
}

/* terminal COMMAND…: runs it as the leader of a terminal's foreground would, then says what was typed into that meanwhile, and whether
 * the command's caller got a signal. type: pushes keys into it. hit: a signal to its whole process group. */
static volatile sig_atomic_t was_hit;

static void note(int signal)
{
	was_hit = signal;
}

static int terminal(char **argv)
{
	int master, status;
	char keys[64];
	pid_t leader = forkpty(&master, 0, 0, 0);

	if (leader == 0) {
		struct termios raw;
		pid_t child;
		long n;

		signal(SIGUSR1, note);
		tcgetattr(0, &raw);
		cfmakeraw(&raw);
		raw.c_cc[VMIN] = 0;
		tcsetattr(0, TCSANOW, &raw);
		child = fork();
		if (child == 0) {
			signal(SIGUSR1, SIG_IGN);
			execv(argv[0], argv);
			_exit(127);
		}
		while (waitpid(child, &status, 0) < 0)
			;
		n = read(0, keys, sizeof(keys));
		printf("typed %ld, signal %d\r\n", n < 0 ? 0 : n, was_hit);
		fflush(stdout);
		tcdrain(1);
		_exit(0);
	}
	for (long n; (n = read(master, keys, sizeof(keys))) > 0;)
		if (write(1, keys, (size_t)n) < 0)
			return 1;
	waitpid(leader, &status, 0);
	return 0;
}

static int type(char **argv)
{
	int tty = open("/dev/tty", O_RDWR);

	(void)argv;
	said("type", ioctl(0, TIOCSTI, "x"));
	return said("tty", tty < 0 ? -1 : ioctl(tty, TIOCSTI, "x"));
}

static int hit(char **argv)
{
	(void)argv;
	signal(SIGUSR1, SIG_IGN);
	return said("hit", kill(0, SIGUSR1));
}

/* overwrite PATH: opens it for writing as long as it is busy, at most some times. */
static int overwrite(char **argv)
{
	for (int i = 0; i < 5000; i++) {
		int fd = open(argv[0], O_WRONLY | O_CLOEXEC);

		if (fd >= 0 || errno != ETXTBSY)
			return said("overwrite", fd);
		usleep(1000);
	}
	errno = ETXTBSY;
	return said("overwrite", -1);
}

/*
 * steal COMM: gets hold of what a process of that name executes, says so, and opens it for writing as soon as nobody executes it any more.
 */
static int steal(char **argv)
{
	char path[300];
	int held = -1;

	while (held < 0) {
		DIR *proc = opendir("/proc");
		struct dirent *e;

		while (held < 0 && (e = readdir(proc))) {
			if (*e->d_name < '1' || *e->d_name > '9' || !is_still(e->d_name, argv[0]))
				continue;
			snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
			held = open(path, O_PATH | O_CLOEXEC);
		}
		closedir(proc);
	}
	puts("holds it");
	fflush(stdout);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	return overwrite((char *[]){ path, 0 });
}

/* swap A B [A B]…: exchanges pairs of names for as long as its input is open, then says how often. */
static int swap(char **argv)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	long rounds = 0;

	for (char **each = argv; *each; each++)
		if (access(*each, F_OK) && errno != ENOENT && errno != ELOOP)
			return said(*each, -1);
	puts("ready");
	fflush(stdout);
	while (poll(&input, 1, 0) == 0)
		for (char **pair = argv; pair[0] && pair[1]; pair += 2, rounds++)
			if (syscall(SYS_renameat2, AT_FDCWD, pair[0], AT_FDCWD, pair[1], 2 /* RENAME_EXCHANGE */) < 0)
				return said("swap", -1);
	printf("swapped %ld\n", rounds);
	return 0;
}

/* rounds COUNT DIRECTORY COMMAND…: runs it so often, with the directory as standard input; then says how many ended how. */
static int rounds(char **argv)
{
	long count = atol(argv[0]), ends[256] = { 0 };
	int directory = open(argv[1], O_RDONLY | O_DIRECTORY);

	dup2(directory, 0);
	close(directory);
	for (long i = 0; i < count; i++) {
		int status;
		pid_t pid = vfork();

		if (pid == 0) {
			execv(argv[2], argv + 2);
			_exit(127);
		}
		waitpid(pid, &status, 0);
		ends[WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)]++;
	}
	for (int i = 0; i < 256; i++)
		if (ends[i])
			printf("%d: %ld\n", i, ends[i]);
	return 0;
}

/*
 * whole SECRET: ends with 0 when the container is what it should be, however its root was tampered with while it was made; else with 50 or
 * more. Names may still be exchanged while it looks, so it looks at descriptors.
 */
static int is_file_of_proc(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && s.f_type == 0x9fa0;
}

static int has_hole(int directory, const char *secret)
{
	static const char *const closed[] = { "sysrq-trigger", "sys/kernel/core_pattern", "irq/default_smp_affinity" };
	static const char *const hidden[] = { "kcore", "keys", "timer_list" };
	struct statfs s;
	char deep[300];
	int fd;

	snprintf(deep, sizeof(deep), "deep/%s", secret);
	if (!faccessat(directory, secret, F_OK, 0) || !faccessat(directory, deep, F_OK, 0))
		return 50; /* a directory of the host */
	if (fstatfs(directory, &s))
		return 0;
	if (s.f_type == 0x62656572 && !(s.f_flags & 1 /* ST_RDONLY */))
		return 51; /* a sysfs that can be written */
	for (unsigned i = 0; s.f_type == 0x9fa0 && i < 3; i++) {
		fd = openat(directory, closed[i], O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && is_file_of_proc(fd))
			return 52;
		close(fd);
		fd = openat(directory, hidden[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && is_file_of_proc(fd))
			return 53;
		close(fd);
	}
	return 0;
}

static int whole(char **argv)
{
	DIR *root = opendir("/");
	struct dirent *e;

	while ((e = readdir(root))) {
		int fd = openat(dirfd(root), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int hole = fd < 0 ? 0 : has_hole(fd, argv[0]);

		if (hole)
			return hole;
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

static const struct { const char *name; int (*run)(char **); } tools[] = {
	{ "device", device }, { "files", files }, { "writable", writable }, { "calls", calls }, { "mounts", mounts },
	{ "cgroups", cgroups }, { "namespaces", namespaces }, { "users", users }, { "processes", processes },
	{ "handle", handle }, { "by-handle", by_handle }, { "climb", climb }, { "roots", roots }, { "ambush", ambush },
	{ "keyed", keyed }, { "secret", secret }, { "abstract", abstract }, { "listen", listens }, { "terminal", terminal },
	{ "type", type }, { "hit", hit }, { "steal", steal }, { "swap", swap }, { "rounds", rounds }, { "whole", whole },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(tools) / sizeof(*tools); i++)
		if (!strcmp(argv[1], tools[i].name))
			return tools[i].run(argv + 2);
	fprintf(stderr, "escape: no such attempt\n");
	return 2;
}
