/** Errors of the library, with what the command line knows better. */
import { type ErrorDetails, LmctfyError } from "../errors.ts";

/** The same error with another hint. */
export function withHint(error: LmctfyError, hint: string): LmctfyError {
  const details: ErrorDetails = { hint, cause: error };
  for (const key of ["place", "syscall", "errno", "path"] as const) {
    const fact = error[key];
    if (fact !== undefined) details[key] = fact;
  }
  return new LmctfyError(error.code, error.message, details);
}
