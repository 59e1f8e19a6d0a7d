/* Which of its two things this executable is: the executor (`--executor …`), or the command. */
#include "front.h"
#include "load.h"
#include "seal.h"
#include "serve.h"
#include "sys.h"
#include "text.h"

/* Returns 0 with a checked program, else the exit code. Descriptor 0 was opened by the caller, who therefore could
 * read it: that is all there is to ask. */
static int open_checked(const char *file, struct loaded *l)
{
	int standard = text_is(file, "-");
	long fd = standard ? 0 : open_file(file, O_RDONLY_CLOEXEC);
	struct line why = { .fd = -1 };
	int result;

	if (is_error(fd))
		return complain(file, "", (int)-fd);
	result = load_program((int)fd, standard, l);
	if (!standard)
		sys1(__NR_close, fd);
	if (result == LOAD_OK)
		return 0;
	if (result == LOAD_UNREADABLE)
		return complain(file, "", l->error);
	line_add(&why, "bad program: ");
	line_refusal(&why, &l->no);
	return complain(file, why.text, 0);
}

static int run_file(const char *file, char **arguments, char **words, char **envp)
{
	struct machine m;
	struct loaded l;
	int code = open_checked(file, &l);

	if (code)
		return code;
	if (machine_load(&m, l.image, l.mapped))
		return complain(file, "", ENOMEM);
	m.argv = arguments;
	m.envp = envp;
	m.words = words;
	signal_default(SIGCHLD);	/* ignored, it would lose how children end */
	return machine_run(&m) ? complain_failure(&m) : 0;
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
		return run_file(argv[3], argv + 4, argv, envp);
	if (text_is(what, "check") && argc == 4)
		return open_checked(argv[3], &loaded);
	if (text_is(what, "serve") && argc <= 4) {
		int fd = argc == 4 ? number(argv[3]) : 3;

		/* Where it cannot be sealed, the programs for which it matters find that out themselves. */
		seal(argv, envp);
		return fd < 0 ? complain("serve", "not a descriptor number", 0) : serve(fd, envp);
	}
	if (text_is(what, "version") && argc == 3) {
		line_add(&l, "program ");
		line_number(&l, PROGRAM_VERSION);
		line_add(&l, " " ARCH_NAME "\n");
		line_send(&l);
		return 0;
	}
	return complain("--executor", "use: run FILE|- [ARG...], check FILE, serve [FD], version", 0);
}

int main(int argc, char **argv, char **envp)
{
	if (argc > 1 && text_is(argv[1], "--executor"))
		return executor(argc, argv, envp);
	return front(argc, argv, envp);
}
