/** Completion for fish. */
import type { Command, Completion, Flag } from "../model.ts";
import { pages } from "../pages.ts";
import { COMMANDS } from "../table.ts";
import { completionOf, flagsOf, offered, quote, secondWords, spellings } from "./shell.ts";

const SOURCES: Readonly<Record<Completion, string | undefined>> = {
  container: "(__lmctfy_containers)",
  file: "(__fish_complete_path (commandline -ct))",
  directory: "(__fish_complete_directories (commandline -ct) '')",
  user: "(__fish_complete_users)",
  pid: "(__fish_complete_pids)",
  command: undefined,
  topic: undefined,
  none: undefined,
};

/** A text in single quotes, fish's way. */
const fishQuote = (text: string): string => `'${text.replaceAll(/[\\']/g, "\\$&")}'`;

const complete = (condition: string, ...rest: readonly string[]): string =>
  `complete -c lmctfy -n ${fishQuote(condition)} ${rest.join(" ")}`;

function flagLine(condition: string, flag: Flag): string {
  const words = [
    flag.short === undefined ? "" : `-s ${flag.short}`,
    `-l ${flag.name}`,
    `-d ${fishQuote(flag.summary)}`,
  ];
  if (flag.value !== undefined) {
    const source = SOURCES[completionOf(flag)];
    words.push("-x", source === undefined ? "" : `-a ${quote(source)}`);
  }
  return complete(condition, ...words.filter(word => word !== ""));
}

function commandLines(command: Command): string[] {
  const key = command.words.join(" ");
  const result = flagsOf(command)
    .filter(flag => !flag.global)
    .map(flag => flagLine(`__lmctfy_at ${key}`, flag));
  for (const [i, arg] of command.args.entries()) {
    const source = SOURCES[arg.completes];
    if (source !== undefined)
      result.push(complete(`__lmctfy_at ${key}; and __lmctfy_count ${i}`, `-a ${quote(source)}`));
  }
  return result;
}

export function fishCompletion(): string {
  const valued = offered().filter(f => f.value !== undefined);
  const menus = pages().filter(page => page.commands.length > 1);
  return `# fish completion for lmctfy, made from its table of commands.

# The words of the command, then its arguments so far; flags and their values left out. After "run NAME" nothing
# is ours: "run", "*", and how many words that takes.
function __lmctfy_words
    set -l words (commandline -opc)
    set -e words[1]
    set -l result
    set -l skip 0
    set -l seen 1
    for word in $words
        set seen (math $seen + 1)
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ${valued.flatMap(spellings).join(" ")}
                set skip 1
            case '-*'
            case '*'
                set -a result $word
                if test "$result[1]" = run -a (count $result) -ge 2
                    echo run
                    echo '*'
                    echo $seen
                    return
                end
        end
    end
    if set -q result[1]
        switch $result[1]
${menus
  .map(page => {
    const standard = page.commands.find(c => c.isDefault)!.words[1];
    const others = secondWords(page.word).map(c => c.words[1]);
    return `            case ${page.word}
                contains -- "$result[2]" ${others.join(" ")}
                or set result $result[1] ${standard} $result[2..]`;
  })
  .join("\n")}
        end
    end
    set -q result[1]
    and printf '%s\\n' $result
end

function __lmctfy_at
    set -l words (__lmctfy_words)
    test "$words[1..$(count $argv)]" = "$argv"; and test "$words[2]" != '*'
end

# How many arguments are there already?
function __lmctfy_count
    set -l words (__lmctfy_words)
    set -l count (math (count $words) - 1)
    contains -- "$words[1]" ${menus.map(page => page.word).join(" ")}
    and set count (math $count - 1)
    test $count = $argv[1]
end

function __lmctfy_containers
    set -l root
    set -l words (commandline -opc)
    set -l at (contains -i -- --root $words)
    and set root --root $words[(math $at + 1)]
    lmctfy $root list -r -v / 2>/dev/null
end

function __lmctfy_first
    test (count (__lmctfy_words)) = 0
end

function __lmctfy_ours
    set -l words (__lmctfy_words)
    test "$words[2]" != '*'
end

function __lmctfy_subcommand
    set -l words (__lmctfy_words)
    __fish_complete_subcommand --fcs-skip=$words[3]
end

complete -c lmctfy -f
${offered()
  .filter(f => f.global)
  .map(f => flagLine("__lmctfy_ours", f))
  .join("\n")}
${pages()
  .map(page => complete("__lmctfy_first", `-a ${page.word}`, `-d ${fishQuote(page.summary)}`))
  .join("\n")}
${menus
  .flatMap(page =>
    secondWords(page.word).map(c =>
      complete(
        `test (commandline -opc)[-1] = ${page.word}`,
        `-a ${c.words[1]}`,
        `-d ${fishQuote(c.summary)}`,
      ),
    ),
  )
  .join("\n")}
${complete(
  "test (commandline -opc)[-1] = help",
  `-a ${quote(
    pages()
      .map(page => page.word)
      .join(" "),
  )}`,
)}
${COMMANDS.flatMap(commandLines).join("\n")}
${complete("not __lmctfy_ours", "-x", "-a '(__lmctfy_subcommand)'")}
`;
}
