/** Pages by the time since they were used last, where the kernel sorts them so (Documentation/admin-guide/mm/multigen_lru.rst). */
import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import { LEAF } from "../../cgroup/names.ts";
import type { IdlePageStats, IdlePages } from "../../spec/index.ts";

const FILE = "/sys/kernel/debug/lru_gen";
const PAGE = 4096n;

/** One file tells of all cgroups: it serves for as long as a reading of many containers takes. */
const SERVES_MS = 100;

/** A generation of pages: not used since then. */
interface Generation {
  ageMs: number;
  anon: bigint;
  file: bigint;
}

let read: { at: number; generations: ReadonlyMap<string, Generation[]> } | undefined;

/** The container alone, as the kernel sorts. Undefined without CONFIG_LRU_GEN, debugfs, or the right to read it. */
export function idlePages(cgroups: Cgroups, name: string): IdlePageStats | undefined {
  const at = performance.now();
  if (read === undefined || at - read.at > SERVES_MS) read = { at, generations: parseGenerations(textOf()) };
  if (read.generations.size === 0) return undefined;
  const own = pathsOf(cgroups, name).flatMap(path => read!.generations.get(path) ?? []);
  return own.length === 0 ? undefined : { stats: byAge(own) };
}

function textOf(): string {
  try {
    return readControl(FILE) ?? "";
  } catch {
    return ""; // EPERM, EACCES: it is root's, and closed by kernel lockdown
  }
}

/** Of the cgroups of a container without those below it, in the memory hierarchy. */
function pathsOf(cgroups: Cgroups, name: string): string[] {
  const mount = cgroups.layout.hierarchies.find(({ controllers }) => controllers.includes("memory"));
  const path = cgroups.controllerFile(name, "memory", "");
  if (mount === undefined || path === undefined) return [];
  const root = mount.root === "/" ? "" : mount.root;
  const own = root + path.slice(mount.mountPoint.length, -1);
  return [own, `${own}/${LEAF}`];
}

/** `memcg ID PATH`, ` node N`, and lines `generation age_in_ms anon file`. */
export function parseGenerations(text: string): Map<string, Generation[]> {
  const found = new Map<string, Generation[]>();
  let current: Generation[] = [];
  for (const line of text.split("\n")) {
    const path = /^memcg +\d+ (.*)$/.exec(line)?.[1];
    if (path !== undefined) {
      current = [];
      found.set(path.trim(), current);
      continue;
    }
    // Counts may be momentarily negative, and then have an x; deeper lines are about page faults.
    const [, age, anon, file] = /^ +\d+ +(\d+) +(-?\d+)x? +(-?\d+)x? *$/.exec(line) ?? [];
    if (age !== undefined) current.push({ ageMs: Number(age), anon: pages(anon!), file: pages(file!) });
  }
  return found;
}

const pages = (text: string): bigint => (text.startsWith("-") ? 0n : BigInt(text) * PAGE);

/** Each line has all that is at least as old. */
function byAge(generations: readonly Generation[]): IdlePages[] {
  const ages = [...new Set(generations.map(({ ageMs }) => Math.floor(ageMs / 1000)))].sort((a, b) => a - b);
  return ages.map(age_in_secs => {
    const old = generations.filter(({ ageMs }) => ageMs >= age_in_secs * 1000);
    return {
      age_in_secs,
      dirty_swap: old.reduce((sum, { anon }) => sum + anon, 0n),
      file: old.reduce((sum, { file }) => sum + file, 0n),
    };
  });
}
