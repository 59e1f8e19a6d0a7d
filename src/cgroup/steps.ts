/**
 * What the host has to do to a cgroup tree, as data: it can be printed before it is done, and undone when it fails.
 */
import { chownSync, closeSync, constants, mkdirSync, openSync, rmdirSync, writeSync } from "node:fs";
import { codeOfErrno, type ErrorCode, errnoOf, LmctfyError } from "../errors.ts";

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

export type HostStep = MkdirStep | WriteStep | ChownStep;

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
      if (applyStep(step)) made.push(step.path);
    } catch (error) {
      for (const path of made.reverse()) removeQuietly(path);
      throw stepError(step, error);
    }
  }
  return { made };
}

/** Does one step; true when it made a directory. */
function applyStep(step: HostStep): boolean {
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
  }
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

function stepError(step: HostStep, error: unknown): LmctfyError {
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

function codeOf(step: HostStep, errno: string): ErrorCode {
  if (errno === "ENOENT") return "FAILED_PRECONDITION";
  const code = codeOfErrno(errno);
  if (step.op !== "write" || code === "PERMISSION_DENIED" || code === "FAILED_PRECONDITION") return code;
  return "UNAVAILABLE";
}

function hintOf(step: HostStep, errno: string): string | undefined {
  const own = step.op === "chown" ? undefined : step.hints?.[errno];
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

/** The step as strace would print it. */
export function printStep(step: HostStep): string {
  switch (step.op) {
    case "mkdir":
      return `mkdir(${JSON.stringify(step.path)}, 0755)`;
    case "write":
      return `write(${JSON.stringify(step.path)}, ${JSON.stringify(step.value)})`;
    case "chown":
      return `chown(${JSON.stringify(step.path)}, ${step.uid}, ${step.gid})`;
  }
}
