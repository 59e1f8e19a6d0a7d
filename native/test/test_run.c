/* Programs that run, and how they fail. */
#define _GNU_SOURCE
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static struct program p;
static struct child c;

static void say(uint32_t at, uint32_t size) { CALL(&p, write, NONE, I(1), D(at, size), I(size)); }

static void basics(void)
{
	struct image i;
	int fd;

	program_begin(&p, arch);
	say(add_text(&p, "hello\n"), 6);
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "hello\n") == 0, "a program writes to its output");

	program_image(&p, &i);
	write_image(scratch_path("program"), &i, 0666);
	fd = open(scratch_path("program"), O_RDONLY | O_CLOEXEC);
	start(&c, &(struct launch){ .args = (const char *const[]){ "--executor", "run", "-", 0 }, .stdin_fd = fd, .extra_fd = -1 });
	finish(&c);
	close(fd);
	ok(exited(c, 0) && strcmp(c.text, "hello\n") == 0, "`run -` takes a file on descriptor 0, whoever wrote it");

	int pipe_fd[2];
	if (pipe2(pipe_fd, O_CLOEXEC) || write(pipe_fd[1], i.words, i.size) != (ssize_t)i.size)
		exit(1);
	close(pipe_fd[1]);
	start(&c, &(struct launch){ .args = (const char *const[]){ "--executor", "run", "-", 0 }, .stdin_fd = pipe_fd[0], .extra_fd = -1 });
	finish(&c);
	close(pipe_fd[0]);
	ok(exited(c, 0) && strcmp(c.text, "hello\n") == 0, "`run -` takes a pipe");

	program_begin(&p, arch);
	OP(&p, OP_EXIT, EXIT_CODE, NONE, "exit", I(42));
	run_program(&c, &p, 0);
	ok(exited(c, 42), "exit with a code");

	start(&c, LAUNCH("--executor", "version"));
	finish(&c);
	ok(exited(c, 0) && strcmp(c.text, arch == ARCH_AARCH64 ? "program 1 aarch64\n" : "program 1 x86_64\n") == 0, "version");
}

/* The description of the stamp, done once more, here with a library. */
static uint64_t stamp(void)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	struct utsname u;
	char text[256], id[64];
	uint64_t hash = 0xcbf29ce484222325ull;

	if (!f || !fgets(id, sizeof(id), f) || uname(&u))
		exit(1);
	fclose(f);
	snprintf(text, sizeof(text), "%s%s\n", id, u.release);
	for (char *t = text; *t; t++)
		hash = (hash ^ (unsigned char)*t) * 0x100000001b3ull;
	return hash;
}

static void stamps(void)
{
	program_begin(&p, arch);
	OP(&p, OP_EXIT, EXIT_CODE, NONE, "exit", I(7));
	p.stamp = stamp();
	run_program(&c, &p, 0);
	ok(exited(c, 7), "this boot's stamp is taken");
	p.stamp ^= 1ull << 63;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "made for another boot or kernel"), "another stamp is refused");
}

static void failures(void)
{
	uint32_t file;

	program_begin(&p, arch);
	p.stage = add_label(&p, "looking for nothing");
	file = add_text(&p, "/nonexistent/file");
	CALL(&p, getpid, 1, I(0));
	CALL(&p, openat, 2, I(-100), D(file, 18), I(0));
	CALL(&p, getpid, 1, I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: openat(): ENOENT (step 2 of 3, while looking for nothing)\n") == 0,
	   "a failure names call, errno, step and stage");

	p.ops[1].stage = 0;
	p.ops[1].tolerate = ENOTDIR;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: openat(): ENOENT (step 2 of 3)\n") == 0,
	   "no stage, none named; another errno than the tolerated one fails");

	p.ops[1].tolerate = ENOENT;
	OP(&p, OP_STORE, STORE_DECIMAL, NONE, "store", D(file, 21), R(2));
	p.data_size += 8;
	say(file, 2);
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "-2") == 0, "tolerate: dst holds the negative errno");

	p.ops[1].tolerate = 0;
	p.ops[1].on_error = ON_ERROR_IGNORE;
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "-2") == 0, "ignore: dst holds the negative errno");

	program_begin(&p, arch);
	file = add_text(&p, "/nonexistent/file");
	CALL(&p, openat, 2, I(-100), D(file, 18), I(0));
	p.ops[0].on_error = ON_ERROR_JUMP;
	p.ops[0].target = 2;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(1));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(2), I(-2))->target = 1 + 3;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(3));
	run_program(&c, &p, 0);
	ok(exited(c, 3), "on_error jump goes to its target with the errno");

	program_begin(&p, arch);
	OP(&p, OP_SYSCALL, 4000, NONE, "nosuchcall()", I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: nosuchcall(): ENOSYS (step 1 of 1)\n") == 0, "an unknown call is ENOSYS");
}

