/* Writes the seed corpus: programs with every operation, run directly, through serve, and as a stream. */
#include "../test/build.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *directory;
static int count;

static void put(uint8_t options, const void *bytes, uint32_t size)
{
	char path[512];
	uint64_t head = options | (uint64_t)(count * 7919) << 8;
	FILE *f;

	snprintf(path, sizeof(path), "%s/seed-%02d", directory, count++);
	f = fopen(path, "w");
	if (!f || fwrite(&head, 8, 1, f) != 1 || fwrite(bytes, size, 1, f) != 1 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void put_program(const struct program *p)
{
	static struct { uint32_t head[3]; uint8_t image[sizeof(struct image)]; } frame;
	static struct image i;

	program_image(p, &i);
	put(0, i.words, i.size);
	put(1, i.words, i.size);
	put(2, i.words, i.size);
	frame.head[0] = i.size + 8;
	frame.head[1] = FRAME_RUN;
	frame.head[2] = 1;
	memcpy(frame.image, i.words, i.size);
	put(5, &frame, i.size + 12);
}

static void everything(struct program *p)
{
	static const char *const list[] = { "tool", "-x", "a word", 0 };
	uint32_t text = add_text(p, "some text"), zero;
	struct argument argv = add_vector(p, list), envp = add_vector(p, list + 1);

	zero = p->data_size;
	p->zero_size = 512;
	p->return_offset = zero;
	p->return_size = 100;
	CALL(p, openat, 2, I(-100), D(text, 10), I(0))->flags = FLAG_OWNS_FD;
	CALL(p, write, NONE, R(2), D(text, 10), I(10))->tolerate = 5;
	OP(p, OP_STORE, 4, NONE, "store", D(zero, 4), R(2));
	OP(p, OP_STORE, STORE_DECIMAL, NONE, "store", D(zero + 8, 21), R(2));
	OP(p, OP_LOAD, 8, 3, "load", D(zero + 8, 8));
	OP(p, OP_LOAD, 4, 4, "load", D(zero, 4))->flags = FLAG_OWNS_FD;
	OP(p, OP_JUMP_IF, JUMP_LESS, NONE, "jump", R(3), I(100))->target = 8;
	CALL(p, close, NONE, R(2))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_WAIT, 0, 5, "wait", R(2), I(3), D(zero, 144))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_WAIT, 0, 5, "wait", I(10), I(6), I(0))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_JOIN, 0, 6, "join", R(4))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_REPORT, 0, NONE, "report", R(4));
	OP(p, OP_EXEC, 0, 7, "exec", argv, envp)->on_error = ON_ERROR_IGNORE;
	OP(p, OP_EXEC, 0, NONE, "exec", I(0), I(0))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_EXEC, EXEC_CLI, NONE, "exec", argv, I(0))->on_error = ON_ERROR_IGNORE;
	OP(p, OP_EXIT, EXIT_WAIT_STATUS, NONE, "exit", R(5));
}

static void family(struct program *p)
{
	uint32_t at;

	p->zero_size = 96;
	at = add_bytes(p, (uint64_t[11]){ [4] = 17 }, 88);
	OP(p, OP_SYSCALL, 435, 4, "clone3()", D(at, 88), I(88))->on_error = ON_ERROR_JUMP;
	p->ops[0].target = 1;
	CALL(p, clone, 3, I(17));
	OP(p, OP_JUMP_IF, JUMP_NOT_EQUAL, NONE, "jump", R(3), I(0))->target = 6;
	OP(p, OP_REPORT, 0, NONE, "report", R(1));
	CALL(p, prctl, NONE, I(1), I(9));
	OP(p, OP_JUMP_IF, JUMP_ALWAYS, NONE, "jump", I(0), I(0))->target = 8;
	OP(p, OP_JOIN, 0, 2, "join", R(1));
	OP(p, OP_WAIT, 0, 2, "wait", R(3), I(2), I(0));
}

int main(int argc, char **argv)
{
	static struct program p;

	if (argc != 2)
		return 2;
	directory = argv[1];
	program_begin(&p, ARCH_NATIVE);
	everything(&p);
	put_program(&p);
	program_begin(&p, ARCH_NATIVE);
	family(&p);
	put_program(&p);
	program_begin(&p, ARCH_NATIVE);
	CALL(&p, getpid, 1, I(0));
	put_program(&p);
	program_begin(&p, ARCH_NATIVE);
	p.register_count = MAX_REGISTERS;
	everything(&p);
	put_program(&p);
	return 0;
}
