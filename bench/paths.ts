/** Where the bench's things are; this file is build/bench/paths.js when it runs. */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hostArch } from "../src/kernel/arch.ts";

/** The checkout. */
export const TOP = fileURLToPath(new URL("../../", import.meta.url));
/** What the bench makes. */
export const BUILD = `${TOP}build/bench`;
export const SOURCES = `${TOP}bench/native`;
export const LMCTFY = `${TOP}bin/lmctfy`;
export const EXECUTOR = `${TOP}dist/native/executor-${hostArch()}`;

/** The bun binary itself: npm's may be a script where install scripts do not run. */
export function findBun(): string | undefined {
  const scope = `${TOP}node_modules/@oven`;
  const packages = existsSync(scope) ? readdirSync(scope) : [];
  const binaries = packages.map(name => `${scope}/${name}/bin/bun`);
  return [...binaries, `${TOP}node_modules/.bin/bun`].find(path => existsSync(path));
}

/** The first executable of that name in PATH. */
export function which(name: string): string | undefined {
  const directories = (process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(":");
  return [...directories, "/usr/sbin"]
    .map(directory => `${directory}/${name}`)
    .find(path => existsSync(path));
}
