/* wait: statuses, signals, job control. */
#define _GNU_SOURCE
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct program p;
static struct child c;

/* Blocks all signals, runs the caller's words in a child with a clear mask, waits with these flags, exits as the child. */
static void make_waiter(uint64_t flags)
{
	static const uint64_t all = ~0ull, none;
	uint32_t all_at, none_at;

	program_begin(&p, arch);
	all_at = add_bytes(&p, &all, 8);
	none_at = add_bytes(&p, &none, 8);
	CALL(&p, mask, NONE, I(SIG_SETMASK), D(all_at, 8), I(0), I(8));
	CALL(&p, clone, 4, I(SIGCHLD));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(4), I(0))->target = 5;
	CALL(&p, mask, NONE, I(SIG_SETMASK), D(none_at, 8), I(0), I(8));
	OP(&p, OP_EXEC, 0, NONE, "exec", I(0), I(0));
	OP(&p, OP_WAIT, 0, 5, "wait", R(4), I(flags), I(0));
	OP(&p, OP_EXIT, EXIT_WAIT_STATUS, NONE, "exit", R(5));
}

static void launch_waiter(const char *script)
{
	const char *file = scratch_path("waiter");
	struct image i;

	program_image(&p, &i);
	write_image(file, &i, 0600);
	start(&c, LAUNCH("--executor", "run", file, "/bin/sh", "-c", script));
}

/* The state of a process, as in /proc/PID/stat; 0 when it is gone. */
static char state_of(pid_t pid)
{
	char path[64], line[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	line[n] = 0;
	return strrchr(line, ')')[2];
}

static int becomes(pid_t pid, char state)
{
	for (int i = 0; i < 5000 && state_of(pid) != state; i++)
		usleep(2000);
	return state_of(pid) == state;
}

/* The script says its number and then stops itself; 0 when it does not. */
static pid_t stopped_child(void)
{
	pid_t pid = await_text(&c, "\n") ? atoi(c.text) : 0;

	return pid > 0 && becomes(pid, 'T') ? pid : 0;
}

static void statuses(void)
{
	for (uint64_t flags = 0; flags < 8; flags++) {
		make_waiter(flags);
		launch_waiter("exit 3");
		finish(&c);
		ok(exited(c, 3), "wait with flags %d: the child's code", (int)flags);
		launch_waiter("kill -9 $$");
		finish(&c);
		ok(exited(c, 137), "wait with flags %d: 128 + signal", (int)flags);
	}
	if (!runner) {	/* an emulator's memory says nothing */
		make_waiter(WAIT_FORWARD);
		launch_waiter("echo $$; kill -STOP $$");
		pid_t pid = stopped_child();
		if (pid) {
			long kb = becomes(c.pid, 'S') ? private_memory(c.pid) : -1;

			ok(kb > 0 && kb <= 64, "a waiting process has %ld kB of private memory", kb);
			kill(pid, SIGCONT);
		}
		finish(&c);
	}
	make_waiter(WAIT_REAP_ALL | WAIT_FORWARD);
	launch_waiter("(exit 1) & (exit 2) & wait; exit 5");
	finish(&c);
	ok(exited(c, 5), "wait that reaps all returns the right one's");

	program_begin(&p, arch);
	OP(&p, OP_WAIT, 0, 5, "wait", I(-1), I(2), I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "wait: EINVAL"), "wait for a group is EINVAL");
	program_begin(&p, arch);
	OP(&p, OP_WAIT, 0, 5, "wait", I(1), I(2), I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "wait: ECHILD"), "wait for somebody else's child is ECHILD");

	/* rusage: the child burns some time, ru_utime + ru_stime are the first four words. */
	make_waiter(0);
	p.zero_size = 144;
	p.ops[5].kind[2] = KIND_DATA;
	p.ops[5].arg[2] = D(p.data_size, 144).value;
	p.ops[6] = p.ops[0];
	p.ops[6].nr = call_number(&p, C_write);
	p.ops[6].arg[0] = 1;
	p.ops[6].arg[1] = D(p.data_size, 144).value;
	p.ops[6].arg[2] = 144;
	p.ops[6].arg[3] = 0;
	p.ops[6].kind[2] = 0;
	launch_waiter("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
	finish(&c);
	int64_t *usage = (int64_t *)(void *)c.text;
	ok(exited(c, 0) && c.text_size == 144 && usage[0] + usage[1] + usage[2] + usage[3] > 0, "wait fills in rusage");
}

/* SIGCHLD ignored by whoever started us would lose the status. */
static void ignored_child(void)
{
	make_waiter(0);
	signal(SIGCHLD, SIG_IGN);
	launch_waiter("exit 3");
	signal(SIGCHLD, SIG_DFL);
	finish(&c);
	ok(exited(c, 3), "an inherited SIG_IGN of SIGCHLD does no harm");
}

