import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeProgram, readSteps } from "../kernel/image.ts";
import { NO_REGISTER, OP, type Program } from "../kernel/program.ts";
import { compileHotRun } from "./hot-run.ts";
import { EXIT_RECORD } from "./monitor.ts";
import { failedAsPaused } from "./paused.ts";
import { compileSpawn, type SpawnInput } from "./spawn.ts";

const entrance = {
  cloneInto: "/cg/unified/a/_tasks",
  procs: ["/cg/memory/a/tasks", "/cg/cpu/a/tasks"],
  oomScoreAdj: 300,
};
const hot = {
  name: "/a",
  entrance,
  oomFile: "/cg/memory/a/memory.oom_control",
  frozenMark: { path: "/cg/unified/a/cgroup.events", offset: 19, value: 0x31 },
  runtimeDirectory: "/run/a",
  stamp: 42n,
};
const spawn: SpawnInput = {
  entrance,
  oomFile: hot.oomFile,
  frozenMark: hot.frozenMark,
  runtimeDirectory: "/run/a",
  argv: ["echo", "x"],
  env: ["PATH=/bin"],
  cwd: "/tmp",
  user: { uid: 1000, gid: 100, groups: [100, 4] },
  stdio: ["ignore", "pipe", "pipe"],
  detached: false,
};

const security = {
  noNewPrivs: true,
  newKeyring: true,
  capabilities: { bounding: 3n, permitted: 3n, ambient: 0n, lastCapability: 3, lowerBounding: true },
  seccomp: { filter: new Uint8Array(16), flags: 4 },
  appArmor: "box",
};

/** Where each of some calls comes first, in the order in which they were named. */
function order(program: Program, ...calls: string[]): number[] {
  const labels = program.operations.map(operation => operation.label);
  return calls.map(call => {
    const at = labels.findIndex(label => label.startsWith(call));
    assert.ok(at >= 0, `${call} is not among\n${labels.join("\n")}`);
    return at;
  });
}

function assertAscending(numbers: number[]): void {
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => a - b),
  );
}

test("the child enters its cgroups, gives up rights, and only then runs the command", () => {
  const { program } = compileSpawn("x86_64", spawn);
  assertAscending(
    order(
      program,
      "flock(lock_fd, LOCK_SH|LOCK_NB)",
      "clone3({flags=CLONE_INTO_CGROUP",
      'openat(AT_FDCWD, "/cg/memory/a/tasks", O_WRONLY',
      'openat(AT_FDCWD, "/cg/cpu/a/tasks", O_WRONLY',
      'openat(AT_FDCWD, "/proc/self/oom_score_adj"',
      "dup3(report_write, 3, O_CLOEXEC)",
      "close_range(4, 0xffffffff, 0)", // before it follows any path
      "setsid()",
      "setgroups(2, [100, 4])",
      "setresgid(100, 100, 100)",
      "setresuid(1000, 1000, 1000)",
      'chdir("/tmp")',
      "prctl(PR_SET_PDEATHSIG, 9", // setresuid resets it
      "getppid()",
      'execve(["echo", "x"], env)',
    ),
  );
});

test("rights are given up while there are rights to do so, and the filter comes last", () => {
  const { program } = compileSpawn("x86_64", { ...spawn, entrance: { ...entrance, security } });
  const given = order(
    program,
    'openat(AT_FDCWD, "/proc/self/oom_score_adj"',
    "prctl(PR_SET_DUMPABLE, 0",
    "keyctl(KEYCTL_JOIN_SESSION_KEYRING",
    "prctl(PR_CAPBSET_DROP, 2,",
    "prctl(PR_CAPBSET_DROP, 3,",
    "setgroups(",
    "setresuid(1000, 1000, 1000)",
    "capset({v3, self}, {permitted=effective=0x0, inheritable=0x0})", // the user is not root
    'chdir("/tmp")',
    "prctl(PR_SET_PDEATHSIG, 9",
    "rt_sigprocmask(SIG_SETMASK, []",
    'write(attribute, "exec box", 8)',
    "prctl(PR_SET_NO_NEW_PRIVS, 1",
    "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, {len=2, filter})",
    "execve(",
  );
  assertAscending(given);
  assert.equal(given.at(-1), given.at(-2)! + 1);

  const hotProgram = compileHotRun("x86_64", { ...hot, entrance: { ...entrance, security } });
  assertAscending(
    order(
      hotProgram,
      "prctl(PR_SET_PDEATHSIG, 9",
      "prctl(PR_CAPBSET_DROP, 2,",
      "capset({v3, self}, {permitted=effective=0x3, inheritable=0x0})",
      "prctl(PR_SET_NO_NEW_PRIVS, 1",
      "seccomp(",
      "execve(argv, environ)",
    ),
  );
});

