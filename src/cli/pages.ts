/** What help and man pages say, before either gives it a form: a page per first word of the commands. */
import { FLAGS } from "./flags.ts";
import type { Argument, Command, Flag } from "./model.ts";
import { COMMANDS } from "./table.ts";

export interface Page {
  /** The first word of its commands. */
  readonly word: string;
  readonly summary: string;
  readonly commands: readonly Command[];
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples: Command["examples"];
  readonly exits: Command["exits"];
}

const unique = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map(item => [key(item), item])).values(),
];

/** The page of a first word; undefined when no command has it. */
export function pageOf(word: string): Page | undefined {
  const commands = COMMANDS.filter(c => c.words[0] === word);
  if (commands.length === 0) return undefined;
  return {
    word,
    summary: commands.length === 1 ? commands[0]!.summary : MENUS[word]!,
    commands,
    args: unique(
      commands.flatMap(c => c.args),
      a => a.name,
    ),
    flags: FLAGS.filter(f => commands.some(c => c.flags.includes(f.name))),
    examples: commands.flatMap(c => c.examples),
    exits: unique(
      commands.flatMap(c => c.exits),
      e => e.code,
    ),
  };
}

/** Summaries of the words that several commands begin with. */
const MENUS: Readonly<Record<string, string>> = {
  list: "list the containers, processes or threads in a container",
  notify: "wait until something happens in a container",
  stats: "show what a container uses",
  update: "change the limits of a container",
};

/** All pages, in the order of the table. */
export const pages = (): Page[] =>
  unique(
    COMMANDS.map(c => c.words[0]),
    word => word,
  ).map(word => pageOf(word)!);

export const globalFlags = (): Flag[] => FLAGS.filter(f => f.global && !f.hidden);

/** `-c, --config FILE` */
export function flagTerm(flag: Flag): string {
  const long = `--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
  return flag.short === undefined ? long : `-${flag.short}, ${long}`;
}

export const PURPOSE = "let me contain that for you: limits, isolates and accounts for programs";

/** Exit codes that every command shares: the canonical numbers, as far as they occur. */
export const EXIT_CODES: readonly (readonly [code: string, when: string])[] = [
  ["0", "done"],
  ["1", "cancelled"],
  ["2", "unknown error"],
  ["3", "invalid argument: what was asked for makes no sense"],
  ["4", "deadline exceeded: it did not happen in time"],
  ["5", "not found; also no command, or no such command"],
  ["6", "already exists"],
  ["7", "permission denied"],
  ["8", "resource exhausted"],
  ["9", "failed precondition: not in the state that this needs"],
  ["11", "out of range"],
  ["12", "unimplemented: neither this version nor this machine can do it"],
  ["13", "internal error"],
  ["14", "unavailable: the kernel refused, or something vanished"],
];

export const ENVIRONMENT: readonly (readonly [name: string, what: string])[] = [
  ["LMCTFY_ROOT", "as --root, which goes before it"],
  ["NO_COLOR", "when it is set and not empty, nothing is coloured"],
];

export const FILES: readonly (readonly [path: string, what: string])[] = [
  ["/var/lib/lmctfy", "specs of the containers, and marks of what is being made or removed"],
  ["/run/lmctfy", "compiled programs, locks, and how detached commands ended; not there after a reboot"],
];
