#define _GNU_SOURCE
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

uint16_t arch = ARCH_NATIVE;
const char *executor, *runner;
char scratch[64] = "/tmp/lmctfy-native-XXXXXX";
static int passed, failed, skipped;

void ok(int good, const char *format, ...)
{
	va_list list;

	printf("%s %d - ", good ? "ok" : "not ok", passed + failed + skipped + 1);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	fflush(stdout);
	*(good ? &passed : &failed) += 1;
}

void skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", passed + failed + ++skipped, name, why);
}

void note(const char *format, ...)
{
	va_list list;

	printf("# ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
}

const char *scratch_path(const char *name)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, 256, "%s/%s", scratch, name);
	return path;
}

void write_image(const char *path, const struct image *i, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, i->words, i->size) != (ssize_t)i->size || fchmod(fd, mode) || close(fd)) {
		perror(path);
		exit(1);
	}
}

void start(struct child *c, const struct launch *l)
{
	int out[2], err[2], n = 0;
	const char *words[64];

	memset(c, 0, sizeof(*c));
	if (runner && !l->file)
		words[n++] = runner;
	words[n++] = l->file ? l->file : executor;
	for (int i = 0; l->args[i]; i++)
		words[n++] = l->args[i];
	words[n] = 0;
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		exit(1);
	fflush(stdout);
	c->pid = fork();
	if (c->pid == 0) {
		int in = l->stdin_fd >= 0 ? l->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(in, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (l->extra_fd == 3)
			fcntl(3, F_SETFD, 0);
		else if (l->extra_fd >= 0)
			dup2(l->extra_fd, 3);
		execve(words[0], (char *const *)words, l->envp ? l->envp : environ);
		_exit(99);
	}
	close(out[1]);
	close(err[1]);
	c->out = out[0];
	c->err = err[0];
}

/* One round of reading; 0 = both at their end, or nothing came in time. */
static int read_some(struct child *c)
{
	struct pollfd p[2] = { { .fd = c->out, .events = POLLIN }, { .fd = c->err, .events = POLLIN } };

	if ((c->out < 0 && c->err < 0) || poll(p, 2, 10000) <= 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		char *text = i ? c->errors : c->text;
		size_t *size = i ? &c->errors_size : &c->text_size;
		ssize_t n;

		if (!p[i].revents)
			continue;
		n = read(p[i].fd, text + *size, sizeof(c->text) - 1 - *size);
		if (n > 0) {
			*size += (size_t)n;
			text[*size] = 0;
		} else {
			close(p[i].fd);
			*(i ? &c->err : &c->out) = -1;
		}
	}
	return 1;
}

int await_text(struct child *c, const char *text)
{
	while (!strstr(c->text, text))
		if (!read_some(c))
			return 0;
	return 1;
}

void finish(struct child *c)
{
	while (read_some(c))
		;
	if (c->out >= 0 || c->err >= 0) {
		note("no end in time: killed");
		kill(c->pid, SIGKILL);
		close(c->out);
		close(c->err);
	}
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
}

void run_program(struct child *c, const struct program *p, const char *const *arguments)
{
	const char *file = scratch_path("program"), *words[32] = { "--executor", "run", file };
	static struct image i;

	program_image(p, &i);
	write_image(file, &i, 0600);
	for (int n = 0; arguments && arguments[n]; n++)
		words[3 + n] = arguments[n];
	start(c, &(struct launch){ .args = words, .stdin_fd = -1, .extra_fd = -1 });
	finish(c);
}

long private_memory(pid_t pid)
{
	char path[64], line[256];
	long total = 0, kb;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_%*[A-Za-z]: %ld kB", &kb) == 1)
			total += kb;
	if (f)
		fclose(f);
	return f ? total : -1;
}

int main(int argc, char **argv)
{
	char command[128];

	if (argc < 2) {
		fprintf(stderr, "use: %s EXECUTOR [x86_64|aarch64 [EMULATOR]]\n", argv[0]);
		return 2;
	}
	executor = realpath(argv[1], 0);
	if (argc > 2)
		arch = strcmp(argv[2], "aarch64") == 0 ? ARCH_AARCH64 : ARCH_X86_64;
	if (argc > 3)
		runner = argv[3];
	if (!executor || !mkdtemp(scratch)) {
		perror(argv[1]);
		return 2;
	}
	alarm(300);
	test_check();
	test_run();
	test_wait();
	test_serve();
	test_front();
	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	if (system(command))
		note("%s stays", scratch);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}
