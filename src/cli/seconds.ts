/** The value of `--timeout`. */
import { LmctfyError } from "../errors.ts";

export function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  // what a timer can hold
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 2_000_000) return seconds;
  throw new LmctfyError("INVALID_ARGUMENT", `--timeout ${text}: not a number of seconds, 0 to 2000000`);
}
