#include "build.h"
#include <string.h>

static const uint16_t numbers[C_CALLS][2] = {
	[C_write] = { 1, 64 }, [C_read] = { 0, 63 }, [C_close] = { 3, 57 }, [C_pipe2] = { 293, 59 }, [C_clone] = { 56, 220 },
	[C_prctl] = { 157, 167 }, [C_exit] = { 231, 94 }, [C_mask] = { 14, 135 }, [C_kill] = { 62, 129 },
	[C_getpid] = { 39, 172 }, [C_openat] = { 257, 56 }, [C_mkdirat] = { 258, 34 }, [C_dup3] = { 292, 24 },
	[C_getppid] = { 110, 173 }, [C_nanosleep] = { 35, 101 }, [C_setsid] = { 112, 157 }, [C_ppoll] = { 271, 73 },
	[C_flock] = { 73, 32 },
};

uint16_t call_number(const struct program *p, enum call c) { return numbers[c][p->arch == ARCH_AARCH64]; }

void program_begin(struct program *p, uint16_t arch)
{
	memset(p, 0, sizeof(*p));
	p->arch = arch;
	p->label_size = 1;
	p->register_count = 8;
}

uint32_t add_bytes(struct program *p, const void *bytes, uint32_t size)
{
	uint32_t at = (p->data_size + 7) & ~7u;

	memcpy(p->data + at, bytes, size);
	p->data_size = (at + size + 7) & ~7u;
	return at;
}

uint32_t add_text(struct program *p, const char *text) { return add_bytes(p, text, (uint32_t)strlen(text) + 1); }

uint32_t add_label(struct program *p, const char *text)
{
	uint32_t at = p->label_size;

	strcpy(p->labels + at, text);
	p->label_size += (uint32_t)strlen(text) + 1;
	return at;
}

struct argument add_vector(struct program *p, const char *const *texts)
{
	uint32_t targets[32], count = 0, at;
	uint64_t zero[33] = { 0 };

	while (texts[count]) {
		targets[count] = add_text(p, texts[count]);
		count++;
	}
	at = add_bytes(p, zero, 8 * (count + 1));
	for (uint32_t i = 0; i < count; i++)
		p->relocs[p->reloc_count++] = (struct reloc){ at + 8 * i, targets[i] };
	return D(at, 8 * (count + 1));
}

struct op *add_op(struct program *p, uint8_t code, uint16_t nr, uint8_t dst, const char *label, uint32_t count,
		  const struct argument *args)
{
	struct op *o = &p->ops[p->op_count++];

	memset(o, 0, sizeof(*o));
	o->code = code;
	o->nr = nr;
	o->dst = dst;
	o->label = add_label(p, label);
	o->stage = p->stage;
	for (uint32_t i = 0; i < count; i++) {
		o->kind[i] = args[i].kind;
		o->arg[i] = args[i].value;
	}
	return o;
}

void program_image(const struct program *p, struct image *i)
{
	uint8_t *bytes = (uint8_t *)i->words;
	struct header h = { .magic = "LMCP", .version = PROGRAM_VERSION, .arch = p->arch };

	memset(i, 0, sizeof(*i));
	h.op_count = p->op_count;
	h.op_offset = HEADER_SIZE;
	h.reloc_count = p->reloc_count;
	h.reloc_offset = h.op_offset + p->op_count * OP_SIZE;
	h.data_offset = h.reloc_offset + p->reloc_count * RELOC_SIZE;
	h.data_size = p->data_size;
	h.zero_size = p->zero_size;
	h.label_offset = h.data_offset + p->data_size;
	h.label_size = p->label_size;
	h.register_count = p->register_count;
	h.return_offset = p->return_offset;
	h.return_size = p->return_size;
	h.stamp = p->stamp;
	h.size = i->size = h.label_offset + p->label_size;
	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + h.op_offset, p->ops, p->op_count * OP_SIZE);
	memcpy(bytes + h.reloc_offset, p->relocs, p->reloc_count * RELOC_SIZE);
	memcpy(bytes + h.data_offset, p->data, p->data_size);
	memcpy(bytes + h.label_offset, p->labels, p->label_size);
}
