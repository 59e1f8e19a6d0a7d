/* What runs in a container that is to be entered: nothing, for ever. */
#include "sys.h"

void start_c(long *stack);
__attribute__((noreturn)) void start_c(long *stack) {
  (void)stack;
  for (;;) SYS(ppoll, 0, 0, 0, 0, 0);
}
