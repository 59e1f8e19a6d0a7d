/** The table is consistent, and everything made from it says all of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FLAGS } from "./flags.ts";
import { refreshed } from "./generate/docs.ts";
import { explain, overview, wrap } from "./help.ts";
import { LOADERS } from "./load.ts";
import { flagTerm, pages } from "./pages.ts";
import { COMMANDS } from "./table.ts";
import { VERSION } from "./version.ts";

/** The repository: this file may be compiled or not. */
function repository(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return directory;
}

const duplicates = (items: readonly string[]): string[] => items.filter((x, i) => items.indexOf(x) !== i);

test("flags: no name, letter or spelling twice; every one belongs somewhere", () => {
  assert.deepEqual(duplicates(FLAGS.flatMap(f => [f.name, f.original ?? `no original of ${f.name}`])), []);
  assert.deepEqual(duplicates(FLAGS.flatMap(f => f.short ?? [])), []);
  for (const flag of FLAGS) {
    assert.ok(flag.global || COMMANDS.some(c => c.flags.includes(flag.name)), `${flag.name} has no command`);
  }
  for (const command of COMMANDS) {
    for (const name of command.flags)
      assert.ok(
        FLAGS.some(f => f.name === name && !f.global),
        name,
      );
  }
});

test("commands: no name twice, one default per menu, and something that does them", async () => {
  assert.deepEqual(duplicates(COMMANDS.map(c => c.words.join(" "))), []);
  for (const page of pages()) {
    const defaults = page.commands.filter(c => c.isDefault).length;
    assert.equal(defaults, page.commands.length > 1 ? 1 : 0, page.word);
    assert.equal(typeof (await LOADERS[page.word]!()), "function");
  }
  assert.deepEqual(
    Object.keys(LOADERS).sort(),
    pages()
      .map(page => page.word)
      .sort(),
  );
});

test("arguments: what may be left out comes last, and one that takes the rest is the last", () => {
  for (const { args, words } of COMMANDS) {
    const firstOptional = args.findIndex(a => a.optional);
    if (firstOptional >= 0)
      assert.ok(
        args.slice(firstOptional).every(a => a.optional),
        words.join(" "),
      );
    assert.ok(args.slice(0, -1).every(a => !a.rest));
  }
});

test("texts: summaries are no sentences, paragraphs are, every command has an example of its own", () => {
  for (const command of COMMANDS) {
    assert.match(command.summary, /^[a-z].*[^.]$/);
    for (const text of command.about) assert.match(text, /^[A-Z].*\.$/);
    assert.ok(command.examples.length > 0);
    for (const { call } of command.examples) assert.ok(call.startsWith(`lmctfy ${command.words[0]}`), call);
  }
});

test("help names every command and flag, within 80 columns", () => {
  const all = overview(false);
  for (const page of pages()) {
    assert.match(all, new RegExp(`^ {4}${page.word} +${page.summary.slice(0, 20)}`, "m"));
    const text = explain(page, false);
    for (const flag of page.flags) assert.ok(text.includes(flagTerm(flag)), flagTerm(flag));
    for (const arg of page.args) assert.ok(text.includes(arg.name));
    for (const { call } of page.examples) assert.ok(text.includes(call));
    for (const line of text.split("\n")) {
      assert.ok(line.length <= 80 || page.examples.some(e => line.includes(e.call)), line);
    }
  }
  for (const line of all.split("\n")) assert.ok(line.length <= 80, line);
  assert.ok(!all.includes("\x1b"));
  assert.ok(overview(true).includes("\x1b[1mCommands\x1b[0m"));
});

test("wrap keeps the words", () => {
  assert.equal(wrap("a bb ccc", 2, 6), "a bb\n  ccc");
  assert.equal(wrap("toolongforit b", 2, 6), "toolongforit\n  b");
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync(join(repository(), "package.json"), "utf8")) as {
    version: string;
  };
  assert.equal(VERSION, version);
});

test("docs/cli.md: its reference is up to date, and it has the original's spellings", () => {
  const text = readFileSync(join(repository(), "docs/cli.md"), "utf8");
  assert.equal(text, refreshed(text), "make it anew: lmctfy --generate docs docs/cli.md");
  for (const flag of FLAGS) if (flag.original) assert.ok(text.includes(flag.original), flag.original);
});
