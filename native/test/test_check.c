/* Every rule of the checker has one image that breaks it, and nothing else. */
#include "t.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A good program that has one of each operation; the cases below spoil one thing. */
enum { AT_CALL, AT_JUMP, AT_LOAD, AT_STORE, AT_DECIMAL, AT_EXEC, AT_WAIT, AT_JOIN, AT_REPORT, AT_CLONE3, AT_EXIT };

static struct program good;
static uint32_t text_at, zero_at;

static void make_good(void)
{
	static const char *const words[] = { "true", "x", 0 };
	struct argument vector, env;

	program_begin(&good, arch);
	text_at = add_text(&good, "hello\n");
	vector = add_vector(&good, words);
	env = add_vector(&good, words + 2);
	zero_at = good.data_size;
	good.zero_size = 256;
	CALL(&good, write, 1, I(1), D(text_at, 6), I(6));
	OP(&good, OP_JUMP_IF, JUMP_LESS, NONE, "jump", R(1), I(0))->target = 2;
	OP(&good, OP_LOAD, 4, 2, "load", D(zero_at, 4));
	OP(&good, OP_STORE, 8, NONE, "store", D(zero_at, 8), R(2));
	OP(&good, OP_STORE, STORE_DECIMAL, NONE, "store", D(zero_at, 21), R(2));
	OP(&good, OP_EXEC, 0, NONE, "exec", vector, env)->on_error = ON_ERROR_IGNORE;
	OP(&good, OP_WAIT, 0, 3, "wait", I(0), I(0), D(zero_at, 144))->tolerate = 22;
	OP(&good, OP_JOIN, 0, 3, "join", I(-1))->on_error = ON_ERROR_IGNORE;
	OP(&good, OP_REPORT, 0, NONE, "report", I(-1));
	OP(&good, OP_SYSCALL, 435, NONE, "clone3", D(zero_at, 88), I(88))->on_error = ON_ERROR_IGNORE;
	OP(&good, OP_EXIT, EXIT_CODE, NONE, "exit", I(0));
}

static void expect(const struct image *i, const char *name, const char *why)
{
	const char *file = scratch_path("bad");
	struct child c;
	char said[512];

	write_image(file, i, 0600);
	start(&c, LAUNCH("--executor", "check", file));
	finish(&c);
	if (!why) {
		ok(exited(c, 0) && !c.text_size && !c.errors_size, "check accepts %s%s%s", name, *c.errors ? ": " : "", c.errors);
		return;
	}
	snprintf(said, sizeof(said), "lmctfy: %s: bad program: %s\n", file, why);
	ok(exited(c, 125) && strcmp(c.errors, said) == 0, "check refuses %s: %s", name, why);
	if (strcmp(c.errors, said) != 0)
		note("it said: %s", c.errors);
}

#define HEADER(name, why, change) do { \
	struct header *h = (struct header *)image.words; \
	program_image(&good, &image); \
	change; \
	(void)h; \
	expect(&image, name, why); \
} while (0)

#define OPERATION(which, name, why, change) do { \
	char full[128]; \
	struct program saved = good; \
	struct op *o = &good.ops[which]; \
	change; \
	(void)o; \
	program_image(&good, &image); \
	good = saved; \
	snprintf(full, sizeof(full), "operation %d: %s", which, why); \
	expect(&image, name, full); \
} while (0)

#define RELOC(which, name, why, change) do { \
	char full[128]; \
	struct program saved = good; \
	struct reloc *r = &good.relocs[which]; \
	change; \
	program_image(&good, &image); \
	good = saved; \
	snprintf(full, sizeof(full), "relocation %d: %s", which, why); \
	expect(&image, name, full); \
} while (0)

static struct image image;

static void headers(void)
{
	HEADER("a good program", 0, );
	HEADER("an empty file", "too short for a header", image.size = 0);
	HEADER("half a header", "too short for a header", image.size = 71);
	HEADER("another magic", "not a program", h->magic[3] = 'Q');
	HEADER("another version", "another format version", h->version = 2);
	HEADER("another architecture", "made for another architecture", h->arch = 3);
	HEADER("a cut image", "size differs from what was read", image.size -= 1);
	HEADER("a longer image", "size differs from what was read", image.size += 1);
	HEADER("no operations", "operation count out of range", h->op_count = 0);
	HEADER("too many operations", "operation count out of range", h->op_count = 4097);
	HEADER("operations in the header", "operations out of bounds", h->op_offset = 64);
	HEADER("operations at an odd place", "operations out of bounds", h->op_offset += 4);
	HEADER("operations past the end", "operations out of bounds", h->op_count = 4096);
	HEADER("operations that wrap", "operations out of bounds", h->op_offset = 0xfffffff8);
	HEADER("too many relocations", "relocation count out of range", h->reloc_count = 65537);
	HEADER("relocations past the end", "relocations out of bounds", h->reloc_count = 65536);
	HEADER("relocations at an odd place", "relocations out of bounds", h->reloc_offset += 2);
	HEADER("relocations that wrap", "relocations out of bounds", h->reloc_offset = 0xfffffffc);
	HEADER("data past the end", "data out of bounds", h->data_size = h->size);
	HEADER("data that wrap", "data out of bounds", h->data_offset = 0xfffffff8);
	HEADER("data at an odd place", "data out of bounds", h->data_offset += 4);
	HEADER("a block too large", "data block larger than 4 MiB", h->zero_size = 4194304);
	HEADER("a block that wraps", "data block larger than 4 MiB", h->zero_size = 0xffffffff);
	HEADER("no labels", "labels out of bounds", h->label_size = 0);
	HEADER("labels past the end", "labels out of bounds", h->label_size += 1);
	HEADER("labels without NUL", "labels do not end with NUL", ((char *)image.words)[image.size - 1] = 'x');
	HEADER("too many registers", "more than 64 registers", h->register_count = 65);
	HEADER("a returned part outside", "returned part out of bounds", h->return_size = 65536);
	HEADER("a returned part that wraps", "returned part out of bounds", h->return_offset = 0xffffffff);
	HEADER("a reserved field in use", "reserved field is not 0", h->reserved = 1);
	HEADER("another machine's stamp", "made for another boot or kernel", h->stamp = 1);
}

