/** The private memory of what stays resident. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context, GroupResult } from "../group.ts";
import { EXECUTOR, LMCTFY } from "../paths.ts";
import { lmctfy, withContainer } from "../product.ts";

/** kB of memory that is this process's alone, and of all that it sees. */
interface Memory {
  private: number;
  resident: number;
}

const MONITOR_LIMIT = 200;

export async function memory(_context: Context): Promise<GroupResult[]> {
  const measured: Record<string, Memory> = {};
  measured["executor, serve, idle"] = await ofServe();
  await withContainer("memory", async name => {
    measured["lmctfy run, waiting"] = await ofForeground(name);
    measured["monitor of a detached command"] = await ofMonitor(name);
  });
  const rows = [["", "private kB", "resident kB"]];
  for (const [name, { private: own, resident }] of Object.entries(measured)) {
    rows.push([name, String(own), String(resident)]);
  }
  return [
    {
      title: "Memory of what stays resident",
      rows,
      notes: ["private: Private_Clean + Private_Dirty of smaps_rollup"],
      goals: [
        {
          text: "private memory of a monitor, kB",
          value: measured["monitor of a detached command"]?.private,
          limit: MONITOR_LIMIT,
          sense: "at most",
          unit: "kB",
        },
      ],
      data: measured,
    },
  ];
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  return { private: field("Private_Clean") + field("Private_Dirty"), resident: field("Rss") };
}

async function ofServe(): Promise<Memory> {
  const child = spawn(EXECUTOR, ["--executor", "serve", "3"], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  await once(child, "spawn");
  await sleep(50);
  const result = memoryOf(child.pid!);
  child.stdio[3]!.destroy();
  await once(child, "exit");
  return result;
}

async function ofForeground(name: string): Promise<Memory> {
  const child = spawn(LMCTFY, ["run", name, "sleep", "60"], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  const inside = await poll(() => childOf(child.pid!, "sleep"));
  const result = memoryOf(child.pid!);
  process.kill(inside, "SIGTERM");
  await ended;
  return result;
}

async function ofMonitor(name: string): Promise<Memory> {
  const pid = Number(/\d+/.exec(lmctfy("run", "-n", name, "sleep", "60"))?.[0]);
  const monitor = Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  await sleep(50);
  const result = memoryOf(monitor);
  process.kill(pid, "SIGTERM");
  await poll(() => (isAlive(monitor) ? undefined : true));
  return result;
}

/** The child of a process that runs a command of this name. */
function childOf(pid: number, name: string): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  return children.find(child => child > 0 && readFileSync(`/proc/${child}/comm`, "utf8").trim() === name);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function poll<T>(look: () => T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(10);
  }
  throw new Error("waited in vain");
}
