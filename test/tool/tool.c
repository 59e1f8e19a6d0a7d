/*
 * The universal fixture: one static program with many small commands, for tests to run inside containers.
 * `tool NAME [ARG…]`; exits 2 for a wrong call.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long number(char **argv, int i, long otherwise) { return argv[i] ? atol(argv[i]) : otherwise; }

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* memhog BYTES [SECONDS]: uses so much memory, page by page, then holds it. */
static int memhog(char **argv)
{
	long size = number(argv, 0, 0);
	char *p = mmap(0, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (long i = 0; i < size; i += 4096)
		p[i] = 1;
	printf("used %ld\n", size);
	fflush(stdout);
	sleep((unsigned)number(argv, 1, 0));
	return 0;
}

/* hugepages BYTES: maps so much in pages of 2 MB and uses it, then says so; `refused` when it may not be mapped. */
static int hugepages(char **argv)
{
	long size = number(argv, 0, 0);
	char *p = mmap(0, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << 26, -1, 0);

	if (p == MAP_FAILED) {
		printf("refused %d\n", errno);
		return 1;
	}
	for (long i = 0; i < size; i += 2 << 20)
		p[i] = 1;
	printf("used %ld\n", size);
	fflush(stdout);
	sleep((unsigned)number(argv, 1, 0));
	return 0;
}

/* spin SECONDS: burns one CPU for so long by the clock, then prints the CPU time it got, in milliseconds. */
static int spin(char **argv)
{
	double end = now() + atof(argv[0] ? argv[0] : "1");
	struct timespec t;

	while (now() < end)
		;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	printf("%ld\n", t.tv_sec * 1000 + t.tv_nsec / 1000000);
	return 0;
}

/* race START END: burns one CPU until END, prints the CPU milliseconds it got from START on (both seconds of CLOCK_REALTIME). */
static int race(char **argv)
{
	double start = atof(argv[0] ? argv[0] : "0"), end = atof(argv[0] && argv[1] ? argv[1] : "0");
	struct timespec t, cpu = { 0 }, begin = { 0 };
	double at;

	do {
		clock_gettime(CLOCK_REALTIME, &t);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
		at = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
		if (at < start)
			begin = cpu;
	} while (at < end);
	printf("%ld\n", (cpu.tv_sec - begin.tv_sec) * 1000 + (cpu.tv_nsec - begin.tv_nsec) / 1000000);
	return 0;
}

/* forks N: starts up to N sleeping children, prints how many it got and the errno of the first refusal. */
static int forks(char **argv)
{
	long want = number(argv, 0, 10), got = 0;
	int error = 0;

	setpgid(0, 0); /* so that the signal at the end reaches the children alone */
	for (; got < want; got++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			error = errno;
			break;
		}
	}
	printf("%ld %s\n", got, error ? strerrorname_np(error) : "-");
	fflush(stdout);
	if (argv[0] && argv[1])
		pause();
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	return 0;
}

/* forkbomb: forks for ever; every process does. */
static int forkbomb(char **argv)
{
	(void)argv;
	for (;;)
		if (fork() < 0)
			usleep(100);
	return 0;
}

/* fds: the open descriptors, one line each. */
static int fds(char **argv)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	(void)argv;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d)) {
			char path[300], to[256] = "";

			snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
			if (readlink(path, to, sizeof(to) - 1) < 0)
				to[0] = 0;
			printf("%s %s\n", e->d_name, to);
		}
	return 0;
}

/* status KEY…: lines of /proc/self/status. */
static int status(char **argv)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		for (char **key = argv; *key; key++)
			if (!strncmp(line, *key, strlen(*key)) && line[strlen(*key)] == ':')
				fputs(line, stdout);
	return 0;
}

static int end(char **argv) { return (int)number(argv, 0, 0); }

/* die SIGNAL: by a signal of its own. */
static int die(char **argv)
{
	signal((int)number(argv, 0, SIGTERM), SIG_DFL);
	kill(getpid(), (int)number(argv, 0, SIGTERM));
	pause();
	return 1;
}

static volatile sig_atomic_t caught;

static void catch(int s) { caught = s; }

/* trap SIGNAL: says "ready", waits for the signal and says "got SIGNAL". */
static int trap(char **argv)
{
	int s = (int)number(argv, 0, SIGTERM);
	sigset_t none;

	sigemptyset(&none);
	signal(s, catch);
	puts("ready");
	fflush(stdout);
	while (!caught)
		usleep(1000);
	printf("got %d\n", caught);
	return 0;
}

/* orphan SECONDS: leaves a sleeping grandchild behind and ends. */
static int orphan(char **argv)
{
	if (fork() == 0) {
		setsid();
		close(0);
		close(1);
		close(2);
		sleep((unsigned)number(argv, 0, 1000));
		_exit(0);
	}
	return 0;
}

/* write BYTES: so many bytes to standard output. */
static int flood(char **argv)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (long left = number(argv, 0, 0); left > 0;) {
		ssize_t n = write(1, block, left < (long)sizeof(block) ? (size_t)left : sizeof(block));

		if (n < 0)
			return 1;
		left -= n;
	}
	return 0;
}

/* call NR ARG…: a raw system call; prints its result, or the name of its error. */
static int call(char **argv)
{
	long a[7] = { 0 };
	long result;

	for (int i = 0; i < 7 && argv[i]; i++)
		a[i] = (long)strtoull(argv[i], 0, 0);
	result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	if (result < 0)
		puts(strerrorname_np(errno));
	else
		printf("%ld\n", result);
	return 0;
}

/* compat: getpid as a 32-bit program calls it; prints the result. */
static int compat(char **argv)
{
	long result = -ENOSYS;

	(void)argv;
#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
#endif
	printf("%ld\n", result);
	return 0;
}

/*
 * disk read|write PATH BLOCK COUNT: moves blocks past the page cache, over the first 16 MiB of the file or device again and again, COUNT
 * of them or for ever (0); then prints how many and in how many milliseconds.
 */
static int disk(char **argv)
{
	int writes = argv[0] && !strcmp(argv[0], "write");
	long block = number(argv, 2, 4096), count = number(argv, 3, 1), done = 0;
	int fd = open(argv[1], (writes ? O_WRONLY : O_RDONLY) | O_DIRECT);
	double start = now();
	void *p;

	if (fd < 0 || posix_memalign(&p, 4096, (size_t)block))
		return 1;
	memset(p, 'x', (size_t)block);
	for (; !count || done < count; done++) {
		off_t at = done * block % (16 << 20);

		if ((writes ? pwrite(fd, p, (size_t)block, at) : pread(fd, p, (size_t)block, at)) != block)
			return 1;
	}
	printf("%ld %ld\n", done, (long)((now() - start) * 1000));
	return 0;
}

static const struct { const char *name; int (*run)(char **); } tools[] = {
	{ "memhog", memhog }, { "hugepages", hugepages }, { "spin", spin }, { "race", race }, { "forks", forks }, { "forkbomb", forkbomb }, { "fds", fds },
	{ "status", status }, { "exit", end }, { "die", die }, { "trap", trap }, { "orphan", orphan }, { "flood", flood },
	{ "call", call }, { "compat", compat }, { "disk", disk },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(tools) / sizeof(*tools); i++)
		if (!strcmp(argv[1], tools[i].name))
			return tools[i].run(argv + 2);
	fprintf(stderr, "tool: no such command\n");
	return 2;
}
