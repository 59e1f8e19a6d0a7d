/* See cli.h. */
#include "cli.h"
#include "sys.h"
#include "text.h"

#define CLI "/../libexec/lmctfy/cli"
#define CALLERS "LMCTFY_CALLER_"
#define PLACE "LMCTFY_EXECUTABLE="

/* What a JavaScript runtime, its TLS library or the C library takes code, files or options from. */
static const char *const injectors[] = {
	"NODE_", "BUN_", "JSC_", "UV_", "LD_", "MALLOC_", "OPENSSL_", "SSLKEYLOGFILE=",
	"GLIBC_TUNABLES=", "GCONV_PATH=", "LOCPATH=", "NLSPATH=",
};

static int injects(const char *variable)
{
	for (uint32_t i = 0; i < sizeof(injectors) / sizeof(*injectors); i++)
		if (text_begins(variable, injectors[i]))
			return 1;
	return 0;
}

/* The environment for a runtime that must not obey it: such variables get a name that means nothing to it, for they
 * are the caller's still, and his command's (src/cli/environment.ts puts them back). One mapping holds the list and
 * the new names: its size is the sum of all, so that both always fit. */
static char **scrubbed(char **envp)
{
	uint64_t count = 0, size = 0;
	char **copy, *text;

	for (; envp && envp[count]; count++)
		if (injects(envp[count]))
			size += sizeof(CALLERS) + text_length(envp[count]);
	copy = map_memory((count + 1) * sizeof(*copy) + size);
	if (!copy)
		return 0;
	text = (char *)(copy + count + 1);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t length = text_length(envp[i]) + 1;

		copy[i] = envp[i];
		if (!injects(envp[i]))
			continue;
		copy[i] = text;
		memcpy(text, CALLERS, sizeof(CALLERS) - 1);
		memcpy(text + sizeof(CALLERS) - 1, envp[i], length);
		text += sizeof(CALLERS) - 1 + length;
	}
	return copy;
}

enum { LONGEST_PATH = 4096 };

/* The real place of this executable, or the one that it had before it was sealed. The link does not end with NUL; the length leaves room for
 * what is appended. */
static long place_of(char *path, uint64_t size, char **envp)
{
	long n = sys6(__NR_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, size, 0, 0);

	if (n != 1 || *path != '/')
		return n == (long)size ? -ENAMETOOLONG : n;
	for (; envp && *envp; envp++)
		if (text_begins(*envp, PLACE)) {
			uint64_t length = text_length(*envp) - (sizeof(PLACE) - 1);

			if (length >= size)
				return -ENAMETOOLONG;
			memcpy(path, *envp + sizeof(PLACE) - 1, length);
			return (long)length;
		}
	return -ENOENT;
}

char **cli_place(char **envp)
{
	uint64_t count = 0;
	char **copy;
	long n;

	while (envp && envp[count])
		count++;
	copy = map_memory((count + 2) * sizeof(*copy) + sizeof(PLACE) + LONGEST_PATH);
	if (!copy)
		return 0;
	/* Behind the list: the variable, in zeroed memory that its end lies in. */
	*copy = (char *)(copy + count + 2);
	memcpy(*copy, PLACE, sizeof(PLACE) - 1);
	n = place_of(*copy + sizeof(PLACE) - 1, LONGEST_PATH, envp);
	if (is_error(n))
		(*copy)[sizeof(PLACE) - 1] = 0;
	for (uint64_t i = 0; i < count; i++)
		copy[i + 1] = envp[i];
	return copy;
}

/* No caller's argv[0], PATH or working directory has a say. */
int cli_exec(char **argv, char **envp)
{
	char path[LONGEST_PATH], here[1];
	long n = place_of(path, sizeof(path) - sizeof(CLI), envp);
	char **env;

	if (is_error(n))
		return (int)-n;
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n == 0)
		return ENOENT;
	memcpy(path + n - 1, CLI, sizeof(CLI));
	/* The runtime does not start in a directory that was removed. */
	if (sys6(__NR_getcwd, (long)here, sizeof(here), 0, 0, 0, 0) == -ENOENT)
		sys1(__NR_chdir, (long)"/");
	env = scrubbed(envp);
	return env ? (int)-sys3(__NR_execve, path, argv, env) : ENOMEM;
}
