/*
 * The command `lmctfy`: `run [-n] NAME COMMAND…` of a compiled container without starting any JavaScript.
 * Whatever is not plainly this, or goes wrong, is the TypeScript side's: it knows why and can repair.
 */
#include "front.h"
#include "cli.h"
#include "load.h"
#include "sys.h"
#include "text.h"

#define RUNTIME "/run/lmctfy"
#define CONTAINERS "containers/"
#define ROOT_VARIABLE "LMCTFY_ROOT="

enum { LONGEST_NAME = 400, LONGEST_ROOT = 1000 };

static int is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Components begin with a letter or digit, so there is no "..", no empty one and nothing of our own ("_…"). */
static int is_plain_name(const char *name)
{
	int begins = 1;
	uint64_t i = *name == '/';

	for (; name[i]; i++) {
		char c = name[i];

		if (i >= LONGEST_NAME)
			return 0;
		if (begins ? !is_alphanumeric(c) : !is_alphanumeric(c) && c != '_' && c != '.' && c != '-' && c != '/')
			return 0;
		begins = c == '/';
	}
	return !begins;
}

/* In another cgroup namespace than the machine's own, paths do not say where one is. */
static int is_in_cgroup_namespace(void)
{
	static const char first[] = "cgroup:[4026531835]"; /* PROC_CGROUP_INIT_INO of include/linux/proc_ns.h */
	char link[sizeof(first)];
	long n = sys6(__NR_readlinkat, AT_FDCWD, (long)"/proc/self/ns/cgroup", (long)link, sizeof(link), 0, 0);

	return n != sizeof(first) - 1 || !text_begins(link, first);
}

/* Whether this process is inside a container: below a cgroup whose path begins like that. There a relative name means something else. What does not fit the buffer counts as inside:
 * then the other side looks. */
