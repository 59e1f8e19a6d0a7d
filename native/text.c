/* See text.h. */
#include "text.h"
#include "sys.h"

/* Every name from 1 on, in order; both architectures use the generic numbers. Holes stay empty. */
static const char names[] =
	"EPERM\0ENOENT\0ESRCH\0EINTR\0EIO\0ENXIO\0E2BIG\0ENOEXEC\0EBADF\0ECHILD\0EAGAIN\0ENOMEM\0EACCES\0EFAULT\0"
	"ENOTBLK\0EBUSY\0EEXIST\0EXDEV\0ENODEV\0ENOTDIR\0EISDIR\0EINVAL\0ENFILE\0EMFILE\0ENOTTY\0ETXTBSY\0EFBIG\0"
	"ENOSPC\0ESPIPE\0EROFS\0EMLINK\0EPIPE\0EDOM\0ERANGE\0EDEADLK\0ENAMETOOLONG\0ENOLCK\0ENOSYS\0ENOTEMPTY\0"
	"ELOOP\0\0ENOMSG\0EIDRM\0ECHRNG\0EL2NSYNC\0EL3HLT\0EL3RST\0ELNRNG\0EUNATCH\0ENOCSI\0EL2HLT\0EBADE\0EBADR\0"
	"EXFULL\0ENOANO\0EBADRQC\0EBADSLT\0\0EBFONT\0ENOSTR\0ENODATA\0ETIME\0ENOSR\0ENONET\0ENOPKG\0EREMOTE\0"
	"ENOLINK\0EADV\0ESRMNT\0ECOMM\0EPROTO\0EMULTIHOP\0EDOTDOT\0EBADMSG\0EOVERFLOW\0ENOTUNIQ\0EBADFD\0EREMCHG\0"
	"ELIBACC\0ELIBBAD\0ELIBSCN\0ELIBMAX\0ELIBEXEC\0EILSEQ\0ERESTART\0ESTRPIPE\0EUSERS\0ENOTSOCK\0EDESTADDRREQ\0"
	"EMSGSIZE\0EPROTOTYPE\0ENOPROTOOPT\0EPROTONOSUPPORT\0ESOCKTNOSUPPORT\0EOPNOTSUPP\0EPFNOSUPPORT\0"
	"EAFNOSUPPORT\0EADDRINUSE\0EADDRNOTAVAIL\0ENETDOWN\0ENETUNREACH\0ENETRESET\0ECONNABORTED\0ECONNRESET\0"
	"ENOBUFS\0EISCONN\0ENOTCONN\0ESHUTDOWN\0ETOOMANYREFS\0ETIMEDOUT\0ECONNREFUSED\0EHOSTDOWN\0EHOSTUNREACH\0"
	"EALREADY\0EINPROGRESS\0ESTALE\0EUCLEAN\0ENOTNAM\0ENAVAIL\0EISNAM\0EREMOTEIO\0EDQUOT\0ENOMEDIUM\0"
	"EMEDIUMTYPE\0ECANCELED\0ENOKEY\0EKEYEXPIRED\0EKEYREVOKED\0EKEYREJECTED\0EOWNERDEAD\0ENOTRECOVERABLE\0"
	"ERFKILL\0EHWPOISON";

uint64_t text_length(const char *text)
{
	uint64_t n = 0;

	while (text[n])
		n++;
	return n;
}

int text_begins(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return 0;
	return 1;
}

int text_is(const char *a, const char *b)
{
	return text_begins(a, b) && text_length(a) == text_length(b);
}

int text_has(const char *text, char c)
{
	for (; *text; text++)
		if (*text == c)
			return 1;
	return 0;
}

void line_send(struct line *l)
{
	uint32_t sent = 0;

	while (l->fd >= 0 && sent < l->used) {
		long n = sys3(__NR_write, l->fd, l->text + sent, l->used - sent);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		sent += (uint32_t)n;
	}
	l->used = 0;
}

/* One byte always stays free for a closing NUL, which is written after every addition. */
void line_add(struct line *l, const char *text)
{
	for (; *text; text++) {
		if (l->used + 1 == sizeof(l->text)) {
			if (l->fd < 0)
				break;
			line_send(l);
		}
		l->text[l->used++] = *text;
	}
	l->text[l->used] = 0;
}

/* The magnitude is unsigned, so that the smallest number has one; 19 digits, a sign and the NUL are 21 bytes. */
uint32_t decimal(int64_t value, char *to)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[20];
	uint32_t n = 0, length = 0;

	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		to[length++] = '-';
	while (n)
		to[length++] = digits[--n];
	to[length] = 0;
	return length;
}

void line_number(struct line *l, int64_t value)
{
	char text[DECIMAL_SIZE];

	decimal(value, text);
	line_add(l, text);
}

void line_error(struct line *l, int error)
{
	const char *name = names;
	const char *end = names + sizeof(names);

	for (int i = 1; i < error && name < end; i++)
		name += text_length(name) + 1;
	if (error > 0 && name < end && *name) {
		line_add(l, name);
		return;
	}
	line_add(l, "error ");
	line_number(l, error);
}

void line_refusal(struct line *l, const struct refusal *no)
{
	if (no->part) {
		line_add(l, no->part);
		line_add(l, " ");
		line_number(l, no->index);
		line_add(l, ": ");
	}
	line_add(l, no->why);
}

int complain(const char *about, const char *what, int error)
{
	struct line l = { .fd = 2 };

	line_add(&l, "lmctfy: ");
	line_add(&l, about);
	line_add(&l, ": ");
	line_add(&l, what);
	if (error)
		line_error(&l, error);
	line_add(&l, "\n");
	line_send(&l);
	return EXIT_FAILED;
}

/* The step is an operation's index, the offsets of its texts were checked, and the labels end with NUL. */
int complain_failure(const struct machine *m)
{
	const struct op *o = &m->ops[m->step];
	struct line l = { .fd = 2 };

	line_add(&l, "lmctfy: ");
	line_add(&l, m->labels + o->label);
	line_add(&l, ": ");
	line_error(&l, m->error);
	line_add(&l, " (step ");
	line_number(&l, (int64_t)m->step + 1);
	line_add(&l, " of ");
	line_number(&l, m->header->op_count);
	if (m->labels[o->stage]) {
		line_add(&l, ", while ");
		line_add(&l, m->labels + o->stage);
	}
	line_add(&l, ")\n");
	line_send(&l);
	return EXIT_FAILED;
}
