/*
 * The program format: docs/program-format.md is the contract, this file its C side.
 * A test compares the numbers here with src/kernel/program.ts: one name, one value, one line.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	PROGRAM_VERSION = 1,
	ARCH_X86_64 = 62,
	ARCH_AARCH64 = 183,
	HEADER_SIZE = 72,
	OP_SIZE = 72,
	RELOC_SIZE = 8,
	REPORT_SIZE = 16,
	RUSAGE_SIZE = 144,
	MAX_IMAGE = 4194304,
	MAX_DATA = 4194304,
	MAX_OPS = 4096,
	MAX_RELOCS = 65536,
	MAX_REGISTERS = 64,
	MAX_ERRNO = 4095,
	NO_REGISTER = 255,
	DECIMAL_SIZE = 21,
	EXIT_FAILED = 125,

	/* op.code */
	OP_SYSCALL = 0,
	OP_JUMP_IF = 1,
	OP_LOAD = 2,
	OP_STORE = 3,
	OP_EXEC = 4,
	OP_WAIT = 5,
	OP_JOIN = 6,
	OP_REPORT = 7,
	OP_EXIT = 8,
	OP_CODES = 9,

	/* op.on_error */
	ON_ERROR_FAIL = 0,
	ON_ERROR_IGNORE = 1,
	ON_ERROR_JUMP = 2,

	/* op.kind */
	KIND_IMMEDIATE = 0,
	KIND_DATA = 1,
	KIND_REGISTER = 2,

	/* op.flags */
	FLAG_OWNS_FD = 1,

	/* op.nr of jump_if, store, exec, exit */
	JUMP_ALWAYS = 0,
	JUMP_EQUAL = 1,
	JUMP_NOT_EQUAL = 2,
	JUMP_LESS = 3,
	JUMP_GREATER_EQUAL = 4,
	STORE_DECIMAL = 10,
	EXEC_FILE = 0,
	EXEC_CLI = 1,
	EXEC_SEALED = 2,
	EXIT_CODE = 0,
	EXIT_WAIT_STATUS = 1,

	/* flags of wait */
	WAIT_REAP_ALL = 1,
	WAIT_FORWARD = 2,
	WAIT_TERMINAL_STOP = 4,

	/* serve */
	FRAME_RUN = 1,
	FRAME_DONE = 2,
	FRAME_EXIT = 3,
	FRAME_MAX = 4194368,	/* of a RUN frame's length: 4 MiB + 64 */
	OUTCOME_OK = 0,
	OUTCOME_FAILED = 1,
	OUTCOME_REFUSED = 2,
};

#define REPORT_VALUE 0xffffffffu

#if defined(__x86_64__)
#define ARCH_NATIVE ARCH_X86_64
#define ARCH_NAME "x86_64"
#elif defined(__aarch64__)
#define ARCH_NATIVE ARCH_AARCH64
#define ARCH_NAME "aarch64"
#else
#error "no such architecture yet"
#endif

struct header {
	uint8_t magic[4];
	uint16_t version, arch;
	uint32_t size;
	uint32_t op_count, op_offset;
	uint32_t reloc_count, reloc_offset;
	uint32_t data_offset, data_size, zero_size;
	uint32_t label_offset, label_size;
	uint32_t register_count;
	uint32_t return_offset, return_size;
	uint32_t reserved;
	uint64_t stamp;
};

struct reloc {
	uint32_t at, target;
};

struct op {
	uint8_t code, on_error, dst, flags;
	uint16_t nr, target, tolerate;
	uint8_t kind[6];
	uint32_t label, stage;
	uint64_t arg[6];
};

struct report {
	uint32_t step, error;
	int64_t value;
};

_Static_assert(sizeof(struct header) == HEADER_SIZE && sizeof(struct op) == OP_SIZE, "no padding");
_Static_assert(sizeof(struct reloc) == RELOC_SIZE && sizeof(struct report) == REPORT_SIZE, "no padding");

/* A data argument: where it begins in the data block, and how far it may be touched. */
static inline uint32_t data_offset(uint64_t arg) { return (uint32_t)arg; }
static inline uint32_t data_extent(uint64_t arg) { return (uint32_t)(arg >> 32); }

/* Why an image was refused: `part` ("operation", "relocation" or null) and which one. */
struct refusal {
	const char *why;
	const char *part;
	uint32_t index;
};

/* 1 = every bound, index and field is good, so that machine_load and machine_run may trust the image. */
int program_check(const uint8_t *image, uint64_t size, struct refusal *no);

/* A program that is loaded or running. */
struct machine {
	const uint8_t *image;
	uint64_t image_size;		/* as mapped */
	const struct header *header;
	const struct op *ops;
	const char *labels;
	uint8_t *data;
	uint64_t data_size;		/* data_size + zero_size; one zero byte follows */
	int64_t reg[MAX_REGISTERS];
	uint64_t owned;			/* bit n: register n holds a descriptor to close on failure */
	int64_t report;			/* descriptor for a child's failure, -1 = none */
	int child;			/* this process came out of the program's own clone */
	int serve;			/* the first process is the resident executor: it must outlive the program */
	char **argv;			/* the caller's, for exec; argv may be null */
	char **envp;
	char **words;			/* what this process was executed with; null where it may not be executed again */
	uint32_t step;			/* the failure */
	int error;
};

/* Both return an errno or 0. machine_load needs a checked image. */
int machine_load(struct machine *m, const uint8_t *image, uint64_t image_size);
int machine_run(struct machine *m);
void machine_unload(struct machine *m);

/* The operations with a file of their own; each returns an errno or 0. */
int op_exec(struct machine *m, const struct op *o);
int op_wait(int64_t pid, uint64_t flags, void *rusage, int64_t *status);

#endif
