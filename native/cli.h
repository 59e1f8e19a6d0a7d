/* The way to the TypeScript side: the executable `../libexec/lmctfy/cli` beside the directory of our own. */
#ifndef CLI_H
#define CLI_H

/* Replaces this process; returns an errno when that was not possible. envp is copied without the variables that
 * would make the runtime load code or options of the caller's choice. argv may be null. */
int cli_exec(char **argv, char **envp);

/* An environment in which the directory is known also to an executable that has no path (seal.h); null = no memory. */
char **cli_place(char **envp);

#endif
