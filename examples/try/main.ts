/**
 * `make try`: contains something, and looks at it. Everything is done with the real command on real files; what is
 * promised is checked, and the exit code says whether all of it came true.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type Container, type ContainerStats, Lmctfy, LmctfyError } from "../../src/index.ts";
import { findMaterial } from "./material.ts";
import { claim, failedClaims, heading, isStopped, lmctfy, megabytes, percent, stop, tell } from "./show.ts";
import {
  added,
  countHierarchies,
  type Kind,
  markProcesses,
  type Snapshot,
  takeSnapshot,
} from "./snapshot.ts";

const NAME = "lmctfy-try";
const SPEC = "cpu:{max_limit:500} memory:{limit:100000000}";
const CPU_LIMIT = 0.5;
const MEMORY_LIMIT = 100_000_000;
const MATERIAL = 400_000_000;
const PLACES = ["/run/lmctfy", "/var/lib/lmctfy"];

/** Takes memory, ten megabytes at a time, and says how far it got. */
const GREEDY = `
  const held = [];
  while (held.length < 30) {
    held.push(Buffer.alloc(1e7, 1));
    if (held.length % 2 === 0) console.log("holding " + held.length * 10 + " MB");
  }
  console.log("got all of it");`;

async function tour(library: Lmctfy, scratch: string): Promise<void> {
  heading("A container that gets half a CPU and 100 MB of memory");
  const made = await lmctfy(["create", NAME, SPEC]);
  claim(made.code === 0, "it is there");
  if (made.code !== 0) return;
  await lmctfy(["list"]);
  const container = await library.get(NAME);

  heading("Real work in it: compress files of this machine");
  await compress(container, scratch);

  heading("A greedy program in it: it wants 300 MB");
  const shown = `run ${NAME} node -e '... 30 times 10 MB ...'`;
  const greedy = await lmctfy(["run", NAME, process.execPath, "-e", GREEDY], { shown });
  claim(greedy.code === 137 && !greedy.stdout.includes("got all"), `it was killed: exit code ${greedy.code}`);
  claim(/out of memory/i.test(greedy.stderr), "and lmctfy says why: it was out of memory");

  heading("A busy loop in it, for three seconds");
  const before = await cpuSeconds(container);
  const busy = await lmctfy(["run", NAME, "timeout", "3", "sh", "-c", "while :; do :; done"]);
  const used = (await cpuSeconds(container)) - before;
  tell(`${busy.seconds.toFixed(2)} s on the clock, ${used.toFixed(2)} s of CPU time`);
  claimHalf(used / busy.seconds);

  heading("What lmctfy knows about the container");
  const stats = await lmctfy(["stats", NAME], { lines: 16 });
  claim(stats.code === 0, "its statistics are there");

  heading("How it is done: the system calls of `lmctfy run`, as data");
  const plan = await lmctfy(["plan", NAME], { lines: 0 });
  excerpt(plan.stdout);
  claim(plan.code === 0 && plan.stdout.includes("clone3"), "the plan is there");
}

/** The beginning of each part. */
function excerpt(plan: string): void {
  for (const part of plan.split("\n\n")) {
    const lines = part.split("\n");
    for (const line of lines.slice(0, 11)) tell(line);
    if (lines.length > 11) tell(`... and ${lines.length - 11} lines more`);
  }
}

/** tar and gzip in the container, with a line per second on how they do. */
async function compress(container: Container, scratch: string): Promise<void> {
  const material = findMaterial("/usr", MATERIAL);
  const archive = `${scratch}/archive.tar.gz`;
  writeFileSync(`${scratch}/list`, material.files.map(file => file.slice(1)).join("\n"));
  tell(`${material.files.length} files below /usr, ${megabytes(material.bytes)}:`);
  const script = `tar -c -C / -T ${scratch}/list | gzip -1 > ${archive}`;
  const start = performance.now();
  const work = lmctfy(["run", NAME, script]);
  const ended = work.then(() => true);
  let last = { at: start, stats: await container.stats() };
  const first = last.stats;
  for (let second = 1; ; second += second < 15 ? 1 : 5) {
    if (await Promise.race([ended, sleep(start + second * 1000 - performance.now())])) break;
    const now = { at: performance.now(), stats: await container.stats() };
    tell(usageLine(second, now, last));
    last = now;
  }
  const { code, seconds } = await work;
  const used = cpuOf(await container.stats()) - cpuOf(first);
  claim(code === 0, `${megabytes(material.bytes)} became ${megabytes(statSync(archive).size)}`);
  tell(`${seconds.toFixed(1)} s on the clock, ${used.toFixed(1)} s of CPU time`);
  claimHalf(used / seconds);
  // Kernels before 5.19 keep no record of the most that was used.
  const peak = Number((await container.stats()).memory?.max_usage ?? last.stats.memory?.usage ?? 0);
  claim(
    peak > 0 && peak <= MEMORY_LIMIT,
    `never more than ${megabytes(peak)} of memory, page cache included`,
  );
}

