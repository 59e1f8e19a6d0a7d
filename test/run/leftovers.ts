/** What is there that a test run could leave behind: processes, mounts, cgroups. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every process of a run has this in its environment; its value is the run's own. */
export const marker = "LMCTFY_CHECK";

/** Living processes that carry the marker, but not this one and its parents. */
export function markedProcesses(value: string): { pid: number; command: string }[] {
  const own = new Set<number>();
  for (let pid = process.pid; pid > 0 && !own.has(pid); pid = parentOf(pid)) own.add(pid);
  return readdirSync("/proc")
    .filter(name => /^\d+$/.test(name) && !own.has(Number(name)))
    .flatMap(name => {
      // A zombie has an empty environment; a process that ended meanwhile has no file.
      const environment = readOrEmpty(`/proc/${name}/environ`);
      if (!environment.split("\0").includes(`${marker}=${value}`)) return [];
      const command = readOrEmpty(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      return [{ pid: Number(name), command }];
    });
}

/** Mounts, cgroups and other processes, one line each. Only where nobody else works is every difference ours. */
export function takeSnapshot(): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter(line => line !== "")
    .map(line => `mount ${line.split(" ").slice(3).join(" ")}`);
  const cgroups = mounts
    .filter(line => / - cgroup2? /.test(line))
    .flatMap(line => directoriesBelow(line.split(" ")[2]!))
    .map(path => `cgroup ${path}`);
  const processes = readdirSync("/proc")
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(name => `process ${name} ${readOrEmpty(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim()}`)
    .filter(line => !line.endsWith(" ")); // the kernel's have no command line
  return [...mounts, ...cgroups, ...processes];
}

function directoriesBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .flatMap(entry => [join(path, entry.name), ...directoriesBelow(join(path, entry.name))]);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
