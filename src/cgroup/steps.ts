/**
 * What the host has to do to a cgroup tree, as data: it can be printed before it is done, and undone when it fails.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  writeSync,
} from "node:fs";
import { codeOfErrno, type ErrorCode, errnoOf, LmctfyError } from "../errors.ts";
import type { Program } from "../kernel/program.ts";

/** What to do about an error, by the kernel's name of it. */
export interface Hints {
  readonly [errno: string]: string;
}

/** Makes a directory, which makes a cgroup. */
export interface MkdirStep {
  op: "mkdir";
  path: string;
  /** For whom, as it stands in an error after "while": `creating container /a`. */
  stage: string;
  /** A directory that is there already is fine, and is then not undone. */
  mayExist?: boolean;
  /** What to do about an error, by its name: `{ ENOENT: "Its parent does not exist." }`. */
  hints?: Hints;
}

/** Writes a value to a control file; the file is never made, so that a missing one is noticed. */
export interface WriteStep {
  op: "write";
  path: string;
  value: string;
  /** `setting memory.limit`. */
  stage: string;
  /** A kernel without this file is fine. */
  optional?: boolean;
  hints?: Hints;
}

/** Hands a directory or control file to an owner; -1 leaves user or group as it is. */
export interface ChownStep {
  op: "chown";
  path: string;
  uid: number;
  gid: number;
  stage: string;
}

/** Lets a group write to a directory or control file, or not. */
export interface ChmodStep {
  op: "chmod";
  path: string;
  mode: number;
  stage: string;
}

/** Moves all processes of a cgroup into a leaf of it, which is made when it is missing. */
export interface VacateStep {
  op: "vacate";
  path: string;
  into: string;
  stage: string;
}

/** Runs a program in the executor: what no control file does, such as attaching eBPF. */
export interface ProgramStep {
  op: "program";
  program: Program;
  /** `setting device`. */
  stage: string;
  hints?: Hints;
}

export type HostStep = MkdirStep | WriteStep | ChownStep | ChmodStep | VacateStep | ProgramStep;

/** Runs a program; rejects with a `ProgramFailure`. */
export type RunProgram = (program: Program) => Promise<unknown>;

/** What `applySteps` changed. */
export interface Applied {
  /** The directories that were not there before, in the order of their making. */
  made: string[];
}

/** Does the steps in order. When one fails, the directories made so far are removed again and the failure is thrown. */
export function applySteps(steps: readonly HostStep[]): Applied {
  const made: string[] = [];
  for (const step of steps) {
    try {
      if (step.op === "program") throw new LmctfyError("INTERNAL", `no executor for ${step.stage}`);
      if (applyStep(step)) made.push(step.path);
    } catch (error) {
      throw undo(made, step, error);
    }
  }
  return { made };
}

/** As `applySteps`, with programs among the steps. */
export async function applyStepsWith(run: RunProgram, steps: readonly HostStep[]): Promise<Applied> {
  const made: string[] = [];
  for (const step of steps) {
    try {
      if (step.op === "program") await run(step.program);
      else if (applyStep(step)) made.push(step.path);
    } catch (error) {
      throw undo(made, step, error);
    }
  }
  return { made };
}

/** Removes what was made and gives what to throw. */
function undo(made: string[], step: HostStep, error: unknown): unknown {
  for (const path of made.reverse()) removeQuietly(path);
  return stepError(step, error);
}

/** Does one step; true when it made a directory. */
function applyStep(step: Exclude<HostStep, ProgramStep>): boolean {
  switch (step.op) {
    case "mkdir":
      try {
        mkdirSync(step.path, 0o755);
        return true;
      } catch (error) {
        if (step.mayExist && errnoOf(error) === "EEXIST") return false;
        throw error;
      }
    case "write":
      try {
        writeControl(step.path, step.value);
      } catch (error) {
        if (!(step.optional && errnoOf(error) === "ENOENT")) throw error;
      }
      return false;
    case "chown":
      chownSync(step.path, step.uid, step.gid);
      return false;
    case "chmod":
      chmodSync(step.path, step.mode);
      return false;
    case "vacate":
      vacate(step.path, step.into);
      return false;
  }
}

