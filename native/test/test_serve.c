/* The resident executor. */
#define _GNU_SOURCE
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct program p;
static struct child server;
static int sock;
static uint8_t frame[1 << 20];

static uint32_t word(size_t at)
{
	uint32_t w;

	memcpy(&w, frame + at, 4);
	return w;
}

static int64_t reg(int n)
{
	int64_t w;

	memcpy(&w, frame + 28 + 8 * n, 8);
	return w;
}

static void open_server(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		exit(1);
	start(&server, &(struct launch){ .args = (const char *const[]){ "--executor", "serve", 0 }, .stdin_fd = -1, .extra_fd = pair[1] });
	close(pair[1]);
	sock = pair[0];
}

static void close_server(void)
{
	close(sock);
	finish(&server);
}

static int read_fully(uint8_t *to, size_t size)
{
	while (size) {
		struct pollfd q = { .fd = sock, .events = POLLIN };
		ssize_t n = poll(&q, 1, 10000) == 1 ? read(sock, to, size) : -1;

		if (n <= 0)
			return 0;
		to += n;
		size -= (size_t)n;
	}
	return 1;
}

/* The next frame: its type, or 0 at the end. */
static uint32_t receive(void)
{
	if (!read_fully(frame, 4) || word(0) > sizeof(frame) - 4 || word(0) < 8 || !read_fully(frame + 4, word(0)))
		return 0;
	return word(4);
}

static void send_bytes(const void *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(sock, bytes, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes = (const char *)bytes + n;
		size -= (size_t)n;
	}
}

static void send_program(uint32_t id)
{
	struct image i;

	program_image(&p, &i);
	send_bytes((uint32_t[]){ i.size + 8, FRAME_RUN, id }, 12);
	send_bytes(i.words, i.size);
}

static int done(uint32_t id, uint32_t outcome) { return receive() == FRAME_DONE && word(8) == id && word(12) == outcome; }

static void one_program(void)
{
	program_begin(&p, arch);
	p.register_count = 3;
	p.zero_size = 40;
	p.return_offset = 2;
	p.return_size = 3;
	OP(&p, OP_STORE, STORE_DECIMAL, NONE, "store", D(0, 21), I(1234567));
	OP(&p, OP_LOAD, 1, 2, "load", D(0, 1));
	send_program(77);
	ok(done(77, OUTCOME_OK) && word(24) == 3 && reg(2) == '1' && word(52) == 3 && memcmp(frame + 56, "345", 3) == 0 && word(0) == 55,
	   "DONE brings registers and the returned part");

	send_program(78);
	send_program(79);
	ok(done(78, OUTCOME_OK) && done(79, OUTCOME_OK), "two requests at once are answered in order");

	program_begin(&p, arch);
	OP(&p, OP_EXIT, 0, NONE, "exit", I(9));
	CALL(&p, close, NONE, I(99));
	send_program(1);
	ok(done(1, OUTCOME_OK), "exit ends the program, not the executor");

	program_begin(&p, arch);
	OP(&p, OP_EXEC, 0, NONE, "exec", add_vector(&p, (const char *const[]){ "true", 0 }), I(0));
	send_program(1);
	ok(done(1, OUTCOME_FAILED) && word(16) == 0 && word(20) == EPERM, "exec of the executor itself is EPERM");
	program_begin(&p, arch);
	OP(&p, OP_WAIT, 0, 2, "wait", I(1), I(WAIT_REAP_ALL), I(0));
	send_program(1);
	ok(done(1, OUTCOME_FAILED) && word(20) == EPERM, "wait that would reap its children is EPERM");
	p.op_count = 0;
	send_program(2);
	ok(done(2, OUTCOME_REFUSED) && word(24) == 0 && word(28) == 28 && memcmp(frame + 32, "operation count out of range", 28) == 0,
	   "a refused program: the reason");
	send_bytes((uint32_t[]){ 8, FRAME_RUN, 3 }, 12);
	ok(done(3, OUTCOME_REFUSED) && word(28) == 22 && memcmp(frame + 32, "too short for a header", 22) == 0, "an empty program too");
}

/* A frame byte by byte: every place where it can be cut. */
static void split_frames(void)
{
	struct image i;

	program_begin(&p, arch);
	OP(&p, OP_STORE, 8, NONE, "store", D(0, 8), I(7));
	p.zero_size = 8;
	program_image(&p, &i);
	for (uint32_t n = 0; n < 12; n++)
		send_bytes((uint8_t *)(uint32_t[]){ i.size + 8, FRAME_RUN, 5 } + n, 1);
	for (uint32_t n = 0; n < i.size; n++) {
		send_bytes((uint8_t *)i.words + n, 1);
		if (n % 16 == 0)
			usleep(200);
	}
	ok(done(5, OUTCOME_OK), "a frame in single bytes");
}

