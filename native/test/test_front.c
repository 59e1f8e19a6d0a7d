/* The command itself: the hot path, and what it hands over. In a mount namespace of its own, with an empty /run. */
#define _GNU_SOURCE
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct program p;
static struct child c;
static char front[128];
static const char *installed;

static void copy_file(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	if (system(command))
		exit(1);
}

/* The stand-in for the TypeScript side shows its words, its environment and its signal mask. */
static void install(void)
{
	static const char script[] =
		"#!/bin/sh\nfor w; do printf '<%s>' \"$w\"; done; echo; /usr/bin/env | sort; grep SigBlk /proc/self/status\nexit 55\n";
	int fd;

	snprintf(front, sizeof(front), "%s/bin/lmctfy", scratch);
	installed = front;
	if (mkdir(scratch_path("bin"), 0755) || mkdir(scratch_path("libexec"), 0755) || mkdir(scratch_path("libexec/lmctfy"), 0755))
		exit(1);
	copy_file(executor, front);
	fd = open(scratch_path("libexec/lmctfy/cli"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (write(fd, script, sizeof(script) - 1) != (ssize_t)sizeof(script) - 1)
		exit(1);
	close(fd);
}

static void call(char *const *envp, const char *const *words)
{
	const char *all[32];
	int n = 0;

	if (runner)
		all[n++] = installed;
	for (int i = 0; words[i]; i++)
		all[n++] = words[i];
	all[n] = 0;
	start(&c, &(struct launch){ .file = runner ? runner : installed, .args = all, .stdin_fd = -1, .extra_fd = -1, .envp = envp });
	finish(&c);
}
#define FRONT(...) call(0, (const char *const[]){ __VA_ARGS__, 0 })

static void handed(const char *words, const char *name)
{
	char first[1024];

	snprintf(first, sizeof(first), "%s\n", words);
	ok(exited(c, 55) && strncmp(c.text, first, strlen(first)) == 0, "%s", name);
	if (!exited(c, 55) || strncmp(c.text, first, strlen(first)) != 0)
		note("status %x, it said: %.200s%.200s", c.status, c.text, c.errors);
}

static void plain(void)
{
	static char *const dirty[] = {
		"A=1", "NODE_OPTIONS=--require /tmp/x", "NODE_PATH=x", "BUN_OPTIONS=x", "BUN_BE_BUN=1", "LD_PRELOAD=/nonexistent.so",
		"LD_LIBRARY_PATH=x", "JSC_useJIT=0", "UV_THREADPOOL_SIZE=1", "MALLOC_PERTURB_=1", "OPENSSL_CONF=x", "GLIBC_TUNABLES=x",
		"SSLKEYLOGFILE=/tmp/x", "PATH=/usr/bin:/bin", "NODES=kept", "LMCTFY_ROOT=/x", 0,
	};

	FRONT("stats", "summary", "a b", "");
	handed("<stats><summary><a b><>", "other commands go to the TypeScript side as they are");
	call(0, (const char *const[]){ 0 });
	handed("", "no words at all too");
	FRONT("run");
	handed("<run>", "run without a name");
	FRONT("run", "/a");
	handed("<run></a>", "run without a command");
	FRONT("run", "-n", "/a");
	handed("<run><-n></a>", "run -n without a command");
	FRONT("run", "--output", "/a", "true");
	handed("<run><--output></a><true>", "run with another option");
	static const char *const names[] = { "..", "/..", "/a/../b", "//a", "/a//b", "/a/", "/", "", ".", "/_x", "/a/_x", "/a b", "/a/.b", "/\303\244", "-x" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char words[64], name[64];

		snprintf(words, sizeof(words), "<run><%s><true>", names[i]);
		snprintf(name, sizeof(name), "the name `%s` is not for the hot path", names[i]);
		FRONT("run", names[i], "true");
		handed(words, name);
	}
	char longest[512];
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[511] = 0;
	FRONT("run", longest, "true");
	ok(exited(c, 55) && strncmp(c.text, "<run></aaa", 10) == 0, "nor is a very long one");
	call(dirty, (const char *const[]){ "run", "/a", "true", 0 });
	ok(exited(c, 55) && strncmp(c.text, "<--hot-run><missing><run></a><true>\n", 36) == 0, "LMCTFY_ROOT: another place, without this container");
	ok(strstr(c.text, "\nA=1\n") && strstr(c.text, "\nNODES=kept\n") && strstr(c.text, "\nLMCTFY_ROOT=/x") && !strstr(c.text, "\nNODE_") &&
	   !strstr(c.text, "\nBUN_") && !strstr(c.text, "\nLD_") && !strstr(c.text, "\nJSC_") && !strstr(c.text, "\nUV_") &&
	   !strstr(c.text, "\nMALLOC_") && !strstr(c.text, "\nOPENSSL_") && !strstr(c.text, "\nGLIBC_") && !strstr(c.text, "\nSSLKEY"),
	   "the environment is scrubbed of what a runtime obeys, and of nothing else");
	ok(strstr(c.text, "\nLMCTFY_CALLER_NODE_OPTIONS=--require /tmp/x\n") && strstr(c.text, "\nLMCTFY_CALLER_LD_PRELOAD=/nonexistent.so\n"),
	   "which is kept under a name that means nothing to one");
	if (exited(c, 55) == 0 || strstr(c.text, "\nNODE_"))
		note("%s", c.text);
}

static void without_cli(void)
{
	if (rename(scratch_path("libexec/lmctfy/cli"), scratch_path("libexec/lmctfy/gone")))
		exit(1);
	FRONT("stats");
	ok(exited(c, 125) && strstr(c.errors, "libexec/lmctfy/cli") && strstr(c.errors, "ENOENT"), "no TypeScript side: said so");
}

/* Registers 0 and 2 are the mode and the directory; the child runs the caller's command. */
static void make_hot(void)
{
	uint32_t none_at, all_at;
	static const uint64_t none, all = ~0ull;

	program_begin(&p, arch);
	all_at = add_bytes(&p, &all, 8);
	none_at = add_bytes(&p, &none, 8);
	p.stage = add_label(&p, "testing");
	CALL(&p, flock, NONE, R(2), I(LOCK_SH | LOCK_NB));
	CALL(&p, mask, NONE, I(SIG_SETMASK), D(all_at, 8), I(0), I(8));
	CALL(&p, clone, 1, I(SIGCHLD));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(1), I(0))->target = 6;
	CALL(&p, mask, NONE, I(SIG_SETMASK), D(none_at, 8), I(0), I(8));
	OP(&p, OP_EXEC, 0, NONE, "exec", I(0), I(0));
	OP(&p, OP_JUMP_IF, JUMP_EQUAL, NONE, "jump", R(0), I(1))->target = 9;
	OP(&p, OP_WAIT, 0, 3, "wait", R(1), I(2), I(0));
	OP(&p, OP_EXIT, EXIT_WAIT_STATUS, NONE, "exit", R(3));
}

static void put_program(const char *container, mode_t mode)
{
	char path[256];
	struct image i;

	snprintf(path, sizeof(path), "/run/lmctfy/containers/%s/_run.prog", container);
	program_image(&p, &i);
	write_image(path, &i, mode);
}

static int own_run(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) == 0 && mount("tmpfs", "/run", "tmpfs", 0, 0) == 0 &&
	       mkdir("/run/lmctfy", 0755) == 0 && mkdir("/run/lmctfy/containers", 0755) == 0 && mkdir("/run/lmctfy/containers/a", 0755) == 0 &&
	       mkdir("/run/lmctfy/containers/a/b.c-d_e", 0755) == 0 && symlink("a", "/run/lmctfy/containers/link") == 0 &&
	       mkdir("/run/lmctfy/containers/open", 0777) == 0 && chmod("/run/lmctfy/containers/open", 0777) == 0;
}

