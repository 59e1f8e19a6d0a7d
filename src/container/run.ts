/** Running a command in a container through the resident executor. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { failedAsEnded } from "../compile/init-lock.ts";
import { failedAsPaused } from "../compile/paused.ts";
import type { Credentials } from "../compile/security.ts";
import { compileSpawn, type SpawnInput, type SpawnProgram } from "../compile/spawn.ts";
import { LmctfyError } from "../errors.ts";
import { type ProcessEnd, ProgramFailure, type RunOutcome } from "../kernel/executor.ts";
import { OP, type Program, type Register } from "../kernel/program.ts";
import { ISOLATED_ENVIRONMENT } from "../resources/isolation.ts";
import type { Context } from "./context.ts";
import { closeInExecutor } from "./descriptors.ts";
import { entranceOf, viewOf } from "./entrance.ts";
import { requireOwn } from "./given.ts";
import { rootsOf } from "./layers.ts";
import { containerBusy, lockContainer, PATIENCE_MS } from "./lock.ts";
import { oomBetween, readOomCounters } from "./oom.ts";
import { runtimeDirectory } from "./places.ts";
import { describeEnd, RunningProcess } from "./process.ts";
import { ensureRealised } from "./realise.ts";
import { usersOfRoots } from "./root-files.ts";
import { programFile, requireContainer } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";
import { openPipe } from "./streams.ts";
import type { ContainerProcess, ProcessResult, RunOptions, StdioTarget } from "./types.ts";
import { resolveUser } from "./users.ts";

/** Words of a command; each is an address in the program, of which there are 65,536, the environment's among them. */
const MAX_WORDS = 50_000;

export async function runInContainer(
  context: Context,
  name: string,
  argv: readonly string[],
  options: RunOptions,
  action?: SpawnInput["action"],
): Promise<ContainerProcess> {
  checkArguments(name, argv, options);
  options.signal?.throwIfAborted();
  requireOwn(context, name);
  requireContainer(context.places, name);
  const makeInput = (): Promise<SpawnInput> => spawnInput(context, name, argv, options, action);
  const before = readOomCounters(context, name);
  const started = await start(context, name, makeInput, options.signal);
  return processOf(context, name, before, started, options);
}

/** What is known only when it starts: a virtual host may run or not, and its spec may change. */
async function spawnInput(
  context: Context,
  name: string,
  argv: readonly string[],
  options: RunOptions,
  action: SpawnInput["action"],
): Promise<SpawnInput> {
  const spec = await loadSpec(context, name);
  const view = await viewOf(context, name, spec);
  const own = view !== undefined;
  return {
    entrance: await entranceOf(context, name, spec),
    runtimeDirectory: runtimeDirectory(context.places, name),
    oomFile: context.cgroups.oomFile(name),
    frozenMark: context.cgroups.frozenMark(name),
    argv,
    env: options.env || !own ? environment(options.env ?? process.env) : ISOLATED_ENVIRONMENT,
    cwd: options.cwd ?? (own ? "/" : process.cwd()),
    user: await userOf(context, options.user, view && rootsOf(context.places, view.name, view.spec)),
    stdio: threeOf(options.stdio ?? (options.detached ? "ignore" : "pipe")),
    detached: options.detached ?? false,
    action,
  };
}

/** Names are those of the container's own files where it has a root of its own. */
async function userOf(
  context: Context,
  user: RunOptions["user"],
  roots: readonly string[] = ["/"],
): Promise<Credentials | undefined> {
  if (user === undefined) return undefined;
  if (roots.length === 0 || roots[0] === "/") return resolveUser(user);
  return resolveUser(user, await usersOfRoots(context, roots));
}

interface Started extends SpawnProgram {
  outcome: RunOutcome;
  /** Of a command that is not detached. */
  ended: Promise<ProcessEnd> | undefined;
}

/**
 * Starts the command. Waits while somebody works on the container, and without end while it is paused; makes again
 * what a reboot took.
 */
