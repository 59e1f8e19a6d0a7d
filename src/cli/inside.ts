/** Entry points that are not for people: the build's, and those of the C front. */
import { LmctfyError } from "../errors.ts";
import { report } from "./output.ts";

export async function inside(
  what: "--generate" | "--hot-run" | "--killed",
  words: readonly string[],
): Promise<number> {
  return report(new LmctfyError("UNIMPLEMENTED", `${what} ${words.join(" ")}`), "auto");
}