static void failure(void)
{
	uint32_t before, after, at;

	program_begin(&p, arch);
	at = add_text(&p, "/");
	for (int n = 0; n < 3; n++)
		CALL(&p, openat, (uint8_t)(2 + n), I(-100), D(at, 2), I(0))->flags = n < 2 ? FLAG_OWNS_FD : 0;
	CALL(&p, close, NONE, R(3));
	CALL(&p, close, NONE, R(4));
	CALL(&p, close, NONE, I(99));
	send_program(1);
	ok(done(1, OUTCOME_FAILED) && word(16) == 5 && word(20) == EBADF, "a failed program: step and errno");
	before = (uint32_t)reg(2);
	send_program(2);
	done(2, OUTCOME_FAILED);
	after = (uint32_t)reg(2);
	ok(before == after && before > 2, "the descriptors that it owned are closed");
	/* What it closed itself is not closed again, though the number is in use by then. */
	program_begin(&p, arch);
	at = add_text(&p, "/");
	CALL(&p, openat, 2, I(-100), D(at, 2), I(0))->flags = FLAG_OWNS_FD;
	CALL(&p, close, NONE, R(2));
	CALL(&p, openat, 3, I(-100), D(at, 2), I(0));
	CALL(&p, close, NONE, I(99));
	send_program(3);
	ok(done(3, OUTCOME_FAILED) && reg(2) == reg(3), "a descriptor that the program closed");
	program_begin(&p, arch);
	CALL(&p, close, NONE, I(before));
	send_program(4);
	ok(done(4, OUTCOME_OK), "and its number's next file stay its own business");
}

static void exits(void)
{
	int good = 1;

	for (int round = 0; round < 2; round++) {
		program_begin(&p, arch);
		CALL(&p, clone, 1, I(SIGCHLD));
		OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(1), I(0))->target = 3;
		if (round == 0)
			OP(&p, OP_EXIT, 0, NONE, "exit", I(21));
		else
			CALL(&p, kill, NONE, I(0), I(0))->nr = call_number(&p, C_getpid);
		OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(1), I(0))->target = 6;
		CALL(&p, getpid, 2, I(0));
		CALL(&p, kill, NONE, R(2), I(SIGKILL));
		send_program(9);
		ok(done(9, OUTCOME_OK) && reg(1) > 0, "a program leaves a child");
		int64_t pid = reg(1);
		ok(receive() == FRAME_EXIT && word(0) == 160 && word(8) == 0 && word(12) == (uint32_t)pid &&
		   word(16) == (round == 0 ? 21u << 8 : 9u), "EXIT says how it ended");
		ok(word(20 + 64) > 0, "with its rusage (%u page faults)", word(20 + 64));
	}
	/* Many that end at once: each DONE comes before its EXIT, nobody is forgotten. */
	program_begin(&p, arch);
	CALL(&p, clone, 1, I(SIGCHLD));
	int64_t pids[50];
	int born = 0, dead = 0;
	for (int n = 0; n < 50; n++)
		send_program((uint32_t)n);
	while (good && (born < 50 || dead < 50)) {
		uint32_t type = receive();

		if (type == FRAME_DONE && born < 50)
			pids[born++] = reg(1);
		else if (type == FRAME_EXIT && dead < 50) {
			int found = 0;

			for (int n = 0; n < born; n++)
				if (pids[n] == (int32_t)word(12)) {
					pids[n] = -1;
					found = 1;
				}
			good = found;
			dead++;
		} else {
			good = 0;
		}
	}
	ok(good && born == 50 && dead == 50, "fifty children: every EXIT follows its DONE");
}

static void large(void)
{
	static struct { uint32_t length, type, id; uint8_t image[MAX_IMAGE + 1]; } big;
	struct image i;
	struct header *h = (struct header *)big.image;

	program_begin(&p, arch);
	CALL(&p, getpid, 1, I(0));
	program_image(&p, &i);
	memcpy(big.image, i.words, i.size);
	h->size = MAX_IMAGE;
	big.length = MAX_IMAGE + 8;
	big.type = FRAME_RUN;
	big.id = 4;
	send_bytes(&big, 12 + MAX_IMAGE);
	ok(done(4, OUTCOME_OK), "an image of 4 MiB");
	h->size = MAX_IMAGE + 1;
	big.length++;
	send_bytes(&big, 12 + MAX_IMAGE + 1);
	ok(done(4, OUTCOME_REFUSED), "a larger one is refused");
	/* A large answer that is read slowly. */
	program_begin(&p, arch);
	CALL(&p, getpid, 1, I(0));
	p.zero_size = p.return_size = 1000000;
	send_program(6);
	usleep(50000);
	ok(done(6, OUTCOME_OK) && word(0) == 28 + 64 + 1000000, "an answer that fills the socket");
}

