/* Keeps this executable from being written to by those whom it starts. */
#ifndef SEAL_H
#define SEAL_H

/* Executes this executable again, with the same words (null: it must not), from a mount of its own that can only be read. Returns 0 where nobody with
 * this process's rights can write to it, because that has been done or they may not anyway; else an errno. */
int seal(char **argv, char **envp);

#endif