/** Forks may slip through while a list is worked off, so that it is read again. */
function vacate(path: string, into: string): void {
  for (let turn = 0; turn < 100; turn++) {
    const pids = readFileSync(`${path}/cgroup.procs`, "utf8").split("\n").filter(Boolean);
    if (pids.length === 0) return;
    applyStep({ op: "mkdir", path: into, stage: "", mayExist: true });
    for (const pid of pids) {
      // of another PID namespace; written, it would be this very process
      if (pid === "0") continue;
      try {
        writeControl(`${into}/cgroup.procs`, pid);
      } catch (error) {
        if (errnoOf(error) !== "ESRCH") throw error; // it has ended
      }
    }
  }
  throw Object.assign(new Error("processes keep coming"), { code: "EBUSY" });
}

/** Writes to a control file with one write call, without making or emptying it. */
export function writeControl(path: string, value: string): void {
  const file = openSync(path, constants.O_WRONLY);
  try {
    writeSync(file, value);
  } finally {
    closeSync(file);
  }
}

function removeQuietly(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // The failure that is about to be thrown matters more; the next command finds what is left by its name.
  }
}

function stepError(step: HostStep, error: unknown): unknown {
  if (step.op === "program") return programError(step, error);
  const errno = errnoOf(error) ?? "EIO";
  const value = step.op === "write" ? ` ${JSON.stringify(step.value)}` : "";
  const hint = hintOf(step, errno);
  return new LmctfyError(
    codeOf(step, errno),
    `${step.op} \`${step.path}\`${value}: ${errno} (while ${step.stage})`,
    {
      syscall: step.op,
      errno,
      path: step.path,
      cause: error,
      ...(hint !== undefined && { hint }),
    },
  );
}

/** The executor's error names call and stage already. */
function programError({ hints }: ProgramStep, error: unknown): unknown {
  if (!(error instanceof LmctfyError) || error.errno === undefined) return error;
  const { code, message, syscall, errno, hint = hints?.[errno] } = error;
  return new LmctfyError(code, message, {
    errno,
    cause: error,
    ...(syscall !== undefined && { syscall }),
    ...(hint !== undefined && { hint }),
  });
}

function codeOf(step: Exclude<HostStep, ProgramStep>, errno: string): ErrorCode {
  if (errno === "ENOENT") return "FAILED_PRECONDITION";
  const code = codeOfErrno(errno);
  if (step.op !== "write" || code === "PERMISSION_DENIED" || code === "FAILED_PRECONDITION") return code;
  return "UNAVAILABLE";
}

function hintOf(step: Exclude<HostStep, ProgramStep>, errno: string): string | undefined {
  const own = "hints" in step ? step.hints?.[errno] : undefined;
  if (own !== undefined) return own;
  switch (errno) {
    case "ENOENT":
      return step.op === "write" ? "This kernel has no such control file." : undefined;
    case "EACCES":
    case "EPERM":
      return "Run as root, or below a cgroup that belongs to you.";
    case "EROFS":
      return "The cgroup file system is mounted read-only here.";
    case "EAGAIN":
    case "ENOSPC":
      return step.op === "mkdir"
        ? "cgroup.max.descendants or cgroup.max.depth above it is used up."
        : undefined;
    default:
      return undefined;
  }
}

/** The step as strace would print it, a line per call. */
export function printStep(step: HostStep): string[] {
  switch (step.op) {
    case "mkdir":
      return [`mkdir(${JSON.stringify(step.path)}, 0755)`];
    case "write":
      return [`write(${JSON.stringify(step.path)}, ${JSON.stringify(step.value)})`];
    case "chown":
      return [`chown(${JSON.stringify(step.path)}, ${step.uid}, ${step.gid})`];
    case "chmod":
      return [`chmod(${JSON.stringify(step.path)}, 0${step.mode.toString(8)})`];
    case "vacate":
      return [
        `mkdir(${JSON.stringify(step.into)}, 0755)`,
        `write(${JSON.stringify(`${step.into}/cgroup.procs`)}, each of ${JSON.stringify(`${step.path}/cgroup.procs`)})`,
      ];
    case "program":
      return step.program.operations.map(operation => operation.label);
  }
}
