/** The table as help for people at a terminal. */
import { flagTerm, globalFlags, type Page, PURPOSE, pages } from "./pages.ts";
import { usage } from "./parse.ts";

const WIDTH = 80;

/** Breaks a text into lines; the first one starts where the caller is. */
export function wrap(text: string, indent: number, width = WIDTH): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

const paragraph = (text: string): string => `    ${wrap(text, 4)}\n`;

/** Terms and what they mean, in two columns; a long term has a line of its own. */
function terms(list: readonly (readonly [string, string])[]): string {
  const longest = Math.min(Math.max(...list.map(([term]) => term.length)), 22);
  return list
    .map(([term, meaning]) => {
      const gap =
        term.length > longest ? `\n${" ".repeat(longest + 6)}` : " ".repeat(longest + 2 - term.length);
      return `    ${term}${meaning === "" ? "" : gap + wrap(meaning, longest + 6)}\n`;
    })
    .join("");
}

const heading = (coloured: boolean, text: string): string =>
  coloured ? `\x1b[1m${text}\x1b[0m\n` : `${text}\n`;

/** What there is. */
export function overview(coloured: boolean): string {
  return [
    `Usage: lmctfy [FLAG...] COMMAND [ARGUMENT...]\n\n${PURPOSE}\n\n`,
    heading(coloured, "Commands"),
    terms(pages().map(page => [page.word, page.summary])),
    `\n${heading(coloured, "Flags of every command")}`,
    terms(globalFlags().map(f => [flagTerm(f), f.summary])),
    `\n${heading(coloured, "Exit status")}`,
    paragraph(
      "0 when it is done, else the number of the error's class: 3 for a bad argument, 5 for what does not exist, 6 for what exists already. run exits as its command does.",
    ),
    "\nlmctfy help COMMAND tells more about a command.\n",
  ].join("");
}

/** One page. */
export function explain(page: Page, coloured: boolean): string {
  const parts = [heading(coloured, "Usage"), ...page.commands.map(c => `    ${wrap(usage(c), 8)}\n`)];
  const section = (title: string, content: string): void => {
    if (content !== "") parts.push(`\n${heading(coloured, title)}${content}`);
  };
  for (const command of page.commands) {
    const title = command.words.length > 1 ? command.words.join(" ") : "What it does";
    section(title, command.about.map(paragraph).join("\n"));
  }
  if (page.args.length > 0) section("Arguments", terms(page.args.map(a => [a.name, a.summary])));
  if (page.flags.length > 0) section("Flags", terms(page.flags.map(f => [flagTerm(f), f.summary])));
  section(
    "Flags of every command",
    `    ${globalFlags()
      .map(f => (f.short === undefined ? `--${f.name}${f.value ? ` ${f.value}` : ""}` : `-${f.short}`))
      .join(" ")}\n`,
  );
  const examples = page.examples.map(({ call, does }) => `    ${call}\n        ${wrap(does, 8)}\n`);
  section("Examples", examples.join(""));
  if (page.exits.length > 0) section("Exit status", terms(page.exits.map(({ code, when }) => [code, when])));
  return parts.join("");
}