static void memory(void)
{
	long kb = private_memory(server.pid);

	if (runner) {
		skip("memory of an idle executor", "emulated");
		return;
	}
	ok(kb > 0 && kb <= 64, "an idle executor has %ld kB of private memory", kb);
}

/* Each ends the executor, with 0 when the client went, with 125 when it talked nonsense. */
static void endings(void)
{
	static const struct { const char *name; uint32_t words[3]; size_t size; int code; } cases[] = {
		{ "nothing", { 0 }, 0, 0 },
		{ "half a head", { 100, 1, 1 }, 6, 0 },
		{ "half a frame", { 100, 1, 1 }, 12, 0 },
		{ "a length that is too short", { 7, 1, 1 }, 12, 125 },
		{ "a length that is too large", { FRAME_MAX + 1, 1, 1 }, 12, 125 },
		{ "a length that wraps", { 0xffffffff, 1, 1 }, 12, 125 },
		{ "an unknown type", { 100, 4, 1 }, 12, 125 },
		{ "our own type", { 100, FRAME_DONE, 1 }, 12, 125 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		open_server();
		send_bytes(cases[i].words, cases[i].size);
		close_server();
		ok(exited(server, cases[i].code) && !server.errors_size == !cases[i].code, "the client sends %s and goes: %d", cases[i].name,
		   cases[i].code);
	}
	/* It goes while a large answer is on its way. */
	open_server();
	program_begin(&p, arch);
	CALL(&p, getpid, 1, I(0));
	p.zero_size = p.return_size = 4000000;
	send_program(6);
	read_fully(frame, 100);
	close_server();
	ok(exited(server, 0), "the client goes in the middle of an answer");

	int fd[2];
	struct child c;
	if (pipe2(fd, O_CLOEXEC))
		exit(1);
	start(&c, &(struct launch){ .args = (const char *const[]){ "--executor", "serve", "3", 0 }, .stdin_fd = -1, .extra_fd = fd[0] });
	finish(&c);
	close(fd[0]);
	close(fd[1]);
	ok(exited(c, 125) && c.errors_size, "serve on a pipe is refused");
	start(&c, LAUNCH("--executor", "serve", "x"));
	finish(&c);
	ok(exited(c, 125) && c.errors_size, "serve on no number is refused");
}

static void signals(void)
{
	open_server();
	program_begin(&p, arch);
	CALL(&p, getpid, 1, I(0));
	send_program(1);
	done(1, OUTCOME_OK);
	for (int s = 1; s <= 64; s++)
		if (s != SIGKILL && s != SIGSTOP && s != SIGILL && s != SIGSEGV && s != SIGBUS && s != SIGFPE && s != SIGTRAP && s != SIGSYS &&
		    s != 32 && s != 33)
			kill(server.pid, s);
	send_program(2);
	ok(done(2, OUTCOME_OK), "a terminal's or another's signals leave serve alone");
	close_server();
	ok(exited(server, 0), "it ends with its client");
}

/* A child that asked for it dies with the executor; its output, which only it holds open then, comes to its end. */
static void parent_death(void)
{
	uint32_t at;

	open_server();
	program_begin(&p, arch);
	at = add_text(&p, "ready\n");
	CALL(&p, clone, 1, I(SIGCHLD));
	OP(&p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(1), I(0))->target = 5;
	CALL(&p, prctl, NONE, I(PR_SET_PDEATHSIG), I(SIGKILL));
	CALL(&p, write, NONE, I(1), D(at, 6), I(6));
	CALL(&p, ppoll, NONE, I(0), I(0), I(0), I(0));
	send_program(1);
	ok(done(1, OUTCOME_OK) && await_text(&server, "ready\n"), "a child that dies with its parent lives");
	close_server();
	ok(exited(server, 0) && server.out == -1, "and dies when serve ends");
}

void test_serve(void)
{
	open_server();
	one_program();
	memory();
	split_frames();
	failure();
	exits();
	large();
	memory();
	close_server();
	ok(exited(server, 0) && !server.errors_size, "serve ends when its client goes");
	endings();
	signals();
	parent_death();
}
