/** What the tour prints, and how it runs the command. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** The command that `make` built; this file is build/examples/try/show.js when it runs. */
const LMCTFY = fileURLToPath(new URL("../../../bin/lmctfy", import.meta.url));

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

const say = (line: string): void => console.log(line);

/** A text below the heading of its step. */
export const tell = (text: string): void => say(`   ${text}`);

let step = 0;
export function heading(text: string): void {
  step += 1;
  say(`\n${step}. ${text}\n`);
}

const failed: string[] = [];

/** Says whether what was promised came true; the tour fails when something did not. */
export function claim(isTrue: boolean, text: string): void {
  tell(`${isTrue ? "OK" : "NOT SO"}: ${text}`);
  if (!isTrue) failed.push(text);
}

export const failedClaims = (): readonly string[] => failed;

const running = new Set<ChildProcess>();
let stopped = false;

/** Ends what the tour runs at the moment, and the tour with it. */
export function stop(): void {
  stopped = true;
  for (const child of running) child.kill("SIGTERM");
}

export const isStopped = (): boolean => stopped;

function throwIfStopped(): void {
  if (stopped) throw new Error("stopped");
}

export interface RunOptions {
  /** What to print instead of the words, where they are long. */
  shown?: string;
  /** Lines of output to print; the rest is counted. @default all */
  lines?: number;
  /** It runs even when the tour was stopped. */
  atTheEnd?: boolean;
}

/** Runs `lmctfy WORDS…`, prints it as one would type it, and its output as it comes. */
export async function lmctfy(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { lines = Number.POSITIVE_INFINITY, atTheEnd = false } = options;
  if (!atTheEnd) throwIfStopped();
  tell(`$ lmctfy ${options.shown ?? words.map(quote).join(" ")}`);
  const start = performance.now();
  const child = spawn(LMCTFY, words, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let printed = 0;
  const collect = async (stream: Readable): Promise<string> => {
    const text: string[] = [];
    for await (const line of createInterface({ input: stream })) {
      text.push(line);
      if (printed++ < lines) tell(line);
    }
    return text.join("\n");
  };
  const closed = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  const [code, stdout, stderr] = await Promise.all([closed, collect(child.stdout), collect(child.stderr)]);
  running.delete(child);
  if (!atTheEnd) throwIfStopped();
  if (lines > 0 && printed > lines) tell(`... and ${printed - lines} lines more`);
  return { code, stdout, stderr, seconds: (performance.now() - start) / 1000 };
}

/** As one would type it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export const megabytes = (bytes: number | bigint): string => `${(Number(bytes) / 1e6).toFixed(0)} MB`;
export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
