/** Words → call: the parser over the table. */
import { LmctfyError } from "../errors.ts";
import { nearest } from "../spec/suggest.ts";
import { FLAGS, shortest } from "./flags.ts";
import type { Command, Flag, Flags } from "./model.ts";
import { COMMANDS } from "./table.ts";

/** What the words were understood as; `problem` says why the call cannot be done as it stands. */
export interface Parsed {
  command: Command | undefined;
  /** The words that are no flags and no command's name. */
  args: string[];
  flags: Flags;
  problem: LmctfyError | undefined;
}

/**
 * Understands a command line. Never throws: after a problem the rest is read too, so that the output style and
 * `--help` are known when the problem is reported.
 *
 * Flags may stand anywhere up to a `--`; when the command has an argument that takes the rest (`run`), they end
 * where that one begins, and not one of its words is looked at.
 */
export function parse(words: readonly string[]): Parsed {
  const flags: Flags = { style: "auto" };
  const given: { flag: Flag; written: string }[] = [];
  const args: string[] = [];
  let problem: LmctfyError | undefined;
  const fail = (error: LmctfyError | undefined): void => {
    problem ??= error;
  };

  let command: Command | undefined;
  let menu: string | undefined;
  let unknown = false;
  let flagsEnded = false;
  let i = 0;

  /** Where a flag's value comes from when it is a word of its own. */
  const nextWord = (): string | undefined => (i < words.length ? words[i++] : undefined);
  const takeFlag = (flag: Flag, written: string, attached: string | undefined): void => {
    given.push({ flag, written });
    fail(storeFlag(flags, flag, written, flag.value === undefined ? attached : (attached ?? nextWord())));
  };
  const takeLong = (word: string): void => {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const flag = FLAGS.find(f => (f.name === name && !f.hidden) || f.original === name);
    if (flag) takeFlag(flag, `--${name}`, equals < 0 ? undefined : word.slice(equals + 1));
    else fail(unknownFlag(`--${name}`, command));
  };
  const takeShorts = (word: string): void => {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const flag = FLAGS.find(f => f.short === letter);
      if (!flag) {
        fail(unknownFlag(word.length > 2 ? `-${letter} in ${word}` : word, command, letter));
        return;
      }
      if (flag.value !== undefined) {
        takeFlag(flag, `-${letter}`, at + 1 < word.length ? word.slice(at + 1) : undefined);
        return;
      }
      takeFlag(flag, `-${letter}`, undefined);
    }
  };

  while (i < words.length) {
    const word = words[i++]!;
    if (!flagsEnded && word === "--") {
      flagsEnded = true;
    } else if (!flagsEnded && word.startsWith("--")) {
      takeLong(word);
    } else if (!flagsEnded && /^-[^0-9]/.test(word)) {
      takeShorts(word);
    } else if (command === undefined && !unknown) {
      const found = COMMANDS.filter(c => c.words[0] === (menu ?? word));
      if (menu !== undefined) {
        command = found.find(c => c.words[1] === word);
        if (command === undefined) {
          command = found.find(c => c.isDefault)!;
          args.push(word);
        }
      } else if (found.length === 0) {
        unknown = true;
        fail(unknownCommand(word));
      } else if (found[0]!.words.length > 1) {
        menu = word;
      } else {
        command = found[0];
      }
    } else {
      args.push(word);
      if (command !== undefined && restStarts(command, args.length)) {
        if (words[i] === "--") i++;
        args.push(...words.slice(i));
        break;
      }
    }
  }
  if (command === undefined && menu !== undefined) {
    command = COMMANDS.find(c => c.words[0] === menu && c.isDefault);
  }
  if (command !== undefined) {
    fail(misplacedFlag(command, given));
    fail(wrongCount(command, args));
  }
  return { command, args, flags, problem };
}

/** Whether the argument that takes the rest comes after this many words. */
function restStarts(command: Command, count: number): boolean {
  return count > 0 && command.args[count]?.rest === true;
}

const TRUE = ["true", "t", "yes", "y", "1"];
const FALSE = ["false", "f", "no", "n", "0"];