static void forwarding(void)
{
	static const int forwarded[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGWINCH };
	char script[256];

	for (size_t i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++) {
		make_waiter(WAIT_FORWARD);
		snprintf(script, sizeof(script), "trap 'echo got; exit 7' %d; echo ready; while :; do sleep 0.02; done", forwarded[i]);
		launch_waiter(script);
		if (await_text(&c, "ready\n"))
			kill(c.pid, forwarded[i]);
		finish(&c);
		ok(exited(c, 7) && strcmp(c.text, "ready\ngot\n") == 0, "signal %d, sent by kill, is passed on", forwarded[i]);
	}
	make_waiter(WAIT_FORWARD);
	launch_waiter("trap 'echo ttin' TTIN; trap 'exit 4' USR1; echo ready; while :; do sleep 0.02; done");
	if (await_text(&c, "ready\n")) {
		kill(c.pid, SIGTTIN);
		kill(c.pid, SIGTTOU);
		kill(c.pid, SIGCHLD);
		kill(c.pid, SIGUSR1);
	}
	finish(&c);
	ok(exited(c, 4) && strcmp(c.text, "ready\n") == 0, "SIGTTIN, SIGTTOU and SIGCHLD are not");

	make_waiter(WAIT_FORWARD);
	p.ops[0].code = OP_SYSCALL;	/* the program forgets to block them: the operation does */
	p.ops[0].nr = call_number(&p, C_getpid);
	launch_waiter("trap 'exit 6' TERM; echo ready; while :; do sleep 0.02; done");
	if (await_text(&c, "ready\n")) {
		usleep(100000);	/* nothing tells when the executor stands in its wait */
		kill(c.pid, SIGTERM);
	}
	finish(&c);
	ok(exited(c, 6), "wait blocks the signals itself when the program did not");
}

static void stopping(void)
{
	pid_t pid;

	make_waiter(WAIT_FORWARD);
	launch_waiter("echo $$; kill -STOP $$; echo on; exit 2");
	pid = stopped_child();
	ok(pid && becomes(c.pid, 'S'), "a child that gets SIGSTOP leaves the waiter waiting");
	if (pid)
		kill(pid, SIGCONT);
	finish(&c);
	ok(exited(c, 2) && strstr(c.text, "on\n"), "and its end is seen when it was continued by its number");
}

/* The leader of a terminal's session: runs the waiter as a foreground job and says on its error channel how it fares. */
static void lead(const char *const *words)
{
	int status;
	pid_t job = fork();

	if (job == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
		execv(words[0], (char *const *)words);
		_exit(99);
	}
	setpgid(job, job);
	while (waitpid(job, &status, WUNTRACED) == job) {
		if (!WIFSTOPPED(status)) {
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(0, getpgrp());
			printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
			fflush(stdout);
			tcdrain(1);
			_exit(0);
		}
		printf("stopped\n");
		fflush(stdout);
		kill(-job, SIGCONT);
	}
	_exit(1);
}

/* Types `key` into the terminal once `ready` was printed, and returns all that was printed. */
static const char *on_terminal(uint64_t flags, const char *script, char key)
{
	static char text[4096];
	const char *file = scratch_path("waiter"), *words[16];
	struct image i;
	size_t used = 0;
	int master, n = 0, typed = 0;
	pid_t pid;

	make_waiter(flags);
	program_image(&p, &i);
	write_image(file, &i, 0600);
	if (runner)
		words[n++] = runner;
	words[n++] = executor;
	words[n++] = "--executor";
	words[n++] = "run";
	words[n++] = file;
	words[n++] = "/bin/sh";
	words[n++] = "-c";
	words[n++] = script;
	words[n] = 0;
	fflush(stdout);
	pid = forkpty(&master, 0, 0, 0);
	if (pid == 0) {
		alarm(10);
		lead(words);
	}
	for (;;) {
		ssize_t r = read(master, text + used, sizeof(text) - 1 - used);

		if (r <= 0)
			break;
		used += (size_t)r;
		text[used] = 0;
		if (!typed && strstr(text, "ready")) {
			typed = 1;
			if (write(master, &key, 1) != 1)
				break;
		}
	}
	text[used] = 0;
	close(master);
	waitpid(pid, 0, 0);
	return text;
}

static int count(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word))) {
		n++;
		text += strlen(word);
	}
	return n;
}

/* The scripts burn time with built-ins: a shell that is inside vfork when ^Z comes does not stop, whoever waits for it. */
static void terminal(void)
{
	const char *said;

	said = on_terminal(WAIT_FORWARD, "trap 'echo got' INT; echo ready; n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done; exit 3", 3);
	ok(count(said, "got") == 1 && strstr(said, "exit 3"), "^C reaches the child once");
	said = on_terminal(WAIT_FORWARD, "echo ready; n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done; exit 4", 26);
	ok(count(said, "stopped") == 1 && strstr(said, "exit 4"), "^Z stops the child and with it the waiter; both go on");
	said = on_terminal(WAIT_FORWARD | WAIT_TERMINAL_STOP,
			   "trap '' TSTP; echo ready; n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done; exit 5", 26);
	ok(count(said, "stopped") == 1 && strstr(said, "exit 5"), "flag 4: ^Z stops the waiter of a child that does not stop");
	said = on_terminal(WAIT_FORWARD, "trap '' TSTP; echo ready; n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done; exit 6", 26);
	ok(count(said, "stopped") == 0 && strstr(said, "exit 6"), "without it, it does not");
}

void test_wait(void)
{
	statuses();
	ignored_child();
	forwarding();
	stopping();
	terminal();
}
