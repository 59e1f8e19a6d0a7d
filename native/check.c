/*
 * The verifier: everything that the interpreter relies on is proved here, before the first call.
 * All sums are 64 bit over 32 bit fields, so none can wrap.
 */
#include "program.h"
#include "sys.h"

/* What each operation may look like. Shapes of the six arguments: a = any, v = value (immediate or register),
 * i = immediate, d = data, z = immediate 0 or data, 0 = unused: immediate 0. */
struct rule {
	char shape[7];
	uint8_t can_fail;
	uint8_t has_result;
	uint8_t may_own;
};

static const struct rule rules[OP_CODES] = {
	[OP_SYSCALL] = { "aaaaaa", 1, 1, 1 },
	[OP_JUMP_IF] = { "vv0000", 0, 0, 0 },
	[OP_LOAD] = { "d00000", 0, 1, 1 },
	[OP_STORE] = { "dv0000", 0, 0, 0 },
	[OP_EXEC] = { "zz0000", 1, 1, 0 },
	[OP_WAIT] = { "viz000", 1, 1, 0 },
	[OP_JOIN] = { "v00000", 1, 1, 0 },
	[OP_REPORT] = { "v00000", 0, 0, 0 },
	[OP_EXIT] = { "v00000", 0, 0, 0 },
};

struct view {
	const uint8_t *image;
	const struct header *h;
	const struct op *ops;
	const struct reloc *relocs;
	uint64_t memory;	/* data_size + zero_size */
};

/* An empty section is nowhere; any other lies between the header and the end. */
static int section_fits(const struct header *h, uint64_t offset, uint64_t length)
{
	return length == 0 || (offset >= HEADER_SIZE && offset + length <= h->size);
}

static const char *check_header(struct view *v, uint64_t size)
{
	const struct header *h = v->h;

	/* Nothing of the header is read before it is known to be there. */
	if (size < HEADER_SIZE)
		return "too short for a header";
	if (h->magic[0] != 'L' || h->magic[1] != 'M' || h->magic[2] != 'C' || h->magic[3] != 'P')
		return "not a program";
	if (h->version != PROGRAM_VERSION)
		return "another format version";
	if (h->arch != ARCH_NATIVE)
		return "made for another architecture";
	if (h->size != size)
		return "size differs from what was read";
	if (size > MAX_IMAGE)
		return "larger than 4 MiB";
	if (h->op_count < 1 || h->op_count > MAX_OPS)
		return "operation count out of range";
	if (h->op_offset % 8 || !section_fits(h, h->op_offset, (uint64_t)h->op_count * OP_SIZE))
		return "operations out of bounds";
	if (h->reloc_count > MAX_RELOCS)
		return "relocation count out of range";
	if (h->reloc_offset % 4 || !section_fits(h, h->reloc_offset, (uint64_t)h->reloc_count * RELOC_SIZE))
		return "relocations out of bounds";
	if (h->data_offset % 8 || !section_fits(h, h->data_offset, h->data_size))
		return "data out of bounds";
	v->memory = (uint64_t)h->data_size + h->zero_size;
	if (v->memory > MAX_DATA)
		return "data block larger than 4 MiB";
	if (h->label_size < 1 || !section_fits(h, h->label_offset, h->label_size))
		return "labels out of bounds";
	if (v->image[(uint64_t)h->label_offset + h->label_size - 1] != 0)
		return "labels do not end with NUL";
	if (h->register_count > MAX_REGISTERS)
		return "more than 64 registers";
	if ((uint64_t)h->return_offset + h->return_size > v->memory)
		return "returned part out of bounds";
	if (h->reserved != 0)
		return "reserved field is not 0";
	v->ops = (const struct op *)(v->image + h->op_offset);
	v->relocs = (const struct reloc *)(v->image + h->reloc_offset);
	return 0;
}

/* Ascending multiples of 8 cannot overlap one another; at + 8 ≤ data_size keeps the write inside the block. */
static const char *check_relocs(const struct view *v, uint32_t *at)
{
	for (uint32_t i = 0; i < v->h->reloc_count; i++) {
		const struct reloc *r = &v->relocs[i];

		*at = i;
		if (r->at % 8)
			return "not aligned";
		if (i > 0 && r->at <= v->relocs[i - 1].at)
			return "not in ascending order";
		if ((uint64_t)r->at + 8 > v->h->data_size)
			return "outside the data";
		if (r->target >= v->memory)
			return "target outside the data block";
	}
	return 0;
}

static const char *check_argument(const struct view *v, const struct op *o, int n, char shape)
{
	uint8_t kind = o->kind[n];
	uint64_t arg = o->arg[n];

	if (kind > KIND_REGISTER)
		return "unknown kind of argument";
	if (kind == KIND_REGISTER && arg >= v->h->register_count)
		return "register out of range";
	if (kind == KIND_DATA && (uint64_t)data_offset(arg) + data_extent(arg) > v->memory)
		return "argument outside the data block";
	if (shape == '0' && (kind != KIND_IMMEDIATE || arg != 0))
		return "unused argument is not 0";
	if (shape == 'v' && kind == KIND_DATA)
		return "argument must be an immediate or a register";
	if (shape == 'i' && kind != KIND_IMMEDIATE)
		return "argument must be an immediate";
	if (shape == 'd' && kind != KIND_DATA)
		return "argument must be data";
	if (shape == 'z' && kind != KIND_DATA && (kind != KIND_IMMEDIATE || arg != 0))
		return "argument must be 0 or data";
	return 0;
}

