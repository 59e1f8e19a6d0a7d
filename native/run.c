/* The interpreter. It trusts a checked image, and nothing that a program's calls wrote into the data block. */
#include "program.h"
#include "sys.h"
#include "text.h"

/* The block is as large as the checker was told, and every relocation lies inside it. */
int machine_load(struct machine *m, const uint8_t *image, uint64_t image_size)
{
	const struct header *h = (const struct header *)image;
	const struct reloc *relocs = (const struct reloc *)(image + h->reloc_offset);

	memset(m, 0, sizeof(*m));
	m->image = image;
	m->image_size = image_size;
	m->header = h;
	m->ops = (const struct op *)(image + h->op_offset);
	m->labels = (const char *)(image + h->label_offset);
	m->report = -1;
	m->data_size = (uint64_t)h->data_size + h->zero_size;
	m->data = map_memory(m->data_size + 1);
	if (!m->data)
		return ENOMEM;
	memcpy(m->data, image + h->data_offset, h->data_size);
	for (uint32_t i = 0; i < h->reloc_count; i++) {
		uint64_t address = (uint64_t)(uintptr_t)(m->data + relocs[i].target);

		memcpy(m->data + relocs[i].at, &address, sizeof(address));
	}
	return 0;
}

void machine_unload(struct machine *m)
{
	unmap_memory(m->data, m->data_size + 1);
	unmap_memory(m->image, m->image_size);
	m->data = 0;
	m->image = 0;
}

/* Kinds, offsets and registers were checked; an extent is what the program's author promised about the call. */
static uint64_t argument(const struct machine *m, const struct op *o, int n)
{
	switch (o->kind[n]) {
	case KIND_DATA:
		touch(m->data + data_offset(o->arg[n]), data_extent(o->arg[n]));
		return (uint64_t)(uintptr_t)(m->data + data_offset(o->arg[n]));
	case KIND_REGISTER:
		return (uint64_t)m->reg[o->arg[n]];
	default:
		return o->arg[n];
	}
}

/* A child goes on in this function on its own copy of everything. One that shared our memory, or stood on a
 * stack of the program's choice, would not: refused. (clone3's struct: flags at 0, stack at 40.) */
static int clone_shares(const struct machine *m, const struct op *o, const uint64_t *a)
{
	uint64_t flags = a[0], stack = a[1];

	if (o->nr == __NR_clone3) {
		const uint8_t *args = m->data + data_offset(o->arg[0]);

		memcpy(&flags, args, 8);
		memcpy(&stack, args + 40, 8);
	}
	return (flags & CLONE_VM) || stack;
}

/* The call itself may do anything: that is what a program is for. Descriptors in registers are plain numbers here. */
static int op_syscall(struct machine *m, const struct op *o, int64_t *value)
{
	int clones = o->nr == __NR_clone || o->nr == __NR_clone3;
	uint64_t a[6];
	long r;

	for (int n = 0; n < 6; n++)
		a[n] = argument(m, o, n);
	if (clones && clone_shares(m, o, a))
		return EINVAL;
	do
		r = program_call(o->nr, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4], (long)a[5]);
	while (r == -EINTR && o->nr != __NR_close);	/* an interrupted close has closed */
	if (r == -EINTR)
		r = 0;
	if (is_error(r))
		return (int)-r;
	if (clones && r == 0)
		m->child = 1;
	/* What the program closed itself is no longer ours to close: the number may be another file's by then. */
	if (o->nr == __NR_close && o->kind[0] == KIND_REGISTER)
		m->owned &= ~(1ull << o->arg[0]);
	*value = r;
	return 0;
}

static int jumps(const struct machine *m, const struct op *o)
{
	int64_t a = (int64_t)argument(m, o, 0), b = (int64_t)argument(m, o, 1);

	switch (o->nr) {
	case JUMP_EQUAL:
		return a == b;
	case JUMP_NOT_EQUAL:
		return a != b;
	case JUMP_LESS:
		return a < b;
	case JUMP_GREATER_EQUAL:
		return a >= b;
	default:
		return 1;
	}
}

/* Copied, not dereferenced: the place needs no alignment, and nr bytes are inside its extent. Little endian: the low
 * bytes come first. */
static int64_t op_load(const struct machine *m, const struct op *o)
{
	int64_t value = 0;

	memcpy(&value, m->data + data_offset(o->arg[0]), o->nr);
	return o->nr == 4 ? (int32_t)value : value;
}

