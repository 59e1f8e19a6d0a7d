/**
 * Writes what is generated from the descriptors: `node build/src/spec/generate.js`. With `--check` it writes nothing,
 * names the files that differ and exits with 1.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fieldTable } from "./field-table.ts";
import { jsonSchema } from "./json-schema.ts";
import { ALL_TYPES } from "./messages/all.ts";
import { ContainerSpec } from "./messages/container.ts";
import { EventSpec } from "./messages/event.ts";
import { InitSpec } from "./messages/init.ts";
import { ContainerStats } from "./messages/stats.ts";
import { protoFile } from "./proto.ts";

/** The generated files, by path below the top of the repository. */
export function generatedFiles(root: string): Map<string, string> {
  return new Map([
    ["proto/lmctfy.proto", protoFile(ALL_TYPES)],
    ["docs/spec.schema.json", schemaText()],
    ["docs/spec.md", specPage(readFileSync(join(root, "docs/spec.md"), "utf8"))],
  ]);
}

function schemaText(): string {
  const text = JSON.stringify(jsonSchema(ContainerSpec, "lmctfy container spec"), null, 2);
  // Lists of names on one line, as people and formatters write them.
  return `${text.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, items: string) => `[${items.replace(/\n\s+/g, " ")}]`)}\n`;
}

function specPage(page: string): string {
  let result = page;
  for (const type of [ContainerSpec, EventSpec, ContainerStats, InitSpec]) {
    const begin = `<!-- fields of ${type.name} -->\n`;
    const end = `<!-- end of ${type.name} -->`;
    const from = result.indexOf(begin);
    const to = result.indexOf(end);
    if (from === -1 || to < from) throw new Error(`docs/spec.md: no place for the fields of ${type.name}`);
    result = `${result.slice(0, from + begin.length)}\n${fieldTable(type)}\n${result.slice(to)}`;
  }
  return result;
}

/** The top of the repository: where package.json is. */
export function repositoryRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return directory;
}

function main(check: boolean): void {
  const root = repositoryRoot();
  for (const [path, content] of generatedFiles(root)) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, "utf8") === content) continue;
    if (check) {
      console.error(`${path} differs from the descriptors: run node build/src/spec/generate.js`);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      console.log(`wrote ${path}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes("--check"));