/* Is the first relocation at or after `at` at it? `*index` says which one it is. */
static int find_reloc(const struct view *v, uint32_t at, uint32_t *index)
{
	uint32_t low = 0, high = v->h->reloc_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (v->relocs[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	*index = low;
	return low < v->h->reloc_count && v->relocs[low].at == at;
}

/* An argv or envp: addresses that the loader writes, and a zero word that nobody writes. */
static const char *check_vector(const struct view *v, uint64_t arg, uint32_t least)
{
	uint32_t at = data_offset(arg), extent = data_extent(arg), first;

	if (at % 8 || extent % 8 || extent < least)
		return "vector has a wrong size or place";
	for (uint32_t last = at + extent - 8; at < last; at += 8)
		if (!find_reloc(v, at, &first))
			return "vector holds a word that is no address";
	if (find_reloc(v, at, &first))
		return "vector does not end with 0";
	for (uint32_t i = at; i < at + 8 && i < v->h->data_size; i++)
		if (v->image[(uint64_t)v->h->data_offset + i] != 0)
			return "vector does not end with 0";
	return 0;
}

static const char *check_syscall(const struct op *o)
{
#ifdef __NR_fork
	if (o->nr == __NR_fork || o->nr == __NR_vfork)
		return "fork and vfork: use clone";
#endif
	/* The interpreter looks into the struct before the call. */
	if (o->nr == __NR_clone3 && (o->kind[0] != KIND_DATA || data_extent(o->arg[0]) < 64))
		return "clone3 without its arguments";
	return 0;
}

static const char *check_variant(const struct view *v, const struct op *o)
{
	const char *why = 0;

	switch (o->code) {
	case OP_SYSCALL:
		return check_syscall(o);
	case OP_JUMP_IF:
		if (o->nr > JUMP_GREATER_EQUAL)
			return "unknown variant";
		if (o->nr == JUMP_ALWAYS && (o->kind[0] || o->arg[0] || o->kind[1] || o->arg[1]))
			return "unused argument is not 0";
		return 0;
	case OP_LOAD:
	case OP_STORE:
		if (o->code == OP_STORE && o->nr == STORE_DECIMAL)
			return data_extent(o->arg[0]) < DECIMAL_SIZE ? "extent too small" : 0;
		if (o->nr != 1 && o->nr != 2 && o->nr != 4 && o->nr != 8)
			return "unknown variant";
		return data_extent(o->arg[0]) < o->nr ? "extent too small" : 0;
	case OP_EXEC:
		if (o->nr > EXEC_SEALED)
			return "unknown variant";
		if (o->kind[0] == KIND_DATA)
			why = check_vector(v, o->arg[0], 16);
		if (!why && o->kind[1] == KIND_DATA)
			why = check_vector(v, o->arg[1], 8);
		return why;
	case OP_WAIT:
		if (o->nr != 0)
			return "unknown variant";
		if (o->arg[1] > (WAIT_REAP_ALL | WAIT_FORWARD | WAIT_TERMINAL_STOP))
			return "unknown flags of wait";
		return o->kind[2] == KIND_DATA && data_extent(o->arg[2]) < RUSAGE_SIZE ? "extent too small" : 0;
	case OP_EXIT:
		return o->nr > EXIT_WAIT_STATUS ? "unknown variant" : 0;
	default:
		return o->nr != 0 ? "unknown variant" : 0;
	}
}

static const char *check_op(const struct view *v, uint32_t index)
{
	const struct op *o = &v->ops[index];
	const struct rule *rule;
	int jumps;

	if (o->code >= OP_CODES)
		return "unknown code";
	rule = &rules[o->code];
	if (o->on_error > ON_ERROR_JUMP || (o->on_error && !rule->can_fail))
		return "on_error out of range";
	if (o->dst != NO_REGISTER && (!rule->has_result || o->dst >= v->h->register_count))
		return "result register out of range";
	if (o->flags & ~FLAG_OWNS_FD)
		return "unknown flags";
	if (o->flags && (!rule->may_own || o->dst == NO_REGISTER))
		return "nothing to own";
	if (o->tolerate > MAX_ERRNO || (o->tolerate && (o->on_error != ON_ERROR_FAIL || !rule->can_fail)))
		return "tolerate out of range";
	/* Forward only: the index grows with every step, so the program ends after at most op_count of them. */
	jumps = o->code == OP_JUMP_IF || o->on_error == ON_ERROR_JUMP;
	if (jumps ? o->target <= index || o->target > v->h->op_count : o->target != 0)
		return "jump target out of range";
	if (o->label >= v->h->label_size || o->stage >= v->h->label_size)
		return "label out of range";
	for (int n = 0; n < 6; n++) {
		const char *why = check_argument(v, o, n, rule->shape[n]);

		if (why)
			return why;
	}
	return check_variant(v, o);
}

int program_check(const uint8_t *image, uint64_t size, struct refusal *no)
{
	struct view v = { .image = image, .h = (const struct header *)image };

	no->part = 0;
	no->index = 0;
	no->why = check_header(&v, size);
	if (no->why)
		return 0;
	no->part = "relocation";
	no->why = check_relocs(&v, &no->index);
	if (no->why)
		return 0;
	no->part = "operation";
	for (uint32_t i = 0; i < v.h->op_count; i++) {
		no->index = i;
		no->why = check_op(&v, i);
		if (no->why)
			return 0;
	}
	return 1;
}