function storeFlag(
  flags: Flags,
  flag: Flag,
  written: string,
  value: string | undefined,
): LmctfyError | undefined {
  // One assignment for all keys: the table says which type each has.
  const store = flags as unknown as Record<string, unknown>;
  if (flag.value === undefined) {
    if (value !== undefined && FALSE.includes(value)) {
      if (flag.puts === undefined) delete store[flag.key];
      else if (store[flag.key] === flag.puts) store[flag.key] = "auto";
      return undefined;
    }
    if (value !== undefined && !TRUE.includes(value)) {
      return invalid(`${written} takes no value, but was given ${JSON.stringify(value)}`);
    }
    store[flag.key] = flag.puts ?? true;
    return undefined;
  }
  if (value === undefined) return invalid(`${written} lacks its value`, `Write ${written} ${flag.value}.`);
  if (flag.choices && !flag.choices.includes(value)) {
    return invalid(
      `${written}: there is no ${JSON.stringify(value)}`,
      `The choices are ${flag.choices.join(", ")}.`,
    );
  }
  if (flag.repeatable) store[flag.key] = [...((store[flag.key] as string[] | undefined) ?? []), value];
  else store[flag.key] = value;
  return undefined;
}

function invalid(message: string, hint?: string): LmctfyError {
  return new LmctfyError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });
}

/** Whether a command takes a flag. */
export const takes = (command: Command, flag: Flag): boolean =>
  flag.global === true || command.flags.includes(flag.name);

function unknownFlag(written: string, command: Command | undefined, letter?: string): LmctfyError {
  const known = FLAGS.filter(f => !f.hidden && (command === undefined || takes(command, f)));
  // A letter is one slip away from every other letter: nothing to guess.
  const guess =
    letter === undefined
      ? nearest(
          written.slice(2),
          known.map(f => f.name),
        )
      : undefined;
  const hint =
    guess === undefined
      ? `The flags are ${known.map(f => (f.short === undefined ? `--${f.name}` : `-${f.short}`)).join(" ")}; see lmctfy help${command ? ` ${command.words.join(" ")}` : ""}.`
      : `Did you mean --${guess}?`;
  return invalid(`unknown flag ${written}`, hint);
}

function misplacedFlag(
  command: Command,
  given: readonly { flag: Flag; written: string }[],
): LmctfyError | undefined {
  const wrong = given.find(({ flag }) => !takes(command, flag));
  if (wrong === undefined) return undefined;
  const owners = COMMANDS.filter(c => takes(c, wrong.flag)).map(c => c.words.join(" "));
  return invalid(
    `${command.words.join(" ")} takes no ${wrong.written}`,
    `It is a flag of ${owners.join(", ")}.`,
  );
}

/** The error for a first word, or words, that are no command. */
export function unknownCommand(word: string): LmctfyError {
  const guess = nearest(
    word,
    COMMANDS.map(c => c.words[0]),
  );
  return new LmctfyError("NOT_FOUND", `there is no command ${JSON.stringify(word)}`, {
    hint: guess === undefined ? "lmctfy help lists the commands." : `Did you mean lmctfy ${guess}?`,
  });
}

function wrongCount(command: Command, args: readonly string[]): LmctfyError | undefined {
  const name = command.words.join(" ");
  const lacking = command.args.slice(args.length).find(a => !a.optional);
  if (lacking !== undefined) {
    return invalid(`${name}: ${lacking.name} is missing`, `Usage: ${usage(command)}`);
  }
  if (command.args.at(-1)?.rest || args.length <= command.args.length) return undefined;
  const extra = JSON.stringify(args[command.args.length]);
  return invalid(
    `${name}: ${extra} is one argument too many`,
    meantSubcommand(command, args) ?? `Usage: ${usage(command)}`,
  );
}

/** A hint for `list pid /x`, which says "the containers in pid". */
export function meantSubcommand(command: Command, args: readonly string[]): string | undefined {
  if (!command.isDefault || args[0] === undefined) return undefined;
  const others = COMMANDS.filter(c => c.words[0] === command.words[0]).map(c => c.words[1]!);
  const guess = nearest(args[0], others);
  return guess === undefined ? undefined : `Did you mean lmctfy ${command.words[0]} ${guess}?`;
}

/** `lmctfy run [-n] [-u USER[:GROUP]] NAME COMMAND...` */
export function usage(command: Command): string {
  const [first, ...others] = command.words;
  const words = [
    command.isDefault ? [first, ...others.map(w => `[${w}]`)].join(" ") : command.words.join(" "),
  ];
  for (const flag of FLAGS) {
    if (!command.flags.includes(flag.name)) continue;
    const value = flag.value === undefined ? "" : ` ${flag.value}`;
    words.push(`[${shortest(flag)}${value}]${flag.repeatable ? "..." : ""}`);
  }
  for (const arg of command.args) {
    const name = arg.rest ? `${arg.name}...` : arg.name;
    words.push(arg.optional ? `[${name}]` : name);
  }
  return `lmctfy ${words.join(" ")}`;
}