static void jump_case(uint16_t how, int64_t a, int64_t b, int taken)
{
	program_begin(&p, arch);
	OP(&p, OP_JUMP_IF, how, NONE, "jump", I(a), I(b))->target = 2;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(10));
	OP(&p, OP_EXIT, 0, NONE, "exit", I(11));
	run_program(&c, &p, 0);
	ok(exited(c, taken ? 11 : 10), "jump_if %d: %lld, %lld %s", how, (long long)a, (long long)b, taken ? "jumps" : "goes on");
}

static void numbers(void)
{
	static const struct { uint16_t width; int64_t value, back; } widths[] = {
		{ 1, 0x1ff, 0xff }, { 2, -1, 0xffff }, { 4, -5, -5 }, { 4, 0x1ffffffffll, -1 }, { 8, INT64_MIN, INT64_MIN },
	};
	static const int64_t decimals[] = { 0, 7, -1, 4294967296ll, INT64_MAX, INT64_MIN };

	jump_case(JUMP_ALWAYS, 0, 0, 1);
	jump_case(JUMP_EQUAL, 5, 5, 1);
	jump_case(JUMP_EQUAL, 5, 6, 0);
	jump_case(JUMP_NOT_EQUAL, 5, 6, 1);
	jump_case(JUMP_NOT_EQUAL, 5, 5, 0);
	jump_case(JUMP_LESS, -1, 0, 1);
	jump_case(JUMP_LESS, 0, 0, 0);
	jump_case(JUMP_GREATER_EQUAL, 0, 0, 1);
	jump_case(JUMP_GREATER_EQUAL, -1, 0, 0);
	program_begin(&p, arch);
	OP(&p, OP_JUMP_IF, JUMP_ALWAYS, NONE, "jump", I(0), I(0))->target = 2;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(1));
	run_program(&c, &p, 0);
	ok(exited(c, 0), "a jump to the end ends the program with success");

	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		program_begin(&p, arch);
		p.zero_size = 32;
		/* At an odd place: nothing needs alignment. */
		OP(&p, OP_STORE, widths[i].width, NONE, "store", D(3, 8), I(widths[i].value));
		OP(&p, OP_LOAD, widths[i].width, 2, "load", D(3, 8));
		OP(&p, OP_JUMP_IF, JUMP_EQUAL, NONE, "jump", R(2), I(widths[i].back))->target = 4;
		OP(&p, OP_EXIT, 0, NONE, "exit", I(1));
		run_program(&c, &p, 0);
		ok(exited(c, 0), "store and load %d bytes of %lld", widths[i].width, (long long)widths[i].value);
	}
	for (size_t i = 0; i < sizeof(decimals) / sizeof(*decimals); i++) {
		char text[32];

		program_begin(&p, arch);
		p.zero_size = 32;
		sprintf(text, "%lld", (long long)decimals[i]);
		OP(&p, OP_STORE, STORE_DECIMAL, NONE, "store", D(1, 21), I(decimals[i]));
		say(1, (uint32_t)strlen(text));
		run_program(&c, &p, 0);
		ok(exited(c, 0) && strcmp(c.text, text) == 0, "store decimal %s", text);
	}
}