static void operations(void)
{
	OPERATION(AT_CALL, "an unknown code", "unknown code", o->code = 9);
	OPERATION(AT_CALL, "an unknown on_error", "on_error out of range", o->on_error = 3);
	OPERATION(AT_JUMP, "a jump that fails", "on_error out of range", o->on_error = 1);
	OPERATION(AT_STORE, "a store that fails", "on_error out of range", o->on_error = 1);
	OPERATION(AT_CALL, "a result nowhere", "result register out of range", o->dst = 8);
	OPERATION(AT_EXIT, "a result of exit", "result register out of range", o->dst = 1);
	OPERATION(AT_CALL, "unknown flags", "unknown flags", o->flags = 2);
	OPERATION(AT_CALL, "an owned nothing", "nothing to own", o->flags = 1; o->dst = NONE);
	OPERATION(AT_WAIT, "an owned status", "nothing to own", o->flags = 1);
	OPERATION(AT_CALL, "a large tolerated errno", "tolerate out of range", o->tolerate = 4096);
	OPERATION(AT_CALL, "tolerate beside ignore", "tolerate out of range", o->tolerate = 2; o->on_error = 1);
	OPERATION(AT_LOAD, "tolerate in a load", "tolerate out of range", o->tolerate = 2);
	OPERATION(AT_CALL, "a target without a jump", "jump target out of range", o->target = 3);
	OPERATION(AT_JUMP, "a jump to itself", "jump target out of range", o->target = 1);
	OPERATION(AT_JUMP, "a jump backwards", "jump target out of range", o->target = 0);
	OPERATION(AT_JUMP, "a jump past the end", "jump target out of range", o->target = 12);
	OPERATION(AT_LOAD, "a label outside", "label out of range", o->label = 8192);
	OPERATION(AT_LOAD, "a stage outside", "label out of range", o->stage = 0xffffffff);
	OPERATION(AT_CALL, "an unknown kind", "unknown kind of argument", o->kind[5] = 3);
	OPERATION(AT_CALL, "a register outside", "register out of range", o->kind[4] = KIND_REGISTER; o->arg[4] = 8);
	OPERATION(AT_CALL, "a large register", "register out of range", o->kind[4] = KIND_REGISTER; o->arg[4] = 1ull << 32);
	OPERATION(AT_CALL, "data outside", "argument outside the data block", o->arg[1] = D(zero_at + 255, 2).value);
	OPERATION(AT_CALL, "data that wrap", "argument outside the data block", o->arg[1] = ~0ull);
	OPERATION(AT_LOAD, "an unused argument", "unused argument is not 0", o->arg[1] = 1);
	OPERATION(AT_LOAD, "an unused kind", "unused argument is not 0", o->kind[5] = KIND_REGISTER);
	OPERATION(AT_JUMP, "a plain jump that compares", "unused argument is not 0", o->nr = JUMP_ALWAYS);
	OPERATION(AT_JUMP, "a comparison of data", "argument must be an immediate or a register",
		  o->kind[1] = KIND_DATA; o->arg[1] = 0);
	OPERATION(AT_WAIT, "flags in a register", "argument must be an immediate", o->kind[1] = KIND_REGISTER);
	OPERATION(AT_LOAD, "a load from nowhere", "argument must be data", o->kind[0] = KIND_IMMEDIATE);
	OPERATION(AT_EXEC, "an address as argv", "argument must be 0 or data", o->kind[0] = KIND_IMMEDIATE; o->arg[0] = 1);
	OPERATION(AT_EXEC, "a register as envp", "argument must be 0 or data", o->kind[1] = KIND_REGISTER; o->arg[1] = 0);
	OPERATION(AT_JUMP, "an unknown comparison", "unknown variant", o->nr = 5);
	OPERATION(AT_LOAD, "a load of 3 bytes", "unknown variant", o->nr = 3);
	OPERATION(AT_LOAD, "a load of text", "unknown variant", o->nr = STORE_DECIMAL);
	OPERATION(AT_EXEC, "an unknown exec", "unknown variant", o->nr = 3);
	OPERATION(AT_WAIT, "an unknown wait", "unknown variant", o->nr = 1);
	OPERATION(AT_JOIN, "an unknown join", "unknown variant", o->nr = 1);
	OPERATION(AT_REPORT, "an unknown report", "unknown variant", o->nr = 1);
	OPERATION(AT_EXIT, "an unknown exit", "unknown variant", o->nr = 2);
	OPERATION(AT_WAIT, "unknown flags of wait", "unknown flags of wait", o->arg[1] = 8);
	OPERATION(AT_LOAD, "a short load", "extent too small", o->arg[0] = D(zero_at, 3).value);
	OPERATION(AT_STORE, "a short store", "extent too small", o->arg[0] = D(zero_at, 7).value);
	OPERATION(AT_DECIMAL, "short decimal text", "extent too small", o->arg[0] = D(zero_at, 20).value);
	OPERATION(AT_WAIT, "a short rusage", "extent too small", o->arg[2] = D(zero_at, 143).value);
	OPERATION(AT_CLONE3, "a short clone3", "clone3 without its arguments", o->arg[0] = D(zero_at, 63).value);
	OPERATION(AT_CLONE3, "a clone3 from nowhere", "clone3 without its arguments", o->kind[0] = 0; o->arg[0] = 0);
	if (arch == ARCH_X86_64) {
		OPERATION(AT_CALL, "fork", "fork and vfork: use clone", o->nr = 57);
		OPERATION(AT_CALL, "vfork", "fork and vfork: use clone", o->nr = 58);
	}
}

