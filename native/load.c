/* See load.h. */
#include "load.h"
#include "sys.h"
#include "text.h"
#include <asm/stat.h>

enum { TYPE_MASK = 0170000, TYPE_DIRECTORY = 0040000, TYPE_REGULAR = 0100000, OTHERS_WRITE = 0022 };

static int stat_of(int fd, struct stat *s) { return !is_error(sys2(__NR_fstat, fd, s)); }

int is_own(int fd)
{
	struct stat s;

	return stat_of(fd, &s) && (long)s.st_uid == sys0(__NR_geteuid);
}

/* Asked of the open descriptor, so that nothing can be exchanged between the question and the reading. */
int is_trusted(int fd, int directory)
{
	struct stat s;

	if (!stat_of(fd, &s))
		return 0;
	if ((s.st_mode & TYPE_MASK) != (directory ? TYPE_DIRECTORY : TYPE_REGULAR))
		return 0;
	if (s.st_uid != 0 && (long)s.st_uid != sys0(__NR_geteuid))
		return 0;
	return (s.st_mode & OTHERS_WRITE) == 0;
}

static long read_all(int fd, uint8_t *to, uint64_t room)
{
	uint64_t got = 0;

	while (got < room) {
		long n = sys3(__NR_read, fd, to + got, room - got);

		if (n == -EINTR)
			continue;
		if (is_error(n))
			return n;
		if (n == 0)
			break;
		got += (uint64_t)n;
	}
	return (long)got;
}

static uint64_t fnv(uint64_t hash, const char *text, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3ull;
	return hash;
}

/* 0 when the machine cannot be told: no program carries that and asks. Both texts end inside their buffers: boot_id
 * is 36 characters and a newline, uname's fields are 65 bytes with a NUL. */
static uint64_t machine_stamp(void)
{
	struct { char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65]; } name;
	uint64_t hash = 0xcbf29ce484222325ull;
	char id[64];
	long fd, n;

	fd = open_file("/proc/sys/kernel/random/boot_id", O_RDONLY_CLOEXEC);
	if (is_error(fd))
		return 0;
	n = read_all((int)fd, (uint8_t *)id, sizeof(id));
	sys1(__NR_close, fd);
	if (n < 2 || n >= (long)sizeof(id) || id[n - 1] != '\n' || is_error(sys1(__NR_uname, &name)))
		return 0;
	name.release[64] = 0;
	hash = fnv(hash, id, (uint64_t)n);
	hash = fnv(hash, name.release, text_length(name.release));
	return fnv(hash, "\n", 1);
}

/* The image is read, not mapped: what was checked cannot change afterwards. A regular file's size says how much to
 * ask for; what it really gives is compared with the header. Anything else may give up to one byte too many. */
int load_program(int fd, int any_source, struct loaded *l)
{
	uint64_t room = MAX_IMAGE + 1;
	const struct header *h;
	struct stat s;
	uint8_t *image;
	long size;

	memset(l, 0, sizeof(*l));
	l->no.why = "somebody else could have written it";
	if (!any_source && !is_trusted(fd, 0))
		return LOAD_REFUSED;
	if (stat_of(fd, &s) && (s.st_mode & TYPE_MASK) == TYPE_REGULAR && (uint64_t)s.st_size < room)
		room = (uint64_t)s.st_size + 1;
	l->mapped = room;
	l->image = image = map_memory(room);
	if (!image) {
		l->error = ENOMEM;
		return LOAD_UNREADABLE;
	}
	size = read_all(fd, image, room);
	if (is_error(size)) {
		l->error = (int)-size;
		return LOAD_UNREADABLE;
	}
	if (!program_check(image, (uint64_t)size, &l->no))
		return LOAD_REFUSED;
	h = (const struct header *)image;
	l->no.part = 0;
	l->no.why = "made for another boot or kernel";
	return h->stamp == 0 || h->stamp == machine_stamp() ? LOAD_OK : LOAD_STALE;
}
