/** What the completions of all shells are made from. */
import { FLAGS } from "../flags.ts";
import type { Command, Completion, Flag } from "../model.ts";
import { takes } from "../parse.ts";
import { COMMANDS } from "../table.ts";

/** Flags that anybody types. */
export const offered = (flags: readonly Flag[] = FLAGS): Flag[] => flags.filter(f => !f.hidden);

export const flagsOf = (command: Command): Flag[] => offered().filter(f => takes(command, f));

/** `-c --config` */
export const spellings = (flag: Flag): string[] =>
  flag.short === undefined ? [`--${flag.name}`] : [`-${flag.short}`, `--${flag.name}`];

export const firstWords = (): string[] => [...new Set(COMMANDS.map(c => c.words[0]))];

/** The second words after a first one. */
export const secondWords = (first: string): Command[] =>
  COMMANDS.filter(c => c.words[0] === first && c.words.length > 1);

export const completionOf = (flag: Flag): Completion => flag.completes ?? "none";

/** A text in single quotes. */
export const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
