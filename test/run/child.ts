import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { markedProcesses, marker } from "./leftovers.ts";
import type { Result } from "./result.ts";

export interface ChildOptions {
  /** Marks its processes; they must all be gone when it has ended. */
  readonly mark: string;
  /** File that gets all it says. */
  readonly log: string;
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  /** Undefined when it exited with 0. */
  readonly trouble: string | undefined;
  readonly stdout: string;
  /** Both outputs, as they came. */
  readonly output: string;
  /** A failure for what it left behind. */
  readonly left: Result[];
}

/** Runs a command to its end in a process group of its own, which ends with it, or when it takes too long. */
export async function runChild(argv: readonly string[], options: ChildOptions): Promise<Ended> {
  options.signal.throwIfAborted();
  const env = { ...process.env, ...options.env, [marker]: options.mark };
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "pipe"], detached: true, env });
  const log = createWriteStream(options.log);
  const all: Buffer[] = [];
  const out: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      log.write(chunk);
      all.push(chunk);
      if (stream === child.stdout) out.push(chunk);
    });
  }

  let timedOut = false;
  let force: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM"); // it may have something to take down
    force ??= setTimeout(killGroup, 3000, child.pid);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, options.timeout);
  options.signal.addEventListener("abort", stop);
  const closed = new Promise(resolve => {
    child.on("close", resolve);
  });
  let trouble = await new Promise<string | undefined>(resolve => {
    child.on("error", error => resolve(error.message));
    child.on("exit", (code, signal) => {
      resolve(code === 0 ? undefined : signal ? `ended by ${signal}` : `exit code ${code}`);
    });
  });
  clearTimeout(timer);
  clearTimeout(force);
  if (force !== undefined) killGroup(child.pid); // what did not go along
  options.signal.removeEventListener("abort", stop);
  if (timedOut) trouble = `took more than ${options.timeout / 1000} s`;

  const left = await leftProcesses(options.mark);
  // What it left behind may hold its pipes open.
  await Promise.race([closed, sleep(1000)]);
  child.stdout.destroy();
  child.stderr.destroy();
  log.end();
  await finished(log);
  return {
    trouble,
    stdout: Buffer.concat(out).toString(),
    output: Buffer.concat(all).toString(),
    left,
  };
}

/** Names the marked processes that do not go away by themselves, and ends them. */
export async function leftProcesses(mark: string): Promise<Result[]> {
  const deadline = performance.now() + 5000;
  let left = markedProcesses(mark);
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(100);
    left = markedProcesses(mark);
  }
  for (const { pid } of left) killQuietly(pid);
  return left.length === 0
    ? []
    : [
        {
          kind: "failed",
          name: "no process is left behind",
          details: left.map(({ pid, command }) => `${pid} ${command}`).join("\n"),
        },
      ];
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) killQuietly(-pid);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone already
  }
}