test("without no_new_privs the filter is installed while there is CAP_SYS_ADMIN", () => {
  const { program } = compileSpawn("x86_64", {
    ...spawn,
    entrance: { ...entrance, security: { ...security, noNewPrivs: false } },
  });
  assertAscending(
    order(program, "seccomp(", "prctl(PR_CAPBSET_DROP, 2,", "setresuid(", "capset(", "execve("),
  );
  assert.ok(!program.operations.some(({ label }) => label.includes("NO_NEW_PRIVS")));
});

test("ambient capabilities survive the change of the user", () => {
  const ambient = { ...security.capabilities, ambient: 2n };
  const { program } = compileSpawn("x86_64", {
    ...spawn,
    entrance: { ...entrance, security: { ...security, capabilities: ambient } },
  });
  assertAscending(
    order(
      program,
      "prctl(PR_SET_KEEPCAPS, 1",
      "setresuid(1000, 1000, 1000)",
      "capset({v3, self}, {permitted=effective=0x2, inheritable=0x2})",
      "prctl(PR_CAP_AMBIENT, 2, 1,",
      "execve(",
    ),
  );
});

test("whether the container is paused is looked at under the lock, before anything is started", () => {
  for (const program of [compileHotRun("x86_64", hot), compileSpawn("x86_64", spawn).program]) {
    const lock = program.operations.findIndex(({ label }) => /^flock\(.*LOCK_SH/.test(label));
    const failing = program.operations.findIndex(({ label }) => /^flock\(\w+, 0\)/.test(label));
    const clone = program.operations.findIndex(({ label }) => label.startsWith("clone3("));
    assertAscending([
      lock,
      ...order(program, 'openat(AT_FDCWD, "/cg/unified/a/cgroup.events"'),
      failing,
      clone,
    ]);
    assert.equal(failedAsPaused(program, failing), true);
    assert.equal(failedAsPaused(program, lock), false);
  }
});

test("with the caller's input a command stays in the caller's session", () => {
  const { program } = compileSpawn("x86_64", { ...spawn, stdio: ["inherit", "inherit", "inherit"] });
  assert.ok(!program.operations.some(operation => operation.label === "setsid()"));
});

test("a detached command has a monitor, no pidfd, and is not bound to its starter", () => {
  const { program, pidfd } = compileSpawn("x86_64", {
    ...spawn,
    detached: true,
    stdio: ["ignore", "ignore", "ignore"],
  });
  assert.equal(pidfd, undefined);
  const labels = program.operations.map(operation => operation.label);
  assert.equal(labels.filter(label => label.startsWith("clone3(")).length, 2);
  assert.ok(!labels.some(label => label.includes("PDEATHSIG")));
});

test("the hot program serves both modes, and is bound to a boot", () => {
  const program = compileHotRun("x86_64", hot);
  assert.equal(program.stamp, 42n);
  const labels = program.operations.map(operation => operation.label);
  assert.equal(labels.filter(label => label.startsWith("execve(argv, environ)")).length, 1);
  assert.equal(labels.filter(label => label.startsWith("wait(child)")).length, 2);
  const { steps } = readSteps(encodeProgram(program))!;
  for (const step of steps) if (step.target !== undefined) assert.ok(step.target > step.step, step.label);
});

test("every open keeps its descriptor from the command", () => {
  const programs = [compileHotRun("x86_64", hot), compileSpawn("x86_64", spawn).program];
  for (const { operations } of programs) {
    const opens = operations.filter(({ label }) => label.startsWith("openat("));
    // the monitor and the detached child put /dev/null on 0, 1 and 2, and close all others
    for (const { label } of opens)
      assert.ok(label.includes("O_CLOEXEC") || label.includes("/dev/null"), label);
  }
});

test("programs are built for both architectures, with the calls that each has", () => {
  for (const arch of ["x86_64", "aarch64"] as const) {
    for (const program of [compileHotRun(arch, hot), compileSpawn(arch, spawn).program]) {
      encodeProgram(program);
      assert.ok(program.operations.every(({ code, nr }) => code !== OP.syscall || Number.isInteger(nr)));
      assert.ok(program.registerCount < NO_REGISTER);
    }
  }
});

test("the exit record has room for all that the monitor writes", () => {
  assert.ok(EXIT_RECORD.before >= EXIT_RECORD.rusage + 144);
  assert.equal(EXIT_RECORD.size, EXIT_RECORD.after + 512);
});
