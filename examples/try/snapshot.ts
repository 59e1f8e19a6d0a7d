/** What lmctfy keeps on a machine, so that before and after can be compared. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Everything that the tour starts has this in its environment, and so has what that starts. */
const MARK = "LMCTFY_TRY";

export interface Snapshot {
  cgroups: string[];
  mounts: string[];
  processes: string[];
  files: string[];
}

export type Kind = keyof Snapshot;

/** Marks all processes that are started from here on. */
export function markProcesses(): void {
  process.env[MARK] = String(process.pid);
}

export function takeSnapshot(directories: readonly string[]): Snapshot {
  return {
    cgroups: hierarchies().flatMap(mountPoint =>
      readdirSync(mountPoint)
        .filter(name => name.startsWith("lmctfy"))
        .flatMap(name => [`${mountPoint}/${name}`, ...everythingBelow(`${mountPoint}/${name}`, true)]),
    ),
    mounts: mountLines().map(fields => `${fields[4]} ${fields.slice(fields.indexOf("-") + 1).join(" ")}`),
    processes: markedProcesses(),
    files: directories.flatMap(directory => everythingBelow(directory, false)),
  };
}

/** What is in the second snapshot and not in the first. */
export function added(before: Snapshot, after: Snapshot, kind: Kind): string[] {
  const known = new Set(before[kind]);
  return after[kind].filter(each => !known.has(each));
}

/** The number of cgroup hierarchies of this machine. */
export const countHierarchies = (): number => hierarchies().length;

function mountLines(): string[][] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n");
  return lines.map(line => line.split(" "));
}

function hierarchies(): string[] {
  const isCgroup = (fields: string[]): boolean => fields[fields.indexOf("-") + 1]!.startsWith("cgroup");
  return mountLines()
    .filter(isCgroup)
    .map(fields => fields[4]!);
}

/** Symbolic links with what they point at: that is where names of containers are. */
function everythingBelow(directory: string, directoriesOnly: boolean): string[] {
  const found: string[] = [];
  let entries: ReturnType<typeof list> = [];
  try {
    entries = list(directory);
  } catch {
    return []; // it does not exist, or has just gone
  }
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) found.push(path, ...everythingBelow(path, directoriesOnly));
    else if (!directoriesOnly) found.push(entry.isSymbolicLink() ? `${path} -> ${target(path)}` : path);
  }
  return found;
}

const list = (directory: string) => readdirSync(directory, { withFileTypes: true });

function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "?";
  }
}

function markedProcesses(): string[] {
  const mark = `${MARK}=${process.pid}\0`;
  const found: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      if (environment.includes(mark))
        found.push(`${pid} ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`);
    } catch {
      // it has ended
    }
  }
  return found;
}
