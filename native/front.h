/* The command `lmctfy` itself. */
#ifndef FRONT_H
#define FRONT_H

/* Runs the hot path when the words are one of its forms, else hands over to the TypeScript side. */
int front(int argc, char **argv, char **envp);

#endif
