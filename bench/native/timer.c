/*
 * Runs commands in turn and times each whole process: from before vfork until after wait4.
 *
 *   timer ROUNDS PAUSE_MICROSECONDS SEED < CONTENDERS
 *
 * A contender is one line: MOUNT_NAMESPACE|- TAB ARGUMENT TAB ARGUMENT …; the first argument is the path of the file.
 * Every round runs each contender once, in an order of its own, with a pause before each: what one leaves for the
 * kernel to tidy up shall not meet the same successor every time. Prints one line per run:
 *
 *   ROUND CONTENDER WALL_NANOSECONDS CPU_MICROSECONDS WAIT_STATUS
 *
 * A contender that fails is not run again. Standard input and output of the commands are /dev/null.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONTENDERS = 32, MAX_ARGUMENTS = 64 };

struct contender {
  int namespace; /* -1: that of the timer */
  int failed;
  char *argv[MAX_ARGUMENTS + 1];
};

static struct contender contenders[MAX_CONTENDERS];
static int count;
static int results; /* where the figures go: the commands have another standard output */

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void read_contenders(void) {
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  while ((n = getline(&line, &size, stdin)) > 0) {
    if (count == MAX_CONTENDERS) die("too many contenders");
    if (line[n - 1] == '\n') line[n - 1] = 0;
    struct contender *c = &contenders[count++];
    char *rest = strdup(line);
    char *namespace = strsep(&rest, "\t");
    c->namespace = strcmp(namespace, "-") ? open(namespace, O_RDONLY | O_CLOEXEC) : -1;
    if (c->namespace < 0 && strcmp(namespace, "-")) die(namespace);
    for (int i = 0; rest && i < MAX_ARGUMENTS; i++) c->argv[i] = strsep(&rest, "\t");
    if (!c->argv[0]) die("a contender needs a command");
  }
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static long micros(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }

static void run(int round, int index, int home, const char *directory) {
  extern char **environ;
  struct contender *c = &contenders[index];
  if (c->namespace >= 0 && (setns(c->namespace, CLONE_NEWNS) < 0 || chdir(directory) < 0)) die("setns");
  struct rusage usage;
  int status;
  uint64_t start = now();
  pid_t pid = vfork();
  if (pid == 0) {
    execve(c->argv[0], c->argv, environ);
    _exit(127);
  }
  if (pid < 0) die("vfork");
  while (wait4(pid, &status, 0, &usage) < 0) {
  }
  uint64_t end = now();
  if (c->namespace >= 0 && (setns(home, CLONE_NEWNS) < 0 || chdir(directory) < 0)) die("setns");
  c->failed = status != 0;
  dprintf(results, "%d %d %llu %ld %d\n", round, index, (unsigned long long)(end - start),
          micros(usage.ru_utime) + micros(usage.ru_stime), status);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int rounds = atoi(argv[1]);
  struct timespec pause = {.tv_sec = 0, .tv_nsec = atol(argv[2]) * 1000};
  uint64_t random = strtoull(argv[3], NULL, 10) | 1;
  read_contenders();
  int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  char *directory = get_current_dir_name();
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  results = fcntl(1, F_DUPFD_CLOEXEC, 3);
  if (home < 0 || !directory || null < 0 || results < 0) die("open");
  if (dup2(null, 0) < 0 || dup2(null, 1) < 0) die("dup2");

  int order[MAX_CONTENDERS];
  for (int i = 0; i < count; i++) order[i] = i;
  for (int round = 0; round < rounds; round++) {
    for (int i = count - 1; i > 0; i--) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      int j = (int)((random >> 33) % (uint64_t)(i + 1)), swap = order[i];
      order[i] = order[j], order[j] = swap;
    }
    for (int i = 0; i < count; i++) {
      if (contenders[order[i]].failed) continue;
      nanosleep(&pause, NULL);
      run(round, order[i], home, directory);
    }
  }
  return 0;
}
