/*
 * The resident executor: one client, one stream socket, one program after the other.
 * It keeps no memory between requests: a frame and its program are mapped when they come, unmapped when answered.
 */
#include "serve.h"
#include "program.h"
#include "sys.h"
#include "text.h"
#include <linux/poll.h>
#include <linux/uio.h>

enum { FRAME_HEAD = 12, MSG_DONTWAIT = 0x40, SIGNALFD_FLAGS = 02000000 | 04000 /* close on exec, do not block */ };

struct frame_head {
	uint32_t length;
	uint32_t type;
	uint32_t id;
};

struct request {
	struct frame_head head;
	uint32_t got;		/* of the head and the payload together */
	uint32_t size;		/* of the payload, once the head is there */
	uint8_t *payload;
};

enum taken { TAKEN_WHOLE, TAKEN_PART, TAKEN_END, TAKEN_BAD };

/* A part of a reply: `left` bytes at `at`. */
static int send_all(int fd, struct iovec *part, int count)
{
	while (count) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		long n = sys3(__NR_writev, fd, part, count);

		if (n == -EAGAIN)
			sys6(__NR_ppoll, (long)&p, 1, 0, 0, 0, 0);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (is_error(n))
			return 0;
		/* n is at most what the parts hold together, so the walk ends inside them. */
		while (count && (size_t)n >= part->iov_len) {
			n -= (long)part->iov_len;
			part++;
			count--;
		}
		if (count) {
			part->iov_base = (uint8_t *)part->iov_base + n;
			part->iov_len -= (size_t)n;
		}
	}
	return 1;
}

static int send_done(int fd, uint32_t id, uint32_t outcome, const struct machine *m, const char *why)
{
	struct {
		struct frame_head head;
		uint32_t outcome, step, error, registers;
	} begin = { .head = { .type = FRAME_DONE, .id = id }, .outcome = outcome };
	uint32_t size = 0;
	struct iovec part[4] = { { &begin, sizeof(begin) }, { 0, 0 }, { &size, sizeof(size) }, { 0, 0 } };

	if (m) {
		begin.step = outcome == OUTCOME_FAILED ? m->step : 0;
		begin.error = (uint32_t)m->error;
		begin.registers = m->header->register_count;
		part[1].iov_base = (void *)(uintptr_t)m->reg;
		part[1].iov_len = begin.registers * sizeof(m->reg[0]);
		size = m->header->return_size;
		part[3].iov_base = m->data + m->header->return_offset;
	} else {
		size = (uint32_t)text_length(why);
		part[3].iov_base = (void *)(uintptr_t)why;
	}
	part[3].iov_len = size;
	begin.head.length = (uint32_t)(sizeof(begin) - 4 + part[1].iov_len + sizeof(size) + size);
	return send_all(fd, part, 4);
}

/* Children are reaped here and nowhere else, and never between a program and its reply: so a pid is announced by
 * DONE before its EXIT, and EXIT is on the wire before the kernel can give the number to somebody else. */
static int send_exits(int fd)
{
	struct {
		struct frame_head head;
		int32_t pid, status;
		uint8_t rusage[RUSAGE_SIZE];
	} event = { .head = { .length = sizeof(event) - 4, .type = FRAME_EXIT } };

	for (;;) {
		struct iovec part = { &event, sizeof(event) };
		int status = 0;
		long pid = sys6(__NR_wait4, -1, (long)&status, WNOHANG | WALL, (long)event.rusage, 0, 0);

		if (pid == -EINTR)
			continue;
		if (pid <= 0)
			return 1;
		event.pid = (int32_t)pid;
		event.status = status;
		if (!send_all(fd, &part, 1))
			return 0;
	}
}

/* Takes what has come and does not wait. The head is complete before its length is believed, the length is compared
 * with the limits before it is used, and never more is asked for than the frame still lacks. */