async function start(
  context: Context,
  name: string,
  makeInput: () => Promise<SpawnInput>,
  signal: AbortSignal | undefined,
): Promise<Started> {
  let input = await makeInput();
  // The init of a virtual host has ended, and its monitor has dropped the program that joined it.
  if (
    input.entrance.isolation?.alive.length === 0 &&
    !existsSync(programFile(context.places, name)) &&
    !context.busy.has(name)
  )
    await realiseAgain(context, name);
  let compiled = compileSpawn(context.arch, input);
  let deadline = performance.now() + PATIENCE_MS;
  let realised = false;
  for (let delay = 1; ; delay = Math.min(delay * 2, 50)) {
    signal?.throwIfAborted();
    try {
      if (input.detached)
        return { ...compiled, outcome: await context.executor.run(compiled.program), ended: undefined };
      const outcome = await context.executor.runAndWatch(compiled.program, compiled.pid);
      return { ...compiled, outcome, ended: outcome.ended };
    } catch (error) {
      if (!(error instanceof ProgramFailure)) throw error;
      if (failedAsPaused(compiled.program, error.step)) {
        requireContainer(context.places, name);
        deadline = performance.now() + PATIENCE_MS; // that nobody works on it is shown by this very failure
      } else if (error.errno === "EAGAIN" && error.syscall?.startsWith("flock")) {
        if (performance.now() >= deadline) throw containerBusy(name);
      } else if (failedAsEnded(compiled.program, error.step)) {
        input = await makeInput();
        compiled = compileSpawn(context.arch, input);
        continue;
      } else if (lostItsCgroups(compiled.program, error) && !realised) {
        await realiseAgain(context, name);
        realised = true;
        continue;
      } else throw translate(name, input, compiled.program, error);
    }
    await sleep(delay);
  }
}

/** Makes again what a restart of the machine took. */
export async function realiseAgain(context: Context, name: string): Promise<void> {
  requireContainer(context.places, name);
  using _lock = await lockContainer(context.executor, context.arch, context.places, name, {
    mode: "exclusive",
  });
  requireContainer(context.places, name);
  await ensureRealised(context, name);
}

const isExec = (program: Program, failure: ProgramFailure): boolean =>
  program.operations[failure.step]?.code === OP.exec;

/** The runtime directory or a cgroup is missing; a missing command or working directory is the caller's mistake. */
const lostItsCgroups = (program: Program, failure: ProgramFailure): boolean =>
  (failure.errno === "ENOENT" || failure.errno === "ENODEV") &&
  !isExec(program, failure) &&
  !failure.syscall?.startsWith("chdir");

/** The failures that a user makes, in the user's words. */
function translate(name: string, input: SpawnInput, program: Program, failure: ProgramFailure): LmctfyError {
  const command = input.argv[0]!;
  const facts = { errno: failure.errno!, syscall: failure.syscall!, path: command, cause: failure };
  if (isExec(program, failure)) {
    if (failure.errno === "ENOENT") {
      const where = command.includes("/") ? "" : " in PATH";
      const hint = "The name, or the interpreter that its first line names, does not exist.";
      return new LmctfyError("NOT_FOUND", `${name}: command not found${where}: ${command}`, {
        ...facts,
        hint,
      });
    }
    if (failure.errno === "EACCES") {
      return new LmctfyError("PERMISSION_DENIED", `${name}: may not be executed: ${command}`, facts);
    }
    return new LmctfyError(
      "INVALID_ARGUMENT",
      `${name}: cannot be executed: ${command}: ${failure.errno}`,
      facts,
    );
  }
  if (failure.syscall?.startsWith("chdir")) {
    const message = `${name}: the working directory ${input.cwd}: ${failure.errno}`;
    return new LmctfyError(failure.errno === "EACCES" ? "PERMISSION_DENIED" : "INVALID_ARGUMENT", message, {
      ...facts,
      path: input.cwd,
      hint: "Choose one that the command's user may enter: cwd in the library, -w in the command.",
    });
  }
  if (failure.errno === "ENOENT" && failure.syscall?.startsWith("clone3")) {
    const message = `${name}: it lies outside of the cgroup namespace that this process is in`;
    return new LmctfyError("FAILED_PRECONDITION", message, {
      ...facts,
      path: name,
      hint: "The cgroup file system is mounted with nsdelegate, which keeps processes inside of their namespace: start it from outside.",
    });
  }
  if (failure.errno === "EACCES" && process.geteuid!() !== 0) {
    return new LmctfyError(
      "PERMISSION_DENIED",
      `${name}: this process may not start anything in it: ${failure.message}`,
      {
        ...facts,
        path: name,
        hint: "The kernel lets a user start processes only in cgroups below one that is theirs and that the caller is in too; docs/delegation.md tells how to get there.",
      },
    );
  }
  if (failure.errno === "EAGAIN" && failure.syscall?.startsWith("clone3")) {
    return new LmctfyError("RESOURCE_EXHAUSTED", `${name}: no more processes: the limit of pids is reached`, {
      ...facts,
      hint: "pids.limit of the container, or of one above it, is used up: `lmctfy stats` shows it.",
    });
  }
  return failure;
}

