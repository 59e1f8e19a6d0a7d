/* See cli.h. */
#include "cli.h"
#include "sys.h"
#include "text.h"

#define CLI "/../libexec/lmctfy/cli"
#define CALLERS "LMCTFY_CALLER_"

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

/* The real place of this executable, so that no caller's argv[0], PATH or working directory has a say. The link
 * does not end with NUL; its length leaves room for what is appended. */
int cli_exec(char **argv, char **envp)
{
	char path[4096], here[1];
	long n = sys6(__NR_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, sizeof(path) - sizeof(CLI), 0, 0);
	char **env;

	if (is_error(n))
		return (int)-n;
	if (n == (long)(sizeof(path) - sizeof(CLI)))
		return ENAMETOOLONG;
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
