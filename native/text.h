/* Small texts: lines for people, names of errors, comparing words. */
#ifndef TEXT_H
#define TEXT_H

#include "program.h"

/* A line being written. What does not fit goes out to `fd` first; with fd = -1 it is cut off. */
struct line {
	int fd;
	uint32_t used;
	char text[480];
};

void line_add(struct line *l, const char *text);
void line_number(struct line *l, int64_t value);
void line_send(struct line *l);

/* Decimal text of value with a NUL; `to` has DECIMAL_SIZE bytes. Returns its length. */
uint32_t decimal(int64_t value, char *to);

/* "EPERM"; "error 999" is written by line_error for a number without a name. */
void line_error(struct line *l, int error);

void line_refusal(struct line *l, const struct refusal *no);

/* Lines for people on descriptor 2; both return EXIT_FAILED. "lmctfy: ABOUT: WHAT[ERRNAME]", and
 * "lmctfy: LABEL: ERRNAME (step I of N, while STAGE)". */
int complain(const char *about, const char *what, int error);
int complain_failure(const struct machine *m);

uint64_t text_length(const char *text);
int text_is(const char *a, const char *b);
int text_begins(const char *text, const char *prefix);
int text_has(const char *text, char c);

#endif
