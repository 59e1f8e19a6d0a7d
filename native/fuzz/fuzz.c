/*
 * Fuzzes the checker, the interpreter and the frames of serve. The kernel is replaced: every call gives a pseudo-random
 * result, and touches what it was given as far as it was told, so that the sanitizers see every bound.
 *
 * An input is 8 bytes of options and seed, then an image (or a stream of frames).
 */
#include "../program.h"
#include "../serve.h"
#include "../sys.h"
#include "../text.h"
#include <linux/uio.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTION_RAW = 1,		/* leave the header as it came: else it is made plausible, so that more gets through */
	OPTION_SERVE = 2,	/* the image comes through a socket, twice */
	OPTION_STREAM = 4,	/* what comes through the socket is the input itself */
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
size_t LLVMFuzzerMutate(uint8_t *input, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t size, size_t most, unsigned chance);

static jmp_buf ended;
static uint64_t seed;
static int calls;		/* answered so far: after many, everything comes to its end */
static const uint8_t *stream;
static uint64_t stream_left;

static struct {
	void *at;
	uint64_t size;
} maps[16];

static uint64_t random_number(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 29;
}

static void random_bytes(void *to, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)random_number();
}

/* Reading them is the point: the sum only keeps the reads. */
static volatile uint64_t sum;
static void look_at(const void *from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		sum += ((const uint8_t *)from)[i];
}

static void look_at_text(const char *text) { look_at(text, strlen(text)); }

static void look_at_vector(char **words)
{
	for (; words && *words; words++)
		look_at_text(*words);
}