/* The same way back. Decimal text has at most DECIMAL_SIZE bytes. */
static void op_store(struct machine *m, const struct op *o)
{
	uint8_t *to = m->data + data_offset(o->arg[0]);
	uint64_t value = argument(m, o, 1);

	if (o->nr == STORE_DECIMAL)
		decimal((int64_t)value, (char *)to);
	else
		memcpy(to, &value, o->nr);
}

/* Whole reports only, whatever pieces they come in. The step is used as an index later: it must be one. A failure
 * ends the reading at once, so that whoever else holds the other end cannot keep us. */
static int op_join(struct machine *m, int64_t fd, int64_t *value)
{
	struct report r;
	uint32_t got = 0;

	for (;;) {
		long n = sys3(__NR_read, fd, (uint8_t *)&r + got, sizeof(r) - got);

		if (n == -EINTR)
			continue;
		if (is_error(n))
			return (int)-n;
		if (n == 0)
			return got ? EPROTO : 0;
		got += (uint32_t)n;
		if (got < sizeof(r))
			continue;
		got = 0;
		if (r.step == REPORT_VALUE) {
			*value = r.value;
			continue;
		}
		if (r.step >= m->header->op_count || r.error < 1 || r.error > MAX_ERRNO)
			return EPROTO;
		m->step = r.step;
		return (int)r.error;
	}
}

static int exit_code(const struct op *o, int64_t value)
{
	if (o->nr == EXIT_CODE)
		return (int)(value & 0xff);
	return (value & 0x7f) ? 128 + (int)(value & 0x7f) : (int)(value >> 8 & 0xff);
}

/* What varies by operation; jump_if and exit are the loop's. Returns an errno or 0. */
static int execute(struct machine *m, const struct op *o, int64_t *value)
{
	void *rusage;

	switch (o->code) {
	case OP_SYSCALL:
		return op_syscall(m, o, value);
	case OP_LOAD:
		*value = op_load(m, o);
		return 0;
	case OP_STORE:
		op_store(m, o);
		return 0;
	case OP_EXEC:
		return op_exec(m, o);
	case OP_WAIT:
		/* The resident executor owes its client an EXIT for every child: it must not swallow them. */
		if (m->serve && !m->child && (o->arg[1] & WAIT_REAP_ALL))
			return EPERM;
		rusage = o->kind[2] == KIND_DATA ? (void *)(uintptr_t)argument(m, o, 2) : 0;
		return op_wait((int64_t)argument(m, o, 0), o->arg[1], rusage, value);
	case OP_JOIN:
		return op_join(m, (int64_t)argument(m, o, 0), value);
	default:
		m->report = (int64_t)argument(m, o, 0);
		return 0;
	}
}

/* Owned bits are set only for results ≥ 0, by the operation that made the descriptor. */
static void set_result(struct machine *m, const struct op *o, int64_t value, int good)
{
	uint64_t bit;

	if (o->dst == NO_REGISTER)
		return;
	bit = 1ull << o->dst;
	m->reg[o->dst] = value;
	m->owned &= ~bit;
	if (good && value >= 0 && (o->flags & FLAG_OWNS_FD))
		m->owned |= bit;
}

/* A child tells whoever joins it, and is gone: it never returns into the caller's code, which is its parent's. */
_Noreturn static void child_fails(const struct machine *m)
{
	struct report r = { .step = m->step, .error = (uint32_t)m->error };

	if (m->report >= 0)
		while (sys3(__NR_write, m->report, &r, sizeof(r)) == -EINTR)
			;
	leave(EXIT_FAILED);
}

static int fail(struct machine *m, int error)
{
	m->error = error;
	if (m->child)
		child_fails(m);
	for (uint32_t n = 0; n < m->header->register_count; n++)
		if (m->owned & 1ull << n)
			sys1(__NR_close, m->reg[n]);
	m->owned = 0;
	return error;
}

int machine_run(struct machine *m)
{
	uint32_t at = 0;

	while (at < m->header->op_count) {
		const struct op *o = &m->ops[at];
		int64_t value = 0;
		int error;

		if (o->code == OP_JUMP_IF) {
			at = jumps(m, o) ? o->target : at + 1;
			continue;
		}
		if (o->code == OP_EXIT) {
			if (m->serve && !m->child)
				return 0;
			leave(exit_code(o, (int64_t)argument(m, o, 0)));
		}
		m->step = at;
		error = execute(m, o, &value);
		set_result(m, o, error ? -error : value, !error);
		if (error && o->on_error == ON_ERROR_FAIL && o->tolerate != error)
			return fail(m, error);
		at = error && o->on_error == ON_ERROR_JUMP ? o->target : at + 1;
	}
	if (m->child)
		leave(0);
	return 0;
}
