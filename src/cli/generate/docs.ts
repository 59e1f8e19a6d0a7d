/** The table as the reference part of docs/cli.md. */
import { FLAGS } from "../flags.ts";
import type { Command, Flag } from "../model.ts";
import { ENVIRONMENT, EXIT_CODES, globalFlags } from "../pages.ts";
import { usage } from "../parse.ts";
import { COMMANDS } from "../table.ts";

export const BEGIN = "<!-- from here on made from the table of commands: lmctfy --generate docs FILE -->";

/** The page with its reference part made anew. */
export function refreshed(page: string): string {
  const at = page.indexOf(BEGIN);
  if (at < 0) throw new Error(`the page lacks the line ${BEGIN}`);
  return page.slice(0, at) + reference();
}

/** From the marker to the end of the page. */
export function reference(): string {
  return `${[
    BEGIN,
    "## Exit codes",
    table(["code", "when"], EXIT_CODES),
    "`run` exits as its command does, see [run](#run).",
    "## Environment",
    table(
      ["variable", "what it does"],
      ENVIRONMENT.map(([name, what]) => [`\`${name}\``, what]),
    ),
    "## Flags of every command",
    flagTable(globalFlags()),
    "## Commands",
    ...COMMANDS.flatMap(commandSection),
  ].join("\n\n")}\n`;
}

function commandSection(command: Command): string[] {
  const flags = FLAGS.filter(f => command.flags.includes(f.name));
  const examples = command.examples.map(({ call, does }) => `${call}   # ${does}`);
  const parts = [
    `### ${command.words.join(" ")}`,
    `\`${usage(command)}\``,
    ...command.about.map(withoutTags),
  ];
  if (command.args.length > 0) {
    parts.push(
      table(
        ["argument", "what it is"],
        command.args.map(arg => [`\`${arg.name}\``, arg.summary]),
      ),
    );
  }
  if (flags.length > 0) parts.push(flagTable(flags));
  parts.push(`\`\`\`sh\n${examples.join("\n")}\n\`\`\``, `JSON: ${jsonText(command.json)}.`);
  if (command.exits.length > 0) {
    parts.push(
      table(
        ["exit code", "when"],
        command.exits.map(({ code, when }) => [code, when]),
      ),
    );
  }
  return parts;
}

const flagTable = (flags: readonly Flag[]): string =>
  table(
    ["flag", "", "what it does"],
    flags.map(flag => [
      flag.short === undefined ? "" : `\`-${flag.short}\``,
      `\`--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}\``,
      flag.summary,
    ]),
  );

/** Objects in it are code. */
const jsonText = (text: string): string => text.replaceAll(/(\{"[^;]*\}|\{\})/g, "`$1`");

const withoutTags = (text: string): string =>
  text.replaceAll(/[<>]/g, char => (char === "<" ? "&lt;" : "&gt;"));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map(cell => withoutTags(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