static void must(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

void *fuzz_map(uint64_t size)
{
	for (unsigned i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		if (!maps[i].at) {
			if (random_number() % 64 == 0)
				return 0;
			maps[i].at = calloc(1, size);
			maps[i].size = size;
			return maps[i].at;
		}
	must(0, "too many mappings");
	return 0;
}

void fuzz_unmap(const void *at, uint64_t size)
{
	for (unsigned i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		if (maps[i].at == at) {
			must(maps[i].size == size, "unmapped with another size");
			free(maps[i].at);
			maps[i].at = 0;
			return;
		}
	must(0, "unmapped what is not mapped");
}

void fuzz_touch(void *data, uint64_t extent)
{
	uint8_t *bytes = data;

	if (!extent)
		return;
	bytes[0] = (uint8_t)random_number();
	bytes[extent - 1] = (uint8_t)random_number();
	if (random_number() % 4 == 0)
		random_bytes(bytes, extent < 32 ? extent : 32);
}

static long random_error(void) { return -1 - (long)(random_number() % (random_number() % 2 ? 40 : 4095)); }

long fuzz_program_call(long nr, long a, long b, long c, long d, long e, long f)
{
	uint64_t what = random_number() % 8;

	(void)nr, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	if (what < 2) {
		long error = random_error();

		return error == -EINTR && calls++ > 100 ? -EIO : error;
	}
	if (what < 4)
		return 0;
	if (what < 7)
		return (long)(random_number() % 100);
	return (long)(random_number() << 30);
}

static long taken(uint8_t *to, uint64_t room)
{
	uint64_t n = random_number() % 3 ? room : 1 + random_number() % room;

	if (n > stream_left)
		n = stream_left;
	memcpy(to, stream, n);
	stream += n;
	stream_left -= n;
	return (long)n;
}

long fuzz_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	int late = calls++ > 200;
	struct iovec *part = (struct iovec *)b;
	uint64_t total = 0;

	(void)e, (void)f;
	if (nr == __NR_exit_group)
		longjmp(ended, 1);
	if (!late && nr != __NR_getpid && random_number() % 8 == 0)
		return -EINTR;
	switch (nr) {
	case __NR_read:		/* a report, or the signalfd */
		if (late || random_number() % 8 == 0)
			return random_number() % 2 ? 0 : random_error();
		total = 1 + random_number() % (uint64_t)c;
		random_bytes((void *)b, total);
		if (random_number() % 2 && total >= 4)
			memset((void *)b, random_number() % 2 ? 255 : 0, 4);
		if (random_number() % 2 && total >= 8)
			memcpy((uint8_t *)b + 4, (uint32_t[]){ (uint32_t)(random_number() % 64) }, 4);
		return (long)total;
	case __NR_recvfrom:
		must(d == 0x40, "recvfrom would wait");
		must(c > 0, "asked for nothing");
		if (!late && random_number() % 4 == 0)
			return -EAGAIN;
		return late ? 0 : taken((uint8_t *)b, (uint64_t)c);
	case __NR_write:
		look_at((void *)b, (uint64_t)c);
		return c;
	case __NR_writev:
		for (long i = 0; i < c; i++) {
			look_at(part[i].iov_base, part[i].iov_len);
			total += part[i].iov_len;
		}
		must(total > 0, "writes nothing");
		if (late)
			return random_number() % 8 ? (long)total : -EPIPE;
		return random_number() % 4 ? 1 + (long)(random_number() % total) : random_number() % 4 ? -EAGAIN : -EPIPE;
	case __NR_wait4:
		if (late || random_number() % 8 == 0)
			return -ECHILD;
		random_bytes((void *)b, 4);
		if (random_number() % 2)
			*(int *)b = 0x137f;
		if (d)
			random_bytes((void *)d, RUSAGE_SIZE);
		return random_number() % 2 && a > 0 ? a : (long)(random_number() % 50);
	case __NR_rt_sigtimedwait:
		random_bytes((void *)b, 128);
		((int *)b)[0] = (int)(random_number() % 65);
		((int *)b)[2] = random_number() % 2 ? SI_KERNEL : 0;
		return random_number() % 16 ? 1 + (long)(random_number() % 64) : random_error();
	case __NR_kill:
		must(a > 0, "a signal for a group");
		return 0;
	case __NR_execve:
		look_at_text((const char *)a);
		look_at_vector((char **)b);
		look_at_vector((char **)c);
		if (random_number() % 16 == 0)
			longjmp(ended, 1);
		return random_number() % 2 ? -ENOENT : random_number() % 2 ? -EACCES : random_error();
	case __NR_readlinkat:
		total = 1 + random_number() % (uint64_t)d;
		random_bytes((void *)c, total);
		return random_number() % 4 ? (long)total : random_error();
	case __NR_getpid:
		return 1 + (long)(random_number() % 2);
	case __NR_signalfd4:
		return random_number() % 16 ? 4 : -EMFILE;
	default:
		return 0;
	}
}

static void make_plausible(uint8_t *image, size_t size)
{
	struct header *h = (struct header *)image;

	if (size < HEADER_SIZE)
		return;
	memcpy(h->magic, "LMCP", 4);
	h->version = PROGRAM_VERSION;
	h->arch = ARCH_NATIVE;
	h->size = (uint32_t)size;
	h->reserved = 0;
	if (h->zero_size > 65536 && random_number() % 16)
		h->zero_size %= 65536;
	if (h->label_offset < size && h->label_size <= size - h->label_offset && h->label_size)
		image[h->label_offset + h->label_size - 1] = 0;
}

static char *words[] = { "tool", "-x", 0 };
static char *environment[] = { "A=1", "PATH=/a::/b:c", "LD_PRELOAD=x", 0 };

static void run_image(const uint8_t *image, uint32_t size)
{
	struct refusal no;
	struct machine m;
	struct line l = { .fd = random_number() % 2 ? 2 : -1 };
	uint8_t *copy = fuzz_map(size + 1u);

	if (!copy)
		return;
	memcpy(copy, image, size);
	if (!program_check(copy, size, &no)) {
		must(no.why != 0, "no reason");
		line_refusal(&l, &no);
		line_send(&l);
		return;
	}
	if (machine_load(&m, copy, size + 1u))
		return;
	m.serve = random_number() % 2;
	m.argv = random_number() % 2 ? words : 0;
	m.envp = environment;
	if (machine_run(&m)) {
		must(m.step < m.header->op_count && m.error >= 1 && m.error <= MAX_ERRNO, "a failure out of range");
		must(!m.child, "a child came back");
		complain_failure(&m);
	}
	must(!m.child, "a child came back");
	machine_unload(&m);
}

static void serve_image(const uint8_t *image, uint32_t size)
{
	uint32_t head[3] = { size + 8, FRAME_RUN, 7 };
	uint8_t *frames = malloc(2 * (size + 12u));

	for (int i = 0; i < 2; i++) {
		memcpy(frames + i * (size + 12u), head, 12);
		memcpy(frames + i * (size + 12u) + 12, image, size);
	}
	stream = frames;
	stream_left = 2 * (size + 12u);
	if (!setjmp(ended))
		serve(3, environment);
	free(frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint8_t options;
	uint8_t *image;

	if (size < 8 || size > 1 << 20)
		return 0;
	options = input[0];
	memcpy(&seed, input, 8);
	calls = 0;
	size -= 8;
	image = malloc(size + 1);	/* aligned, as a mapping is */
	memcpy(image, input + 8, size);
	if (!(options & OPTION_RAW))
		make_plausible(image, size);
	if (options & OPTION_STREAM) {
		stream = image;
		stream_left = size;
		if (!setjmp(ended))
			serve(3, environment);
	} else if (options & OPTION_SERVE) {
		serve_image(image, (uint32_t)size);
	} else if (!setjmp(ended)) {
		run_image(image, (uint32_t)size);
	}
	free(image);
	for (unsigned i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		free(maps[i].at);
		maps[i].at = 0;
	}
	return 0;
}

/* A value at, or one beside, a bound that the checker knows. */
static uint32_t near_bound(const struct header *h)
{
	uint32_t bounds[] = {
		0, 1, 8, 16, 21, 64, RUSAGE_SIZE, h->size, h->op_count, h->data_size, h->data_size + h->zero_size, h->label_size,
		h->register_count, 0x7fffffff, 0xfffffff8, 0xffffffff, data_offset(random_number()), (uint32_t)(random_number() % 4096),
	};

	return bounds[random_number() % (sizeof(bounds) / sizeof(*bounds))] + (uint32_t)(random_number() % 3) - 1;
}

/* Half of the inputs are changed as any bytes, the others in one field of an operation, a relocation or the header. */
size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t size, size_t most, unsigned chance)
{
	struct header h;
	struct op o;
	uint64_t at;

	seed = chance;
	random_number();
	if (size < 8 + HEADER_SIZE || random_number() % 2)
		return LLVMFuzzerMutate(input, size, most);
	memcpy(&h, input + 8, sizeof(h));
	if (random_number() % 4 == 0) {
		uint32_t value = near_bound(&h);

		at = 8 + 8 + 4 * (random_number() % 13);
		if (random_number() % 2 && h.reloc_count)
			at = 8ull + h.reloc_offset + 4 * (random_number() % (2ull * h.reloc_count));
		if (at + 4 <= size)
			memcpy(input + at, &value, 4);
		return size;
	}
	at = 8ull + h.op_offset + (h.op_count ? random_number() % h.op_count : 0) * OP_SIZE;
	if (at + OP_SIZE > size)
		return LLVMFuzzerMutate(input, size, most);
	memcpy(&o, input + at, sizeof(o));
	for (uint64_t n = 1 + random_number() % 3; n; n--) {
		int a = (int)(random_number() % 6);

		switch (random_number() % 11) {
		case 0: o.code = (uint8_t)(random_number() % 10); break;
		case 1: o.on_error = (uint8_t)(random_number() % 4); break;
		case 2: o.dst = (uint8_t)(random_number() % 3 ? h.register_count - 1 + random_number() % 2 : 255); break;
		case 3: o.flags = (uint8_t)(random_number() % 3); break;
		case 4: o.nr = (uint16_t)(random_number() % 2 ? random_number() % 16 : near_bound(&h)); break;
		case 5: o.target = (uint16_t)near_bound(&h); break;
		case 6: o.tolerate = (uint16_t)(random_number() % 2 ? 0 : random_number() % 4097); break;
		case 7: o.label = near_bound(&h); break;
		case 8: o.kind[a] = (uint8_t)(random_number() % 4); break;
		case 9: o.arg[a] = near_bound(&h) | (uint64_t)near_bound(&h) << 32; break;
		default:
			o.kind[a] = (uint8_t)(random_number() % 3);
			o.arg[a] = random_number() % 2 ? near_bound(&h) : (near_bound(&h) & ~7u) | (uint64_t)(near_bound(&h) & ~7u) << 32;
		}
	}
	memcpy(input + at, &o, sizeof(o));
	return size;
}
