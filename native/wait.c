/* wait: until a process ends, with the signals that arrive meanwhile. */
#include "program.h"
#include "sys.h"

/* The kernel's siginfo: only its beginning is read. */
struct signal_info {
	int32_t number;
	int32_t error;
	int32_t code;
	int32_t rest[29];
};

static int is_stop(int status) { return (status & 0xff) == 0x7f; }

/* Job control stopped it, so whoever gave us the terminal has to hear of it. Who sends SIGSTOP to the child alone continues
 * the child alone, and would leave us standing. */
static int is_job_stop(int status)
{
	int s = status >> 8 & 0xff;

	return s == SIGTSTP || s == SIGTTIN || s == SIGTTOU;
}

/* One wait4; 0 when nothing is ready. WALL: whatever signal the child was cloned with. */
static long reap(int64_t pid, uint64_t flags, int options, int *status, void *rusage)
{
	long r;

	if (flags & WAIT_FORWARD)
		options |= WUNTRACED;
	do
		r = sys6(__NR_wait4, flags & WAIT_REAP_ALL ? -1 : pid, (long)status, options | WALL, (long)rusage, 0, 0);
	while (r == -EINTR);
	return r;
}

/* Stop as the child did, so that our own parent sees it; when we go on, so does the child. PID 1 of a namespace
 * cannot stop itself: it would only wake the child again, so it leaves it alone. */
static void stop_with(int64_t pid)
{
	long self = sys0(__NR_getpid);

	if (self == 1)
		return;
	sys2(__NR_kill, self, SIGSTOP);
	sys2(__NR_kill, pid, SIGCONT);
}

/* The child has not been reaped yet, so its number is still its own: kill cannot hit another process. */
static void take_signal(int64_t pid, uint64_t flags, const struct signal_info *s)
{
	int terminal = s->code == SI_KERNEL;

	switch (s->number) {
	case SIGCHLD:
	case SIGTTIN:
	case SIGTTOU:
		return;
	case SIGTSTP:
		if (terminal && (flags & WAIT_TERMINAL_STOP))
			stop_with(pid);
		break;
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
		break;
	default:
		terminal = 0;
	}
	if (!terminal)
		sys2(__NR_kill, pid, s->number);
}

/* Signals stay blocked all the time: one that comes between wait4 and rt_sigtimedwait is pending, and wakes the
 * latter at once. Numbers below 1 mean groups to wait4 and kill, so they are refused. */
int op_wait(int64_t pid, uint64_t flags, void *rusage, int64_t *result)
{
	sigset all = ALL_SIGNALS;
	int status = 0;

	if (pid < 1 || pid > INT32_MAX)
		return EINVAL;
	if (flags & WAIT_FORWARD)
		signal_mask(SIG_BLOCK, all, 0);
	for (;;) {
		long r = reap(pid, flags, flags & WAIT_FORWARD ? WNOHANG : 0, &status, rusage);
		struct signal_info s;

		if (is_error(r))
			return (int)-r;
		if (r == pid && !is_stop(status)) {
			*result = status;
			return 0;
		}
		if (r == pid && is_job_stop(status))
			stop_with(pid);
		if (r > 0)
			continue;
		r = sys6(__NR_rt_sigtimedwait, (long)&all, (long)&s, 0, sizeof(sigset), 0, 0);
		if (r > 0)
			take_signal(pid, flags, &s);
		else if (r != -EINTR)
			return (int)-r;
	}
}
