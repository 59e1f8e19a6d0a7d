/* exec: execve with the search that execvp does, without its fallback to a shell. */
#include "cli.h"
#include "program.h"
#include "seal.h"
#include "sys.h"
#include "text.h"

enum { LONGEST_PATH = 4096 };

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The checker saw good addresses and a closing zero, but a call of the program may have written over them since:
 * the words are looked at again before anyone follows them. Null = EFAULT. */
static char **vector(struct machine *m, uint64_t arg)
{
	char **words = (char **)(void *)(m->data + data_offset(arg));
	uint32_t last = data_extent(arg) / 8 - 1;

	m->data[m->data_size] = 0;	/* so that the last text ends */
	words[last] = 0;
	for (uint32_t i = 0; i < last && words[i]; i++) {
		uintptr_t at = (uintptr_t)words[i], base = (uintptr_t)m->data;

		if (at < base || at > base + m->data_size)
			return 0;
	}
	return words;
}

static const char *search_path(char **envp)
{
	for (; envp && *envp; envp++)
		if (text_begins(*envp, "PATH="))
			return *envp + 5;
	return DEFAULT_PATH;
}

/* The candidate is built in a buffer whose size was compared with all three parts first. An empty element of PATH
 * is the working directory, as everywhere. */
static int exec_search(const char *name, char **argv, char **envp)
{
	const char *path = search_path(envp);
	uint64_t length = text_length(name);
	char file[LONGEST_PATH];
	int seen = ENOENT;

	for (;; path++) {
		uint64_t n = 0;
		long error;

		while (path[n] && path[n] != ':')
			n++;
		if (n + 1 + length + 1 <= sizeof(file)) {
			memcpy(file, path, n);
			if (n)
				file[n] = '/';
			memcpy(file + n + (n ? 1 : 0), name, length + 1);
			error = -sys3(__NR_execve, file, argv, envp);
			if (error == EACCES)
				seen = EACCES;
			else if (error != ENOENT && error != ENOTDIR)
				return (int)error;
		}
		path += n;
		if (!*path)
			return seen;
	}
}

int op_exec(struct machine *m, const struct op *o)
{
	char **argv = o->kind[0] == KIND_DATA ? vector(m, o->arg[0]) : m->argv;
	char **envp = o->kind[1] == KIND_DATA ? vector(m, o->arg[1]) : m->envp;

	if (o->nr == EXEC_SEALED)
		return seal(m->serve || m->child ? 0 : m->words, m->envp);
	/* The resident executor must not turn into something else; its children may. */
	if (m->serve && !m->child)
		return EPERM;
	if ((o->kind[0] == KIND_DATA && !argv) || (o->kind[1] == KIND_DATA && !envp))
		return EFAULT;
	if (o->nr == EXEC_CLI)
		return m->serve ? ENOENT : cli_exec(argv, envp);
	if (!argv || !argv[0] || !argv[0][0])
		return ENOENT;
	if (!text_has(argv[0], '/'))
		return exec_search(argv[0], argv, envp);
	return (int)-sys3(__NR_execve, argv[0], argv, envp);
}
