/** `lmctfy detect` */
import { LmctfyError } from "../../errors.ts";
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";

export async function detect({ args, flags }: Call): Promise<undefined> {
  const pid = args[0] === undefined ? undefined : parsePid(args[0]);
  const name = await withLmctfy(flags, async lmctfy => lmctfy.detect(pid));
  printPairs(flags.style, [["name", name]], { name });
}

/** The kernel's pid_t is 32 bit, and a process has a positive one. */
function parsePid(text: string): number {
  const pid = Number(text);
  if (/^[0-9]+$/.test(text) && pid > 0 && pid < 2 ** 31) return pid;
  throw new LmctfyError("INVALID_ARGUMENT", `${JSON.stringify(text)} is not the id of a process`, {
    hint: "An id is a positive number, as ps and lmctfy list pids print it.",
  });
}
