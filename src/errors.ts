/**
 * The one error class of lmctfy: a canonical code, what failed, why, and what to do.
 *
 * The numbers of the codes are those of the canonical RPC status codes and are the exit codes of the command.
 */
export const ERROR_CODES = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** A canonical error code, by name. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts that accompany an error; each is optional. */
export interface ErrorDetails {
  /** What the reader can do about it, one sentence. */
  hint?: string;
  /** Where in the input: `spec:1:24`, `spec.cpu.max_limit`. */
  place?: string;
  /** The system call that failed, as strace prints it, or its name. */
  syscall?: string;
  /** The kernel's error name, `ENOENT`. */
  errno?: string;
  /** The file or container that it is about. */
  path?: string;
  /** The error behind this one. */
  cause?: unknown;
}

/**
 * Every failure that the library reports. `message` says what failed and why, without the hint;
 * `describe()` gives the text for people.
 */
export class LmctfyError extends Error {
  override readonly name = "LmctfyError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly place: string | undefined;
  readonly syscall: string | undefined;
  readonly errno: string | undefined;
  readonly path: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.place = details.place;
    this.syscall = details.syscall;
    this.errno = details.errno;
    this.path = details.path;
  }

  /** The number of the code: what the command exits with. */
  get exitCode(): number {
    return ERROR_CODES[this.code];
  }

  /** Message and hint, for people. */
  describe(): string {
    const place = this.place === undefined ? "" : `${this.place}: `;
    return this.hint === undefined ? `${place}${this.message}` : `${place}${this.message}\n  ${this.hint}`;
  }

  /** A stable shape for `--json`. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      exit_code: this.exitCode,
      message: this.message,
      ...(this.hint !== undefined && { hint: this.hint }),
      ...(this.place !== undefined && { place: this.place }),
      ...(this.syscall !== undefined && { syscall: this.syscall }),
      ...(this.errno !== undefined && { errno: this.errno }),
      ...(this.path !== undefined && { path: this.path }),
    };
  }
}

/** The kernel's name of what a node:fs call threw, such as `ENOENT`; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}

/**
 * Turns what a node:fs call threw into an LmctfyError that says verb, object and errno
 * (``mkdir `/sys/fs/cgroup/x`: ENOSPC``).
 */
export function fromSystemError(error: unknown, verb: string, path: string, hint?: string): LmctfyError {
  if (error instanceof LmctfyError) return error;
  const errno = errnoOf(error) ?? "EIO";
  const details = { syscall: verb, errno, path, cause: error, ...(hint !== undefined && { hint }) };
  return new LmctfyError(codeOfErrno(errno), `${verb} \`${path}\`: ${errno}`, details);
}

/** The canonical code that fits an errno when nothing better is known. */
export function codeOfErrno(errno: string): ErrorCode {
  switch (errno) {
    case "ENOENT":
    case "ESRCH":
      return "NOT_FOUND";
    case "EEXIST":
      return "ALREADY_EXISTS";
    case "EPERM":
    case "EACCES":
    case "EROFS":
      return "PERMISSION_DENIED";
    case "EINVAL":
    case "ENAMETOOLONG":
    case "ENOTDIR":
    case "EISDIR":
      return "INVALID_ARGUMENT";
    case "ERANGE":
      return "OUT_OF_RANGE";
    case "ENOSPC":
    case "EMFILE":
    case "ENFILE":
    case "ENOMEM":
    case "EAGAIN":
      return "RESOURCE_EXHAUSTED";
    case "EBUSY":
    case "ENOTEMPTY":
      return "FAILED_PRECONDITION";
    case "ENOSYS":
    case "EOPNOTSUPP":
      return "UNIMPLEMENTED";
    default:
      return "INTERNAL";
  }
}
