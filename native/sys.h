/*
 * Raw system calls. Nothing here knows about errno or cancellation: a result in -4095 … -1 is an error.
 * The fuzzer replaces these functions, and with them the whole kernel.
 */
#ifndef SYS_H
#define SYS_H

#include <asm/errno.h>
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#ifdef LMCTFY_FUZZ
/* Ours, with arguments that are good by construction; and the program's, with any. */
long fuzz_syscall(long nr, long a, long b, long c, long d, long e, long f);
long fuzz_program_call(long nr, long a, long b, long c, long d, long e, long f);
void fuzz_touch(void *data, uint64_t extent);
#define sys6 fuzz_syscall
#define program_call fuzz_program_call
#define touch(data, extent) fuzz_touch(data, extent)
#elif defined(__x86_64__)
static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#endif

#ifndef LMCTFY_FUZZ
#define program_call sys6
#define touch(data, extent) ((void)0)
#endif

#define sys3(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys2(nr, a, b) sys3(nr, a, b, 0)
#define sys1(nr, a) sys3(nr, a, 0, 0)
#define sys0(nr) sys3(nr, 0, 0, 0)

enum { AT_FDCWD = -100, O_RDONLY_CLOEXEC = 02000000 };
enum { SIG_BLOCK = 0, SIG_SETMASK = 2, SI_KERNEL = 0x80 };
enum { SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGKILL = 9, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22 };
enum { WNOHANG = 1, WUNTRACED = 2, WALL = 0x40000000, CLONE_VM = 0x100 };

/* The kernel's signal set: 64 bits on both architectures. */
typedef uint64_t sigset;
#define ALL_SIGNALS (~(sigset)0)

static inline long open_file(const char *path, int flags) { return sys3(__NR_openat, AT_FDCWD, path, flags); }

static inline int is_error(long result) { return result < 0 && result >= -4095; }

/* The kernel's struct sigaction is all zero for SIG_DFL, and no longer than four words. */
static inline void signal_default(int signal)
{
	uint64_t action[4] = { 0, 0, 0, 0 };

	sys6(__NR_rt_sigaction, signal, (long)action, 0, sizeof(sigset), 0, 0);
}

static inline long signal_mask(int how, sigset set, sigset *old)
{
	return sys6(__NR_rt_sigprocmask, how, (long)&set, (long)old, sizeof(sigset), 0, 0);
}

#ifdef LMCTFY_FUZZ
void *fuzz_map(uint64_t size);
void fuzz_unmap(const void *at, uint64_t size);
#define map_memory fuzz_map
#define unmap_memory fuzz_unmap
#else
/* Private anonymous memory, zeroed; null when there is none. */
static inline void *map_memory(uint64_t size)
{
	long at = sys6(__NR_mmap, 0, (long)size, 3 /* read, write */, 0x22 /* private, anonymous */, -1, 0);

	return is_error(at) ? 0 : (void *)at;
}

static inline void unmap_memory(const void *at, uint64_t size)
{
	if (at)
		sys2(__NR_munmap, at, size);
}
#endif

_Noreturn static inline void leave(int code)
{
	for (;;)
		sys1(__NR_exit_group, code);
}

/* start.c; the compiler may also call these on its own. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

#endif