function processOf(
  context: Context,
  name: string,
  before: string,
  started: Started,
  options: RunOptions,
): ContainerProcess {
  const { registers } = started.outcome;
  const value = (register: Register | undefined): number | undefined =>
    register && Number(registers[register.index]);
  const pid = value(started.pid)!;
  const pidfd = value(started.pidfd);
  const executorPid = context.executor.pid;
  const pipes = started.pipes.map(value);
  const stream = (index: number): ReturnType<typeof openPipe> | null => {
    const fd = pipes[index];
    return fd === undefined ? null : openPipe(executorPid, fd, index === 0 ? "write" : "read");
  };
  const [stdin, stdout, stderr] = [stream(0), stream(1), stream(2)];
  closeInExecutor(context, pipes);

  let aborted = false;
  const exited =
    started.ended === undefined
      ? Promise.reject(
          new LmctfyError("UNIMPLEMENTED", "the end of a detached command is its monitor's to know", {
            hint: "Container.lastExit() tells it afterwards.",
          }),
        )
      : started.ended.then((end): ProcessResult => {
          closeInExecutor(context, [pidfd]);
          stdin?.destroy();
          for (const output of [stdout, stderr]) letGo(output);
          const oom = oomBetween(before, readOomCounters(context, name));
          return describeEnd(end, { oom, aborted });
        });
  exited.catch(() => {}); // nobody has to look at it

  const running = new RunningProcess({ context, pid, pidfd, stdin, stdout, stderr, exited });
  const { signal } = options;
  if (signal && !options.detached) {
    const abort = (): void => {
      aborted = true;
      running.kill("SIGKILL").catch(() => {}); // fails only with the executor, which `exited` tells
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    const forget = (): void => signal.removeEventListener("abort", abort);
    exited.then(forget, forget);
  }
  return running;
}

/** Nobody reads it: what is left in it is read and dropped, so that the pipe is closed. */
function letGo(output: ReturnType<typeof openPipe> | null): void {
  if (output?.readableFlowing === null && output.listenerCount("readable") === 0) output.resume();
}

function checkArguments(name: string, argv: readonly string[], options: RunOptions): void {
  const invalid = (what: string): never => {
    throw new LmctfyError("INVALID_ARGUMENT", what, { path: name });
  };
  if (name === "/")
    invalid("commands do not run in the container /: it is the machine; choose a subcontainer");
  if (!Array.isArray(argv) || argv.some(word => typeof word !== "string"))
    invalid("the command is a list of texts");
  if (argv.length > MAX_WORDS) {
    throw new LmctfyError("RESOURCE_EXHAUSTED", `a command of ${argv.length} words: at most ${MAX_WORDS}`);
  }
  if (argv.length === 0 || argv[0] === "") invalid("no command given");
  if (argv.some(word => word.includes("\0"))) invalid("a word of the command contains a NUL");
  if (options.cwd !== undefined && (!options.cwd.startsWith("/") || options.cwd.includes("\0"))) {
    invalid(`the working directory must be an absolute path: ${JSON.stringify(options.cwd)}`);
  }
  if (options.detached && threeOf(options.stdio ?? "ignore").includes("pipe")) {
    invalid('a detached command outlives its caller and takes no pipes: choose "ignore" or "inherit"');
  }
}

function threeOf(stdio: NonNullable<RunOptions["stdio"]>): readonly StdioTarget[] {
  const three = typeof stdio === "string" ? [stdio, stdio, stdio] : stdio;
  const known = ["pipe", "inherit", "ignore"];
  if (three.length === 3 && three.every(target => known.includes(target))) return three;
  throw new LmctfyError(
    "INVALID_ARGUMENT",
    `stdio is one or three of ${known.join(", ")}: ${JSON.stringify(stdio)}`,
  );
}

function environment(env: Readonly<Record<string, string | undefined>>): string[] {
  const entries = Object.entries(env).filter(([, value]) => value !== undefined);
  for (const [key, value] of entries) {
    if (key === "" || key.includes("=") || key.includes("\0") || value!.includes("\0")) {
      throw new LmctfyError("INVALID_ARGUMENT", `not an environment variable: ${JSON.stringify(key)}`);
    }
  }
  return entries.map(([key, value]) => `${key}=${value}`);
}
