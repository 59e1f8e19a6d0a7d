/* A program from a file: who may have written it, is it whole, is it of this boot. */
#ifndef LOAD_H
#define LOAD_H

#include "program.h"

enum load_result {
	LOAD_OK = 0,
	LOAD_UNREADABLE = 1,	/* error says why */
	LOAD_REFUSED = 2,	/* refusal says why */
	LOAD_STALE = 3,		/* likewise */
};

struct loaded {
	const uint8_t *image;
	uint64_t mapped;
	int error;
	struct refusal no;
};

/* any_source: do not ask who could have written it, nor whether it is a file (descriptor 0 of `run -`). */
int load_program(int fd, int any_source, struct loaded *l);

/* May only root or the caller have written what fd is? directory: a directory instead of a regular file. */
int is_trusted(int fd, int directory);

/* Whether it belongs to the caller. */
int is_own(int fd);

#endif
