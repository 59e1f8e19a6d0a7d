/** Man pages, completions and the reference: files made from the table. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bashCompletion } from "./bash.ts";
import { refreshed } from "./docs.ts";
import { fishCompletion } from "./fish.ts";
import { manPages } from "./man.ts";
import { zshCompletion } from "./zsh.ts";

/** The files of a kind by name. */
export function generated(what: "man" | "completions"): ReadonlyMap<string, string> {
  switch (what) {
    case "man":
      return manPages();
    case "completions":
      return new Map([
        ["lmctfy.bash", bashCompletion()],
        ["_lmctfy", zshCompletion()],
        ["lmctfy.fish", fishCompletion()],
      ]);
    default:
      return what satisfies never;
  }
}

/** Writes man pages or completions into a directory, or makes the reference part of docs/cli.md anew. */
export function generate(what: "man" | "completions" | "docs", path: string): void {
  if (what === "docs") {
    writeFileSync(path, refreshed(readFileSync(path, "utf8")));
    return;
  }
  mkdirSync(path, { recursive: true });
  for (const [name, content] of generated(what)) writeFileSync(join(path, name), content);
}
