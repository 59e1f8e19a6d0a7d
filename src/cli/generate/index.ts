/** Man pages and completions: files made from the table, at build time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { manPages } from "./man.ts";
import { zshCompletion } from "./zsh.ts";

/** The files by name. */
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

/** Writes the files into a directory. */
export function generateInto(what: "man" | "completions", directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of generated(what)) writeFileSync(join(directory, name), content);
}
