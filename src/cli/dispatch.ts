/** What was understood → done: picks the command, reports what went wrong, and gives the exit code. */
import { LmctfyError } from "../errors.ts";
import { LOADERS } from "./load.ts";
import type { Command } from "./model.ts";
import { OutputClosed, remark, report } from "./output.ts";
import type { Parsed } from "./parse.ts";

/** Exit code of a call without a command, as in the original. */
const NO_COMMAND = 5;

/** Never rejects. */
export async function dispatch(parsed: Parsed): Promise<number> {
  try {
    return await attempt(parsed);
  } catch (error) {
    if (error instanceof OutputClosed) return 0;
    return report(error, parsed.flags.style);
  }
}

async function attempt({ command, args, flags, problem }: Parsed): Promise<number> {
  // A word that is no command may have flags behind it that are not ours: they mean nothing.
  if (command === undefined && problem !== undefined) throw problem;
  if (flags.help || isHelpWord(command, args)) {
    const { printHelp } = await import("./commands/help.ts");
    printHelp(command === undefined ? [] : command.words.slice(0, 1), flags.style);
    return 0;
  }
  if (flags.version) {
    const { printVersion } = await import("./commands/version.ts");
    await printVersion(flags.style);
    return 0;
  }
  if (problem !== undefined) throw problem;
  if (command === undefined) {
    if (flags.style === "json") throw new LmctfyError("NOT_FOUND", "no command was given");
    const { overview } = await import("./help.ts");
    remark(overview(false));
    return NO_COMMAND;
  }
  const run = await LOADERS[command.words[0]]!();
  return (await run({ command, args, flags })) ?? 0;
}

/** `lmctfy destroy help`, as the original has it. A container of that name is `./help`. */
function isHelpWord(command: Command | undefined, args: readonly string[]): boolean {
  return command !== undefined && command.words[0] !== "help" && args.length === 1 && args[0] === "help";
}