static void execs(void)
{
	static const char *const echo[] = { "echo", "a", "b c", 0 };
	static const char *const no_path[] = { "X=1", 0 };
	char path[512];
	struct argument argv, envp;
	int fd;

	program_begin(&p, arch);
	argv = add_vector(&p, echo);
	OP(&p, OP_EXEC, 0, NONE, "exec", argv, I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "a b c\n") == 0, "exec finds a file in the caller's PATH");

	program_begin(&p, arch);
	argv = add_vector(&p, echo);
	envp = add_vector(&p, no_path);
	OP(&p, OP_EXEC, 0, NONE, "exec", argv, envp);
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "a b c\n") == 0, "exec without PATH looks in the usual directories");

	program_begin(&p, arch);
	OP(&p, OP_EXEC, 0, NONE, "exec", I(0), I(0));
	run_program(&c, &p, (const char *const[]){ "/bin/sh", "-c", "echo \"$0 $*\"", "zero", "one", 0 });
	ok(exited(c, 0) && strcmp(c.text, "zero one\n") == 0, "exec of the caller's words");
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: exec: ENOENT (step 1 of 1)\n") == 0, "exec of no words: ENOENT");
	run_program(&c, &p, (const char *const[]){ "", 0 });
	ok(exited(c, 125) && strstr(c.errors, "ENOENT"), "exec of an empty word: ENOENT");

	/* d1/tool may not be executed, d2/tool may: the search goes on, and remembers EACCES when there is nothing. */
	if (mkdir(scratch_path("d1"), 0755) || mkdir(scratch_path("d2"), 0755))
		exit(1);
	fd = open(scratch_path("d1/tool"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	snprintf(path, sizeof(path), "PATH=%s/none:%s/d1:%s/d1/tool:%s/d2", scratch, scratch, scratch, scratch);
	program_begin(&p, arch);
	argv = add_vector(&p, (const char *const[]){ "tool", 0 });
	envp = add_vector(&p, (const char *const[]){ path, 0 });
	OP(&p, OP_EXEC, 0, NONE, "exec", argv, envp);
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "EACCES"), "PATH search remembers EACCES");
	fd = open(scratch_path("d2/tool"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (write(fd, "#!/bin/sh\necho found\n", 21) != 21)
		exit(1);
	close(fd);
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "found\n") == 0, "PATH search goes on after ENOENT, EACCES and ENOTDIR");
	fd = open(scratch_path("d2/tool"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (write(fd, "echo not a script\n", 18) != 18)
		exit(1);
	close(fd);
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "ENOEXEC"), "no shell for ENOEXEC");

	/* A call of the program itself spoils the vector: found out, not followed. */
	program_begin(&p, arch);
	argv = add_vector(&p, echo);
	OP(&p, OP_STORE, 8, NONE, "store", D(data_offset(argv.value), 8), I(0x1234));
	OP(&p, OP_EXEC, 0, NONE, "exec", argv, I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "EFAULT"), "a spoilt vector is EFAULT");
	program_begin(&p, arch);
	argv = add_vector(&p, echo);
	OP(&p, OP_STORE, 8, NONE, "store", D(data_offset(argv.value) + 24, 8), I(-1));
	OP(&p, OP_EXEC, 0, NONE, "exec", argv, I(0));
	run_program(&c, &p, 0);
	ok(exited(c, 0) && strcmp(c.text, "a b c\n") == 0, "a vector's end cannot be spoilt");
	program_begin(&p, arch);
	OP(&p, OP_EXEC, EXEC_CLI, NONE, "exec", I(0), I(0));
	run_program(&c, &p, (const char *const[]){ "lmctfy", 0 });
	ok(exited(c, 125) && strstr(c.errors, "ENOENT"), "no TypeScript side: ENOENT");
}

/* r2, r3 = a pipe, close on exec, in data at `pipe`. */
static void add_pipe(uint32_t at)
{
	CALL(&p, pipe2, NONE, D(at, 8), I(O_CLOEXEC));
	OP(&p, OP_LOAD, 4, 2, "load", D(at, 4))->flags = FLAG_OWNS_FD;
	OP(&p, OP_LOAD, 4, 3, "load", D(at + 4, 4))->flags = FLAG_OWNS_FD;
}

