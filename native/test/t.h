/* What the tests share: running the executor, gathering what it says, and counting. */
#ifndef T_H
#define T_H

#include "build.h"
#include <sys/types.h>

extern uint16_t arch;
extern const char *executor;
extern const char *runner;	/* an emulator, or null */
extern char scratch[64];	/* a directory of our own */

void ok(int good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *name, const char *why);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct child {
	pid_t pid;
	int out, err;
	char text[16384], errors[16384];
	size_t text_size, errors_size;
	int status;
};

/* args: words after the executable, null at the end. stdin_fd: -1 = /dev/null. extra_fd becomes descriptor 3 (-1: none).
 * envp null = ours. file: another executable than the executor (null = the executor). */
struct launch {
	const char *file;
	const char *const *args;
	int stdin_fd, extra_fd;
	char *const *envp;
};
void start(struct child *c, const struct launch *l);
/* Reads until the text has come (1), or nothing comes for ten seconds or the end (0). */
int await_text(struct child *c, const char *text);
/* Reads to the end of both outputs and reaps. */
void finish(struct child *c);
/* start + finish: "run FILE ARG…" of this program. */
void run_program(struct child *c, const struct program *p, const char *const *arguments);
void write_image(const char *path, const struct image *i, mode_t mode);
const char *scratch_path(const char *name);
/* Kilobytes that only this process has; -1: unknown. */
long private_memory(pid_t pid);

#define LAUNCH(...) (&(struct launch){ .args = (const char *const[]){ __VA_ARGS__, 0 }, .stdin_fd = -1, .extra_fd = -1 })
#define exited(c, code) (WIFEXITED((c).status) && WEXITSTATUS((c).status) == (code))

void test_check(void);
void test_run(void);
void test_wait(void);
void test_serve(void);
void test_front(void);

#endif