static enum taken take(int fd, struct request *r)
{
	for (;;) {
		uint32_t whole = FRAME_HEAD + r->size;
		uint8_t *to = r->got < FRAME_HEAD ? (uint8_t *)&r->head + r->got : r->payload + (r->got - FRAME_HEAD);
		uint32_t lacks = (r->got < FRAME_HEAD ? FRAME_HEAD : whole) - r->got;
		long n = sys6(__NR_recvfrom, fd, (long)to, lacks, MSG_DONTWAIT, 0, 0);

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			return TAKEN_PART;
		if (n == 0 || n == -ECONNRESET)
			return TAKEN_END;
		if (is_error(n))
			return TAKEN_BAD;
		r->got += (uint32_t)n;
		if (r->got == FRAME_HEAD) {
			/* An empty image is answered as any bad one, so a RUN needs no payload; the mapping does. */
			if (r->head.length < 8 || r->head.length > FRAME_MAX || r->head.type != FRAME_RUN)
				return TAKEN_BAD;
			r->size = r->head.length - 8;
			r->payload = map_memory(r->size + 1u);
			if (!r->payload)
				return TAKEN_BAD;
		}
		if (r->got >= FRAME_HEAD && r->got == FRAME_HEAD + r->size)
			return TAKEN_WHOLE;
	}
}

/* The program's data stays mapped until the reply, which points into it, is sent. */
static int answer(int fd, struct request *r, char **envp)
{
	struct line reason = { .fd = -1 };
	struct refusal no;
	struct machine m;
	int good, error;

	if (!program_check(r->payload, r->size, &no)) {
		line_refusal(&reason, &no);
		good = send_done(fd, r->head.id, OUTCOME_REFUSED, 0, reason.text);
		unmap_memory(r->payload, r->size + 1u);
	} else if (machine_load(&m, r->payload, r->size + 1u)) {
		good = send_done(fd, r->head.id, OUTCOME_REFUSED, 0, "no memory");
		unmap_memory(r->payload, r->size + 1u);
	} else {
		m.serve = 1;
		m.envp = envp;
		error = machine_run(&m);
		good = send_done(fd, r->head.id, error ? OUTCOME_FAILED : OUTCOME_OK, &m, 0);
		machine_unload(&m);
	}
	memset(r, 0, sizeof(*r));
	return good;
}

/* A terminal's ^C is for the client, which decides; SIGPIPE is an error of writev. So everything is blocked, and all
 * dispositions are the default: a program's child has only the mask to clear. */
static long prepare(int fd)
{
	sigset child = 1ull << (SIGCHLD - 1);

	signal_mask(SIG_BLOCK, ALL_SIGNALS, 0);
	for (int s = 1; s <= 64; s++)
		signal_default(s);
	sys3(__NR_fcntl, fd, 2 /* F_SETFD */, 1 /* FD_CLOEXEC */);
	return sys6(__NR_signalfd4, -1, (long)&child, sizeof(child), SIGNALFD_FLAGS, 0, 0);
}

int serve(int fd, char **envp)
{
	struct request r = { .got = 0 };
	long signals = prepare(fd);

	while (!is_error(signals)) {
		struct pollfd wait[2] = { { .fd = fd, .events = POLLIN }, { .fd = (int)signals, .events = POLLIN } };
		uint8_t info[128];

		if (!send_exits(fd))
			return 0;
		switch (take(fd, &r)) {
		case TAKEN_WHOLE:
			if (!answer(fd, &r, envp))
				return 0;
			break;
		case TAKEN_PART:
			sys6(__NR_ppoll, (long)wait, 2, 0, 0, 0, 0);
			/* Read before the next reaping: a child that ends after it makes the descriptor readable again. */
			sys3(__NR_read, signals, info, sizeof(info));
			break;
		case TAKEN_END:
			return 0;
		case TAKEN_BAD:
			return complain("serve", "not a frame of ours, or no stream socket", 0);
		}
	}
	return complain("serve", "signalfd: ", (int)-signals);
}