static void hot(void)
{
	static char *const ours[] = { "NODE_OPTIONS=x", "PATH=/usr/bin:/bin", 0 };
	char text[64];
	int pid = 0;

	make_hot();
	put_program("a", 0600);
	put_program("a/b.c-d_e", 0600);
	put_program("open", 0600);
	FRONT("run", "/a", "/bin/echo", "-x", "--", "y z");
	ok(exited(c, 0) && strcmp(c.text, "-x -- y z\n") == 0, "run: every word after the name is the command's");
	FRONT("run", "/a", "echo one; exit 3");
	ok(exited(c, 3) && strcmp(c.text, "one\n") == 0, "run: one word with a space is for the shell; its code is ours");
	FRONT("run", "/a/b.c-d_e", "true");
	ok(exited(c, 0), "run: a name of several parts");
	FRONT("run", "a", "true");
	ok(exited(c, 0), "run: a relative name, outside of all containers");
	call(ours, (const char *const[]){ "run", "/a", "env", 0 });
	ok(exited(c, 0) && strstr(c.text, "NODE_OPTIONS=x\n"), "run: the command has the caller's environment, whole");
	FRONT("run", "-n", "/a", "/bin/true");
	snprintf(text, sizeof(text), "pid=\"%d\"\n", sscanf(c.text, "pid=\"%d\"", &pid) == 1 ? pid : 0);
	ok(exited(c, 0) && pid > 1 && strcmp(c.text, text) == 0, "run -n: prints the pid");

	FRONT("run", "/none", "true", "x");
	handed("<--hot-run><missing><run></none><true><x>", "no container: missing");
	FRONT("run", "/link", "true");
	handed("<--hot-run><missing><run></link><true>", "a symbolic link is not followed");
	FRONT("run", "/open", "true");
	handed("<--hot-run><refused><run></open><true>", "a directory that others may write: refused");
	put_program("a", 0660);
	FRONT("run", "-n", "/a", "true");
	handed("<--hot-run><refused><run><-n></a><true>", "a program that others may write: refused");
	p.stamp = 5;
	put_program("a", 0600);
	FRONT("run", "/a", "true");
	handed("<--hot-run><stale><run></a><true>", "another boot's program: stale");
	p.stamp = 0;
	p.register_count = 2;
	p.op_count = 2;
	p.ops[0].kind[0] = 0;
	put_program("a", 0600);
	FRONT("run", "/a", "true");
	handed("<--hot-run><refused><run></a><true>", "a program without the three registers: refused");
	unlink("/run/lmctfy/containers/a/_run.prog");
	if (symlink("b.c-d_e/_run.prog", "/run/lmctfy/containers/a/_run.prog"))
		exit(1);
	FRONT("run", "/a", "true");
	handed("<--hot-run><missing><run></a><true>", "a program that is a link: missing");

	make_hot();
	CALL(&p, close, NONE, I(99));
	p.ops[6] = p.ops[9];
	put_program("a", 0600);
	FRONT("run", "/a", "/bin/true");
	handed("<--hot-run><failed:6:9><run></a></bin/true>", "a failing program: step and errno");
	ok(strstr(c.text, "SigBlk:\t0000000000000000") != 0, "and the signals that it blocked are free again");
	without_cli();
	FRONT("run", "/a", "/bin/true");
	ok(exited(c, 125) && strstr(c.errors, "lmctfy: close(): EBADF (step 7 of 10, while testing)\n") != 0, "no TypeScript side: the failure is said");
}

void test_front(void)
{
	install();
	plain();
	if (geteuid() != 0)
		skip("the hot path", "needs root");
	else if (runner)
		skip("the hot path", "the emulator has no openat2");
	else if (!own_run())
		skip("the hot path", "no mount namespace of our own");
	else {
		hot();
		return;
	}
	without_cli();
}
