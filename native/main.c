/* Which of its two things this executable is: the executor (`--executor …`), or the command. */
#include "front.h"
#include "load.h"
#include "serve.h"
#include "sys.h"
#include "text.h"

static int complain(const char *about, const char *what, int error, const struct refusal *no)
{
	struct line l = { .fd = 2 };

	line_add(&l, "lmctfy: ");
	line_add(&l, about);
	line_add(&l, ": ");
	line_add(&l, what);
	if (error)
		line_error(&l, error);
	if (no)
		line_refusal(&l, no);
	line_add(&l, "\n");
	line_send(&l);
	return EXIT_FAILED;
}

/* Returns 0 with a checked program, else the exit code. Descriptor 0 was opened by the caller, who therefore could
 * read it: that is all there is to ask. */
static int open_checked(const char *file, struct loaded *l)
{
	int standard = text_is(file, "-");
	long fd = standard ? 0 : sys6(__NR_openat, -100, (long)file, O_RDONLY_CLOEXEC, 0, 0, 0);
	int result;

	if (is_error(fd))
		return complain(file, "", (int)-fd, 0);
	result = load_program((int)fd, standard, l);
	if (!standard)
		sys1(__NR_close, fd);
	if (result == LOAD_UNREADABLE)
		return complain(file, "", l->error, 0);
	return result == LOAD_OK ? 0 : complain(file, "bad program: ", 0, &l->no);
}

static int run_file(const char *file, char **arguments, char **envp)
{
	struct line line = { .fd = 2 };
	struct machine m;
	struct loaded l;
	int code = open_checked(file, &l);

	if (code)
		return code;
	if (machine_load(&m, l.image, l.mapped))
		return complain(file, "", ENOMEM, 0);
	m.argv = arguments;
	m.envp = envp;
	signal_default(SIGCHLD);	/* ignored, it would lose how children end */
	if (!machine_run(&m))
		return 0;
	line_add(&line, "lmctfy: ");
	line_failure(&line, &m);
	line_add(&line, "\n");
	line_send(&line);
	return EXIT_FAILED;
}

/* Digits only, and few enough that the number cannot overflow; -1 = not a number. */
static int number(const char *text)
{
	int value = 0, n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 7; n++)
		value = value * 10 + (text[n] - '0');
	return n && !text[n] ? value : -1;
}

static int executor(int argc, char **argv, char **envp)
{
	const char *what = argc > 2 ? argv[2] : "";
	struct line l = { .fd = 1 };
	struct loaded loaded;

	if (text_is(what, "run") && argc > 3)
		return run_file(argv[3], argv + 4, envp);
	if (text_is(what, "check") && argc == 4)
		return open_checked(argv[3], &loaded);
	if (text_is(what, "serve") && argc <= 4) {
		int fd = argc == 4 ? number(argv[3]) : 3;

		return fd < 0 ? complain("serve", "not a descriptor number", 0, 0) : serve(fd, envp);
	}
	if (text_is(what, "version") && argc == 3) {
		line_add(&l, "program ");
		line_number(&l, PROGRAM_VERSION);
		line_add(&l, " " ARCH_NAME "\n");
		line_send(&l);
		return 0;
	}
	return complain("--executor", "use: run FILE|- [ARG...], check FILE, serve [FD], version", 0, 0);
}

int main(int argc, char **argv, char **envp)
{
	if (argc > 1 && text_is(argv[1], "--executor"))
		return executor(argc, argv, envp);
	return front(argc, argv, envp);
}