static void vectors(void)
{
	uint32_t at = good.relocs[0].at;

	OPERATION(AT_EXEC, "an empty argv", "vector has a wrong size or place", o->arg[0] = o->arg[1]);
	OPERATION(AT_EXEC, "an odd argv", "vector has a wrong size or place", o->arg[0] = D(at + 4, 16).value);
	OPERATION(AT_EXEC, "a piece of a word", "vector has a wrong size or place", o->arg[0] = D(at, 20).value);
	OPERATION(AT_EXEC, "no room for an envp", "vector has a wrong size or place", o->arg[1] = D(at, 0).value);
	OPERATION(AT_EXEC, "an unrelocated word", "vector holds a word that is no address", good.reloc_count = 1);
	OPERATION(AT_EXEC, "argv without end", "vector does not end with 0", o->arg[0] = D(at, 16).value);
	OPERATION(AT_EXEC, "an end that is not 0", "vector does not end with 0", good.data[at + 16 + 7] = 1);
	RELOC(0, "an odd relocation", "not aligned", r->at += 4);
	RELOC(1, "the same relocation twice", "not in ascending order", r->at = r[-1].at);
	RELOC(1, "a relocation outside", "outside the data", r->at = good.data_size);
	RELOC(1, "a relocation that wraps", "outside the data", r->at = 0xfffffff8);
	RELOC(0, "a target outside", "target outside the data block", r->target = good.data_size + 256);
}

static void files(void)
{
	const char *file = scratch_path("owned");
	struct child c;

	program_image(&good, &image);
	write_image(file, &image, 0620);
	start(&c, LAUNCH("--executor", "check", file));
	finish(&c);
	ok(exited(c, 125) && strstr(c.errors, "somebody else could have written it"), "a file that its group may write is refused");
	write_image(file, &image, 0602);
	start(&c, LAUNCH("--executor", "run", file));
	finish(&c);
	ok(exited(c, 125) && strstr(c.errors, "somebody else could have written it"), "a file that others may write is refused");
	write_image(file, &image, 0644);
	start(&c, LAUNCH("--executor", "check", file));
	finish(&c);
	ok(exited(c, 0), "a file that others may only read is taken");
	if (geteuid() == 0) {
		if (chown(file, 12345, 0))
			note("chown failed");
		start(&c, LAUNCH("--executor", "check", file));
		finish(&c);
		ok(exited(c, 125) && strstr(c.errors, "somebody else could have written it"), "another user's file is refused");
	} else {
		skip("another user's file is refused", "needs root");
	}
	start(&c, LAUNCH("--executor", "check", scratch));
	finish(&c);
	ok(exited(c, 125) && strstr(c.errors, "somebody else could have written it"), "a directory is refused");
	start(&c, LAUNCH("--executor", "run", "/nonexistent"));
	finish(&c);
	ok(exited(c, 125) && strcmp(c.errors, "lmctfy: /nonexistent: ENOENT\n") == 0, "a missing file is said");
	start(&c, LAUNCH("--executor", "frobnicate"));
	finish(&c);
	ok(exited(c, 125) && strstr(c.errors, "use: run FILE"), "an unknown subcommand is said");
}

void test_check(void)
{
	make_good();
	headers();
	operations();
	vectors();
	files();
}
