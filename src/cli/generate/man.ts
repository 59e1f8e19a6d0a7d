/** The table as man pages: lmctfy(1), and one for each first word of the commands. */
import { shortest } from "../flags.ts";
import type { Argument, Command, Flag } from "../model.ts";
import { ENVIRONMENT, EXIT_CODES, FILES, globalFlags, type Page, PURPOSE, pages } from "../pages.ts";
import { VERSION } from "../version.ts";

export function manPages(): Map<string, string> {
  const all = pages();
  const result = new Map([["lmctfy.1", mainPage(all)]]);
  for (const page of all) result.set(`lmctfy-${page.word}.1`, commandPage(page));
  return result;
}

/** Text as roff: no backslash, dot or quote of ours means anything to it. */
export function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/gm, "\\&");
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;
const italic = (text: string): string => `\\fI${roff(text)}\\fR`;

/** Macros by line; an empty entry is left out. */
const lines = (...parts: readonly (string | readonly string[])[]): string =>
  `${parts
    .flat()
    .filter(line => line !== "")
    .join("\n")}\n`;

const title = (name: string): string =>
  `.TH ${name.toUpperCase().replaceAll("-", "\\-")} 1 "" "lmctfy ${VERSION}" "lmctfy"\n.nh`;

const section = (name: string, content: readonly string[]): string[] =>
  content.length === 0 ? [] : [`.SH ${name}`, ...content.slice(content[0] === ".PP" ? 1 : 0)];

const definitions = (items: readonly (readonly [term: string, meaning: string])[]): string[] =>
  items.flatMap(([term, meaning]) => [".TP", term, roff(sentence(meaning))]);

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`;

const paragraphs = (texts: readonly string[]): string[] => texts.flatMap(text => [".PP", roff(text)]);

function flagTerm(flag: Flag): string {
  const value = flag.value === undefined ? "" : ` ${italic(flag.value)}`;
  const long = bold(`--${flag.name}`) + value;
  return flag.short === undefined ? long : `${bold(`-${flag.short}`)}, ${long}`;
}

const flagDefinitions = (flags: readonly Flag[]): string[] =>
  definitions(flags.map(flag => [flagTerm(flag), flag.summary]));

function argumentTerm(arg: Argument): string {
  const name = arg.rest ? `${italic(arg.name)}...` : italic(arg.name);
  return arg.optional ? `[${name}]` : name;
}

function synopsis(command: Command, flags: readonly Flag[]): string[] {
  const [first, ...others] = command.words;
  const words = [bold(`lmctfy ${first}`)];
  for (const word of others) words.push(command.isDefault ? `[${bold(word)}]` : bold(word));
  for (const flag of flags.filter(f => command.flags.includes(f.name))) {
    const value = flag.value === undefined ? "" : ` ${italic(flag.value)}`;
    words.push(`[${bold(shortest(flag))}${value}]${flag.repeatable ? "..." : ""}`);
  }
  return [".PP", [...words, ...command.args.map(argumentTerm)].join(" ")];
}

const example = ({ call, does }: Command["examples"][number]): string[] => [
  ".PP",
  roff(`${does[0]!.toUpperCase()}${does.slice(1)}:`),
  ".PP",
  ".RS 4",
  ".EX",
  roff(call),
  ".EE",
  ".RE",
];

function mainPage(all: readonly Page[]): string {
  return lines(
    title("lmctfy"),
    section("NAME", [`lmctfy \\- ${roff(PURPOSE)}`]),
    section("SYNOPSIS", [
      `${bold("lmctfy")} [${italic("FLAG")}...] ${italic("COMMAND")} [${italic("ARGUMENT")}...]`,
    ]),
    section(
      "DESCRIPTION",
      paragraphs([
        "lmctfy (Let Me Contain That For You) keeps programs in containers. A container is what its spec says: so much memory, so much CPU time, so many processes. Containers lie in containers, and have paths as names.",
        "Flags may stand before or after the words of the command. In run they end at the container's name, for what follows is the command to run.",
      ]),
    ),
    section("COMMANDS", [
      ...definitions(all.map(page => [bold(page.word), `${page.summary}: see lmctfy-${page.word}(1)`])),
    ]),
    section("FLAGS OF EVERY COMMAND", flagDefinitions(globalFlags())),
    section(
      "OUTPUT",
      paragraphs([
        'Results go to standard output as key="value" lines, one fact a line, or as -l, -v or --json say; of these, the last one counts. Specs and statistics are printed as protocol buffer text whatever -p, -l and -v say.',
        'With --json there is one JSON value per call, on one line. An error is then, on standard error, {"error": {"code": "NOT_FOUND", "exit_code": 5, "message": "..."}}, with "hint", "place", "syscall", "errno" and "path" where they are known.',
      ]),
    ),
    section("EXIT STATUS", [
      ...paragraphs(["run exits as the command does that it runs; see lmctfy-run(1). Otherwise:"]),
      ...definitions(EXIT_CODES.map(([code, when]) => [bold(code), when])),
    ]),
    section("ENVIRONMENT", definitions(ENVIRONMENT.map(([name, what]) => [bold(name), what]))),
    section("FILES", definitions(FILES.map(([path, what]) => [italic(path), what]))),
    section(
      "EXAMPLES",
      all
        .filter(page => ["create", "run", "stats", "destroy"].includes(page.word))
        .flatMap(page => example(page.examples[0]!)),
    ),
    section("SEE ALSO", seeAlso(all.map(page => page.word))),
  );
}

function commandPage(page: Page): string {
  const { word, commands } = page;
  const several = commands.length > 1;
  return lines(
    title(`lmctfy-${word}`),
    section("NAME", [`lmctfy\\-${roff(word)} \\- ${roff(page.summary)}`]),
    section(
      "SYNOPSIS",
      commands.flatMap(command => synopsis(command, page.flags)),
    ),
    section(
      "DESCRIPTION",
      commands.flatMap(c =>
        several ? [`.SS ${roff(c.words.join(" "))}`, ...paragraphs(c.about).slice(1)] : paragraphs(c.about),
      ),
    ),
    section("ARGUMENTS", definitions(page.args.map(arg => [argumentTerm(arg), arg.summary]))),
    section("FLAGS", [
      ...flagDefinitions(page.flags),
      ...paragraphs(["The flags of every command are in lmctfy(1)."]),
    ]),
    section(
      "JSON",
      commands.flatMap(c => paragraphs([several ? `${c.words.join(" ")}: ${c.json}.` : `${c.json}.`])),
    ),
    section("EXIT STATUS", [
      ...definitions(page.exits.map(({ code, when }) => [bold(code), when])),
      ...paragraphs(["The other codes are in lmctfy(1)."]),
    ]),
    section("EXAMPLES", page.examples.flatMap(example)),
    section("SEE ALSO", seeAlso(undefined)),
  );
}

function seeAlso(words: readonly string[] | undefined): string[] {
  const names = words?.map(word => `lmctfy-${word}`) ?? ["lmctfy"];
  return [names.map(name => `${bold(name)}(1)`).join(", ")];
}
