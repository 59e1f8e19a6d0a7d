/** `lmctfy help` */
import { FLAGS } from "../flags.ts";
import { explain, overview } from "../help.ts";
import type { Call, Style } from "../model.ts";
import { colours, print, printJson, STDOUT } from "../output.ts";
import { pageOf } from "../pages.ts";
import { unknownCommand } from "../parse.ts";
import { COMMANDS } from "../table.ts";

export async function help({ args, flags }: Call): Promise<undefined> {
  printHelp(args, flags.style);
}

/** Explains the command that the words name; no words: all of them. */
export function printHelp(words: readonly string[], style: Style): void {
  const word = words[0];
  const page = word === undefined ? undefined : pageOf(word);
  if (word !== undefined && page === undefined) throw unknownCommand(word);
  if (words[1] !== undefined && !page!.commands.some(c => c.words[1] === words[1])) {
    throw unknownCommand(words.join(" "));
  }
  if (style === "json") {
    const flags = FLAGS.filter(f => !f.hidden).map(({ key: _key, puts: _puts, ...flag }) => flag);
    printJson({ commands: page?.commands ?? COMMANDS, flags });
  } else {
    print(page === undefined ? overview(colours(STDOUT)) : explain(page, colours(STDOUT)));
  }
}
