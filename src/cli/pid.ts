/** Process ids on the command line. */
import { LmctfyError } from "../errors.ts";

/** The kernel's pid_t is 32 bit, and a process has a positive one. */
export function parsePid(text: string): number {
  const pid = Number(text);
  if (/^[0-9]+$/.test(text) && pid > 0 && pid < 2 ** 31) return pid;
  throw new LmctfyError("INVALID_ARGUMENT", `${JSON.stringify(text)} is not the id of a process`, {
    hint: text.startsWith("-")
      ? "Flags of lmctfy stand before the container's name."
      : "An id is a positive number, as ps and lmctfy list pids print it.",
  });
}