static int is_inside_container(const char *mark)
{
	char text[4096];
	long fd = open_file("/proc/self/cgroup", O_RDONLY_CLOEXEC);
	uint64_t used = 0;
	long n = -1;

	if (is_error(fd))
		return 1;
	while (used + 1 < sizeof(text)) {
		n = sys3(__NR_read, fd, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			break;
		used += (uint64_t)n;
	}
	sys1(__NR_close, fd);
	text[used] = 0;
	if (n != 0)
		return 1;
	for (const char *at = text; *at; at++)
		if (text_begins(at, mark))
			return 1;
	return 0;
}

#ifdef __aarch64__
enum { O_DIRECTORY = 040000, O_NOFOLLOW = 0100000 };
#else
enum { O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000 };
#endif

/* A directory whose path has two parts. */
static long open_directory(const char *path, const char *below, int flags)
{
	char whole[LONGEST_ROOT + 32];
	uint64_t length = text_length(path);

	if (*path != '/' || length > LONGEST_ROOT)
		return -ENOENT;
	memcpy(whole, path, length);
	memcpy(whole + length, below, text_length(below) + 1);
	return open_file(whole, O_RDONLY_CLOEXEC | O_DIRECTORY | flags);
}

/* The same where it is the caller's. */
static long open_own(const char *path, const char *below, int flags)
{
	long fd = open_directory(path, below, flags);

	if (is_error(fd) || is_own((int)fd))
		return fd;
	sys1(__NR_close, fd);
	return -EACCES;
}

/* The value of an environment variable, whose name comes with its "="; null when it is unset or empty, which is the
 * same on the TypeScript side. */
static const char *variable(char **envp, const char *name)
{
	for (; *envp; envp++)
		if (text_begins(*envp, name) && (*envp)[text_length(name)])
			return *envp + text_length(name);
	return 0;
}

/* Where a user without root's rights has them, in the order of src/container/user-places.ts: a directory counts when it
 * is the user's own. The last one lies among everybody's, so there it must be no link. */
static long open_users_runtime(char **envp)
{
	struct line uid = { .fd = -1 };
	const char *chosen = variable(envp, "XDG_RUNTIME_DIR=");
	long fd = chosen ? open_own(chosen, "", 0) : -ENOENT, below;

	line_number(&uid, sys0(__NR_geteuid));
	if (is_error(fd))
		fd = open_own("/run/user/", uid.text, 0);
	if (is_error(fd))
		return open_own("/tmp/lmctfy-", uid.text, O_NOFOLLOW);
	below = sys6(__NR_openat, fd, (long)"lmctfy", O_RDONLY_CLOEXEC | O_DIRECTORY, 0, 0, 0);
	sys1(__NR_close, fd);
	return below;
}

/* The runtime directory of all containers; the way to it is the administrator's, or the caller's own choice. */
static long open_runtime(char **envp)
{
	const char *root = variable(envp, ROOT_VARIABLE);

	if (root)
		return open_directory(root, "/run", 0);
	return sys0(__NR_geteuid) ? open_users_runtime(envp) : open_directory(RUNTIME, "", 0);
}

/* No link on the way: who may write below a handed-over container must not lead us to another one's program. */
static long open_container(char **envp, const char *name)
{
	struct { uint64_t flags, mode, resolve; } how = { O_RDONLY_CLOEXEC | O_DIRECTORY, 0, 4 /* no links */ | 8 /* beneath */ };
	char path[sizeof(CONTAINERS) + LONGEST_NAME];
	long runtime = open_runtime(envp), fd;

	if (is_error(runtime))
		return runtime;
	if (*name == '/')
		name++;
	memcpy(path, CONTAINERS, sizeof(CONTAINERS) - 1);
	memcpy(path + sizeof(CONTAINERS) - 1, name, text_length(name) + 1);
	fd = sys6(__NR_openat2, runtime, (long)path, (long)&how, sizeof(how), 0, 0);
	sys1(__NR_close, runtime);
	return fd;
}

static long open_program(long directory)
{
	struct { uint64_t flags, mode, resolve; } how = { O_RDONLY_CLOEXEC, 0, 4 | 8 /* beneath */ };

	return sys6(__NR_openat2, directory, (long)"_run.prog", (long)&how, sizeof(how), 0, 0);
}

/* A user's containers may be known under another root than the variable names, or under one that no variable names:
 * which one, the TypeScript side finds out. */
static int is_root_plain(char **envp)
{
	const char *root = variable(envp, ROOT_VARIABLE);
	long fd;

	if (!sys0(__NR_geteuid))
		return 1;
	if (!root)
		return !is_inside_container("/lmctfy-");
	fd = open_own(root, "", 0);
	if (is_error(fd))
		return 0;
	sys1(__NR_close, fd);
	return 1;
}

/* The caller's words from `run` on stay as they were; the copy holds exactly three words more and a null. */
static int hand_over(int argc, char **argv, char **envp, const char *reason)
{
	char **words = map_memory(((uint64_t)argc + 4) * sizeof(*words));
	int n = 0;

	if (!words)
		return ENOMEM;
	words[n++] = "lmctfy";
	if (reason) {
		words[n++] = "--hot-run";
		words[n++] = (char *)(uintptr_t)reason;
	}
	for (int i = 1; i < argc; i++)
		words[n++] = argv[i];
	return cli_exec(words, envp);
}

static int no_cli(int error)
{
	return complain("the command's own program (../libexec/lmctfy/cli beside this executable)", "", error);
}

/* Which part of the hot path said no: one of the reasons of --hot-run. Null: the program ran to its end. */
static const char *hot_run(struct machine *m, const char *name, int detached, char **command, char **words, char **envp)
{
	long directory = open_container(envp, name), fd;
	struct loaded l;
	int result;

	if (is_error(directory))
		return "missing";
	if (!is_trusted((int)directory, 1))
		return "refused";
	fd = open_program(directory);
	if (is_error(fd))
		return "missing";
	result = load_program((int)fd, 0, &l);
	sys1(__NR_close, fd);
	if (result == LOAD_STALE)
		return "stale";
	if (result != LOAD_OK || machine_load(m, l.image, l.mapped) || m->header->register_count < 3)
		return "refused";
	m->argv = command;
	m->envp = envp;
	m->words = words;
	m->reg[0] = detached;
	m->reg[2] = directory;
	return machine_run(m) ? "failed" : 0;
}

static int print_pid(int64_t pid)
{
	struct line l = { .fd = 1 };

	line_add(&l, "pid=\"");
	line_number(&l, pid);
	line_add(&l, "\"\n");
	line_send(&l);
	return 0;
}

/* The other side must not start with what the program blocked, so the caller's mask is put back first. */
static int hot_failed(struct machine *m, const char *why, sigset mask, int argc, char **argv, char **envp)
{
	struct line reason = { .fd = -1 };
	int failed = text_is(why, "failed"), error;

	line_add(&reason, why);
	if (failed) {
		line_add(&reason, ":");
		line_number(&reason, m->step);
		line_add(&reason, ":");
		line_number(&reason, m->error);
	}
	signal_mask(SIG_SETMASK, mask, 0);
	error = hand_over(argc, argv, envp, reason.text);
	return failed ? complain_failure(m) : no_cli(error);
}

int front(int argc, char **argv, char **envp)
{
	char *shell[] = { "/bin/sh", "-c", 0, 0 };
	struct machine m;
	sigset mask = 0;
	const char *why;
	int detached = argc > 2 && text_is(argv[2], "-n");
	int name = 2 + detached, first;

	if (argc < name + 2 || !text_is(argv[1], "run") || !is_plain_name(argv[name]) ||
	    (argv[name][0] != '/' && (is_in_cgroup_namespace() || is_inside_container("/lmctfy"))) || !is_root_plain(envp))
		return no_cli(hand_over(argc, argv, envp, 0));

	signal_mask(SIG_BLOCK, 0, &mask);
	/* Inherited as ignored, it would make the kernel forget how our child ended. */
	signal_default(SIGCHLD);
	/* One "--" right after the name only says where the command begins. */
	first = name + 1 + (text_is(argv[name + 1], "--") && argc > name + 2);
	shell[2] = argv[first];
	why = hot_run(&m, argv[name], detached,
		      argc == first + 1 && text_has(argv[first], ' ') ? shell : argv + first, argv, envp);
	if (why)
		return hot_failed(&m, why, mask, argc, argv, envp);
	return detached ? print_pid(m.reg[1]) : 0;
}
