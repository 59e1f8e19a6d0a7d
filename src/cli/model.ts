/** What a command line consists of: the types of the table of commands, and of what parsing one gives. */

/** What a word may be completed with. */
export type Completion = "container" | "file" | "directory" | "user" | "pid" | "command" | "topic" | "none";

/** How results are printed. `auto` is the command's own form, see docs/cli.md. */
export type Style = "auto" | "pairs" | "long" | "values" | "json" | "binary";

/** The flags of one call. */
export interface Flags {
  style: Style;
  help?: true;
  version?: true;
  root?: string;
  config?: string;
  force?: true;
  recursive?: true;
  noWait?: true;
  user?: string;
  cwd?: string;
  timeout?: string;
  follow?: true;
  watch?: string;
  delay?: string;
  seconds?: string;
  count?: string;
  sort?: string;
  batch?: true;
  full?: true;
  stall?: string;
  window?: string;
  env?: string[];
}

/** A flag: its name is unique over all commands, so that flags may stand before the command's name. */
export interface Flag {
  /** The long name, without dashes. */
  readonly name: string;
  readonly short?: string;
  /** The original's spelling, without dashes: understood, not advertised. */
  readonly original?: string;
  /** What to call its value; a flag without one is a switch. */
  readonly value?: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  /** Where the value goes. */
  readonly key: keyof Flags;
  /** What a switch puts there. Default: true. */
  readonly puts?: Style;
  readonly repeatable?: boolean;
  /** Every command takes it. */
  readonly global?: boolean;
  readonly hidden?: boolean;
  readonly completes?: Completion;
  readonly summary: string;
}

export interface Argument {
  readonly name: string;
  readonly optional?: boolean;
  /** Takes all that is left, one or more; nothing in it is a flag. */
  readonly rest?: boolean;
  readonly completes: Completion;
  readonly summary: string;
}

/** An entry of the table: everything about a command except what it does. */
export interface Command {
  /** `["list", "pids"]` */
  readonly words: readonly [string, ...string[]];
  /** The one that its first word alone means. */
  readonly isDefault?: boolean;
  readonly args: readonly Argument[];
  /** Names of its flags; global ones come on top. */
  readonly flags: readonly string[];
  /** One line, without a full stop. */
  readonly summary: string;
  /** Paragraphs. */
  readonly about: readonly string[];
  /** What it prints with `--json`. */
  readonly json: string;
  readonly examples: readonly { readonly call: string; readonly does: string }[];
  /** Exit codes that mean something of their own here. */
  readonly exits: readonly { readonly code: string; readonly when: string }[];
}

/** One call of a command. */
export interface Call {
  readonly command: Command;
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** Does a command; resolves to its exit code, nothing = 0. */
export type CommandFunction = (call: Call) => Promise<number | undefined>;
