#ifndef SERVE_H
#define SERVE_H

/* The resident executor on a stream socket; returns the exit code when the client is gone. */
int serve(int fd, char **envp);

#endif
