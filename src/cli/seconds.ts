/** Times on the command line. */
import { LmctfyError } from "../errors.ts";

/** Seconds, as a flag gives them; undefined when it is not given. */
export function secondsOf(text: string | undefined, flag = "timeout"): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  // what a timer can hold
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 2_000_000) return seconds;
  throw new LmctfyError("INVALID_ARGUMENT", `--${flag} ${text}: not a number of seconds, 0 to 2000000`);
}
