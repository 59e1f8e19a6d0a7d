/* Where the kernel starts us, and the two functions that the compiler takes for granted. */
#include "sys.h"

int main(int argc, char **argv, char **envp);

/* The stack at entry: argc, argv[], 0, envp[], 0. It is handed over as it is, aligned as the ABI wants it. */
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tbl start\n");
#endif

_Noreturn void start(long *stack);
_Noreturn void start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);

	leave(main(argc, argv, argv + argc + 1));
}

void *memcpy(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	uint8_t *t = to;

	while (n--)
		*t++ = (uint8_t)byte;
	return to;
}
