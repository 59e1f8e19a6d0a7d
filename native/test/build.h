/* Builds program images, good and bad ones, for the tests and for the fuzzer's corpus. */
#ifndef BUILD_H
#define BUILD_H

#include "../program.h"

struct argument {
	uint8_t kind;
	uint64_t value;
};

#define I(v) ((struct argument){ KIND_IMMEDIATE, (uint64_t)(v) })
#define R(n) ((struct argument){ KIND_REGISTER, (n) })
#define D(offset, extent) ((struct argument){ KIND_DATA, (uint64_t)(offset) | (uint64_t)(extent) << 32 })

struct program {
	struct op ops[128];
	struct reloc relocs[64];
	uint8_t data[16384];
	char labels[8192];
	uint32_t op_count, reloc_count, data_size, zero_size, label_size, register_count, return_offset, return_size;
	uint16_t arch;
	uint64_t stamp;
	uint32_t stage;
};

struct image {
	uint64_t words[6144];	/* aligned; 48 kB */
	uint32_t size;
};

/* System calls by name, for the architecture that is tested. */
enum call {
	C_write, C_read, C_close, C_pipe2, C_clone, C_prctl, C_exit, C_mask, C_kill, C_getpid, C_openat, C_mkdirat, C_dup3,
	C_getppid, C_nanosleep, C_setsid, C_ppoll, C_flock, C_CALLS,
};

void program_begin(struct program *p, uint16_t arch);
uint16_t call_number(const struct program *p, enum call c);
uint32_t add_bytes(struct program *p, const void *bytes, uint32_t size);
uint32_t add_text(struct program *p, const char *text);
uint32_t add_label(struct program *p, const char *text);
/* A zero-terminated array of the addresses of these texts; the last one is null. Returns a data argument. */
struct argument add_vector(struct program *p, const char *const *texts);
struct op *add_op(struct program *p, uint8_t code, uint16_t nr, uint8_t dst, const char *label, uint32_t count,
		  const struct argument *args);
void program_image(const struct program *p, struct image *i);

#define OP(p, code, nr, dst, label, ...) \
	add_op(p, code, nr, dst, label, sizeof((struct argument[]){ __VA_ARGS__ }) / sizeof(struct argument), \
	       (struct argument[]){ __VA_ARGS__ })
#define CALL(p, name, dst, ...) OP(p, OP_SYSCALL, call_number(p, C_##name), dst, #name "()", __VA_ARGS__)
#define NONE NO_REGISTER

#endif
