/** Completion for zsh. */
import type { Argument, Command, Completion, Flag } from "../model.ts";
import { pages } from "../pages.ts";
import { takes } from "../parse.ts";
import { completionOf, flagsOf, offered, quote, secondWords, spellings } from "./shell.ts";

const ACTIONS: Readonly<Record<Completion, string>> = {
  container: "_lmctfy_containers",
  file: "_files",
  directory: "_files -/",
  user: "_users",
  pid: "_pids",
  command: "_normal",
  topic: "_lmctfy_topics",
  none: " ",
};

/** Text inside the brackets or between the colons of a specification of `_arguments`. */
const plain = (text: string): string => text.replaceAll(/([\\:[\]])/g, "\\$1");

function flagSpec(flag: Flag): string {
  const names = spellings(flag);
  const value = flag.value === undefined ? "" : `:${plain(flag.value)}:${ACTIONS[completionOf(flag)]}`;
  const help = `[${plain(flag.summary)}]${value}`;
  // a switch excludes itself once it is there, both spellings
  const exclusion = flag.repeatable ? "'*'" : quote(`(${names.join(" ")})`);
  if (names.length === 1) return quote(`${flag.repeatable ? "*" : ""}${names[0]}${help}`);
  return `${exclusion}{${names.join(",")}}${quote(help)}`;
}

function argumentSpec(arg: Argument): string {
  const action = ACTIONS[arg.completes];
  // three colons: the action sees these words only, so that the command in them is the first
  if (arg.rest) return quote(`*:::${plain(arg.name)}:${action}`);
  return quote(`${arg.optional ? ":" : ""}:${plain(arg.name)}:${action}`);
}

const argumentsCall = (flags: readonly Flag[], others: readonly string[]): string =>
  ["_arguments -s -S", ...flags.map(flagSpec), ...others].join(" \\\n        ");

function commandCase(first: string, commands: readonly Command[]): string {
  if (commands.length === 1) {
    const [command] = commands;
    return `      ${first})
        ${argumentsCall(flagsOf(command!), command!.args.map(argumentSpec))} ;;`;
  }
  // its second word, or already the argument of the default; and the flags of all of them
  const standard = commands.find(c => c.isDefault)!;
  const flags = offered().filter(flag => commands.some(c => takes(c, flag)));
  return `      ${first})
        ${argumentsCall(flags, [quote(`:subcommand or container:_lmctfy_${first}`), ...standard.args.map(argumentSpec)])} ;;`;
}

export function zshCompletion(): string {
  const menus = pages().filter(page => page.commands.length > 1);
  const global = offered().filter(f => f.global);
  return `#compdef lmctfy
# zsh completion for lmctfy, made from its table of commands.

_lmctfy_containers() {
  local -a names root
  [[ -n \${opt_args[--root]} ]] && root=(--root "\${(Q)opt_args[--root]}")
  names=(\${(f)"$(_call_program containers lmctfy $root list -r -v / 2>/dev/null)"})
  _describe -t containers container names
}

_lmctfy_topics() {
  local -a topics
  topics=(
${pages()
  .map(page => `    ${quote(`${page.word}:${page.summary.replaceAll(":", "\\:")}`)}`)
  .join("\n")}
  )
  _describe -t commands command topics
}
${menus
  .map(
    page => `
_lmctfy_${page.word}() {
  local -a words
  words=(
${secondWords(page.word)
  .map(c => `    ${quote(`${c.words[1]}:${c.summary.replaceAll(":", "\\:")}`)}`)
  .join("\n")}
  )
  _describe -t commands subcommand words
  _lmctfy_containers
}
`,
  )
  .join("")}
_lmctfy() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C -s -S \\
    ${global.map(flagSpec).join(" \\\n    ")} \\
    '1:command:_lmctfy_topics' '*::argument:->argument' && return 0
  if [[ $state == argument ]]; then
    case $words[1] in
${pages()
  .map(page => commandCase(page.word, page.commands))
  .join("\n")}
    esac
  fi
}

_lmctfy "$@"
`;
}
