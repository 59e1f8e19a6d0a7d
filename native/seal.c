/*
 * See seal.h. A command of a container may execute what the process was before it (`#!/proc/self/exe`), hold on to that, and write to it when
 * nobody executes it any more; the next one who runs lmctfy then runs that (CVE-2019-5736). Users of the container's own may not; root,
 * where it has the machine's users, may: but not through a mount that is read-only.
 */
#include "seal.h"
#include "cli.h"
#include "sys.h"
#include "text.h"

enum { OPEN_TREE_CLONE = 1, AT_EMPTY_PATH = 0x1000, MOUNT_ATTR_RDONLY = 1, W_OK = 2, PR_SET_NAME = 15 };

#define SELF "/proc/self/exe"

int seal(char **argv, char **envp)
{
	struct { uint64_t set, clear, propagation, users; } attributes = { MOUNT_ATTR_RDONLY, 0, 0, 0 };
	long error = sys3(__NR_faccessat, AT_FDCWD, SELF, W_OK), tree;
	char **env;

	/* It is known by the name of its descriptor otherwise. */
	if (error == -EROFS)
		sys2(__NR_prctl, PR_SET_NAME, "lmctfy");
	if (error)
		return error == -EROFS || error == -EACCES ? 0 : (int)-error;
	if (!argv)
		return EPERM;
	env = cli_place(envp);
	if (!env)
		return ENOMEM;
	tree = sys3(__NR_open_tree, AT_FDCWD, SELF, OPEN_TREE_CLONE | 02000000 /* close on exec */);
	if (is_error(tree))
		return (int)-tree;
	error = sys6(__NR_mount_setattr, tree, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof(attributes), 0);
	if (!error)
		error = sys6(__NR_execveat, tree, (long)"", (long)argv, (long)env, AT_EMPTY_PATH, 0);
	sys1(__NR_close, tree);
	return (int)-error;
}