static void reports(void)
{
	struct report value = { .step = REPORT_VALUE, .value = -77 };
	uint32_t file, at;

	program_begin(&p, arch);
	p.zero_size = 16;
	file = add_text(&p, "/nonexistent/file");
	at = p.data_size;
	add_pipe(at);
	CALL(&p, clone, 4, I(SIGCHLD));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(4), I(0))->target = 8;
	OP(&p, OP_REPORT, 0, NONE, "report", R(3));
	p.stage = add_label(&p, "being a child");
	CALL(&p, openat, NONE, I(-100), D(file, 18), I(0));	/* step 6 */
	OP(&p, OP_EXIT, 0, NONE, "exit", I(9));
	CALL(&p, close, NONE, R(3));				/* step 8 */
	OP(&p, OP_JOIN, 0, 5, "join", R(2));
	OP(&p, OP_EXIT, 0, NONE, "exit", I(8));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: openat(): ENOENT (step 7 of 11, while being a child)\n") == 0,
	   "join fails with the child's step");
	p.ops[9].on_error = ON_ERROR_IGNORE;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(8));
	p.ops[10] = p.ops[11];
	p.ops[10].kind[0] = KIND_REGISTER;
	p.ops[10].arg[0] = 5;
	run_program(&c, &p, 0);
	ok(exited(c, 256 - ENOENT), "a failure that join ignores is in dst");
	p.ops[6].on_error = ON_ERROR_IGNORE;
	run_program(&c, &p, 0);
	ok(exited(c, 0), "a child without failure reports nothing");

	program_begin(&p, arch);
	p.zero_size = 16;
	file = add_bytes(&p, &value, 16);
	at = p.data_size;
	add_pipe(at);
	CALL(&p, write, NONE, R(3), D(file, 16), I(8));
	CALL(&p, write, NONE, R(3), D(file + 8, 8), I(8));
	CALL(&p, close, NONE, R(3));
	OP(&p, OP_JOIN, 0, 5, "join", R(2));
	OP(&p, OP_EXIT, 0, NONE, "exit", R(5));
	run_program(&c, &p, 0);
	ok(exited(c, 256 - 77), "a reported value comes through, in pieces");
	p.ops[4].arg[2] = 7;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "join: EPROTO"), "half a report is EPROTO");
	p.ops[4].arg[2] = 8;
	((struct report *)(p.data + file))->step = 8;
	((struct report *)(p.data + file))->error = 1;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "join: EPROTO"), "a report of a step that is none is EPROTO");

	program_begin(&p, arch);
	OP(&p, OP_JOIN, 0, 5, "join", I(99));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "join: EBADF"), "join of no descriptor is EBADF");
}

/* What a failing child leaves: 125; and a child at the end of the list: 0. */
static void children(void)
{
	program_begin(&p, arch);
	CALL(&p, clone, 4, I(SIGCHLD));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(4), I(0))->target = 3;
	CALL(&p, close, NONE, I(99));
	OP(&p, OP_JUMP_IF, JUMP_EQUAL, NONE, "jump", R(4), I(0))->target = 6;
	OP(&p, OP_WAIT, 0, 5, "wait", R(4), I(0), I(0));
	OP(&p, OP_EXIT, EXIT_WAIT_STATUS, NONE, "exit", R(5));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && !c.errors_size, "a failing child without report exits with 125, silently");
	p.ops[2].on_error = ON_ERROR_IGNORE;
	run_program(&c, &p, 0);
	ok(exited(c, 0), "a child at the end of the list exits with 0");

	program_begin(&p, arch);
	CALL(&p, clone, 4, I(SIGCHLD | 0x100));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "clone(): EINVAL"), "clone with CLONE_VM is refused");
	program_begin(&p, arch);
	CALL(&p, clone, 4, I(SIGCHLD), I(4096));
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "clone(): EINVAL"), "clone with a stack is refused");
	if (runner) {
		skip("clone3", "the emulator has none");
		return;
	}
	program_begin(&p, arch);
	uint64_t args[11] = { [4] = SIGCHLD };
	uint32_t at = add_bytes(&p, args, sizeof(args));
	OP(&p, OP_SYSCALL, 435, 4, "clone3()", D(at, 88), I(88));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(4), I(0))->target = 3;
	OP(&p, OP_EXIT, 0, NONE, "exit", I(33));
	OP(&p, OP_WAIT, 0, 5, "wait", R(4), I(0), I(0));
	OP(&p, OP_EXIT, EXIT_WAIT_STATUS, NONE, "exit", R(5));
	run_program(&c, &p, 0);
	ok(exited(c, 33), "clone3, and the child's code");
	((uint64_t *)(p.data + at))[0] = 0x100;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "clone3(): EINVAL"), "clone3 with CLONE_VM is refused");
	((uint64_t *)(p.data + at))[0] = 0;
	((uint64_t *)(p.data + at))[5] = 4096;
	run_program(&c, &p, 0);
	ok(exited(c, 125) && strstr(c.errors, "clone3(): EINVAL"), "clone3 with a stack is refused");
}

void test_run(void)
{
	basics();
	stamps();
	failures();
	numbers();
	execs();
	reports();
	children();
}