interface Moment {
  at: number;
  stats: ContainerStats;
}

function usageLine(second: number, now: Moment, last: Moment): string {
  const share = (cpuOf(now.stats) - cpuOf(last.stats)) / ((now.at - last.at) / 1000);
  const throttled = throttledOf(now.stats) - throttledOf(last.stats);
  return [
    `${String(second).padStart(5)} s`,
    `CPU ${percent(share).padStart(5)}`,
    `memory ${megabytes(now.stats.memory?.usage ?? 0).padStart(6)}`,
    `kept waiting in ${throttled} of ${periodsOf(now.stats) - periodsOf(last.stats)} periods`,
  ].join("   ");
}

const cpuOf = (stats: ContainerStats): number => Number(stats.cpu?.usage?.total ?? 0) / 1e9;
const throttledOf = (stats: ContainerStats): number =>
  Number(stats.cpu?.throttling_data?.throttled_periods ?? 0);
const periodsOf = (stats: ContainerStats): number => Number(stats.cpu?.throttling_data?.periods ?? 0);
const cpuSeconds = async (container: Container): Promise<number> => cpuOf(await container.stats());

/** A busy machine may give less than the limit; the limit is what must not be passed. */
function claimHalf(share: number): void {
  claim(share > CPU_LIMIT / 2 && share < CPU_LIMIT * 1.15, `that is ${percent(share)} of a CPU`);
}

async function farewell(before: Snapshot): Promise<void> {
  heading("Away with it");
  const destroyed = await lmctfy(["destroy", "-f", NAME], { atTheEnd: true });
  claim(destroyed.code === 0, "it is destroyed");
  // A process that was killed is listed until it is reaped; other people's mounts come and go.
  let after = takeSnapshot(PLACES);
  const left = (kind: Kind): string[] => added(before, after, kind).filter(each => isOurs(kind, each, after));
  const kinds: Kind[] = ["cgroups", "mounts", "processes", "files"];
  for (let attempt = 0; attempt < 40 && kinds.some(kind => left(kind).length > 0); attempt++) {
    await sleep(50);
    after = takeSnapshot(PLACES);
  }
  const where: Record<Kind, string> = {
    cgroups: `no cgroup is left (hierarchies looked at: ${countHierarchies()})`,
    mounts: "no mount is left",
    processes: "no process is left",
    files: `no file is left in ${PLACES.join(" or ")}`,
  };
  for (const kind of kinds) {
    const found = left(kind);
    claim(found.length === 0, where[kind]);
    for (const each of found) tell(`  ${each}`);
  }
}

/** Other containers of this machine may come and go meanwhile. */
function isOurs(kind: Kind, entry: string, after: Snapshot): boolean {
  switch (kind) {
    case "processes":
      return true;
    case "mounts":
      return entry.includes("lmctfy");
    case "cgroups": {
      const isEmptyTop =
        entry.endsWith("/lmctfy") && !after.cgroups.some(path => path.startsWith(`${entry}/`));
      return isEmptyTop || entry.includes(NAME);
    }
    case "files":
      return entry.includes(NAME);
    default:
      return kind satisfies never;
  }
}

/** A tour that was killed may have left the container; one that still runs must keep it. */
async function clearTheWay(library: Lmctfy): Promise<void> {
  try {
    const container = await library.get(NAME);
    await container.destroy();
  } catch (error) {
    if (!(error instanceof LmctfyError) || error.code !== "NOT_FOUND") throw error;
  }
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    console.error("Containers need root here: run `make try` as root.");
    return 1;
  }
  console.log("lmctfy: a tour in half a minute. It leaves nothing behind.");
  const library = new Lmctfy();
  await clearTheWay(library);
  library.close();
  markProcesses();
  const before = takeSnapshot(PLACES);
  const scratch = mkdtempSync(`${tmpdir()}/lmctfy-try-`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  const guide = new Lmctfy();
  try {
    await tour(guide, scratch);
  } catch (error) {
    if (!isStopped()) throw error;
  } finally {
    if (isStopped()) console.log("\nStopped: cleaning up.");
    guide.close();
    rmSync(scratch, { recursive: true });
    await farewell(before);
  }
  if (isStopped()) return 130;
  const failed = failedClaims();
  console.log(failed.length === 0 ? "\nAll of it came true." : `\nNot true: ${failed.join("; ")}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
