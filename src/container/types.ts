/** Shapes of the public API that are more than one file's business. */

import type { Readable, Writable } from "node:stream";
import type { FreezeOptions } from "../cgroup/driver.ts";
import type { LmctfyError } from "../errors.ts";
import type { PlannedStep } from "../kernel/image.ts";
import type { ResourceUse } from "../kernel/rusage.ts";
import type { ContainerStats } from "../spec/index.ts";

export type { FreezeOptions };

/** Where one of the three standard streams of a command goes. */
export type StdioTarget = "pipe" | "inherit" | "ignore";

/** How to run a command in a container. */
export interface RunOptions {
  /**
   * Standard input, output and error: one word for all three, or one each. "pipe": streams on the process object;
   * "inherit": those of this process; "ignore": /dev/null.
   * @default "pipe"; "ignore" when detached
   */
  stdio?: StdioTarget | readonly [StdioTarget, StdioTarget, StdioTarget];
  /** The whole environment of the command. @default that of this process */
  env?: Readonly<Record<string, string | undefined>>;
  /** Working directory, absolute. @default that of this process */
  cwd?: string;
  /**
   * Who the command runs as: a name or number of /etc/passwd, `user:group` likewise, or ids. Supplementary groups are
   * those of /etc/group for a name, none for ids unless given.
   * @default the caller
   */
  user?: string | { uid: number; gid: number; groups?: readonly number[] };
  /** Aborting kills the command with SIGKILL; `exited` then says `reason: "aborted"`. */
  signal?: AbortSignal;
  /** The command outlives this process; a monitor of its own waits for it. @default false */
  detached?: boolean;
}

/** Why a command ended. */
export type EndReason = "exited" | "signalled" | "oom" | "aborted";

/** How a command ended: the same shape for every ending. */
export interface ProcessResult {
  reason: EndReason;
  /** 0 … 255 when it exited by itself, else null. */
  exitCode: number | null;
  /** `SIGKILL`, … when a signal ended it, else null. */
  signal: NodeJS.Signals | null;
  /** The kernel killed it because the container (or one above) had no memory left. */
  oom: boolean;
  /** What the command and its reaped children used. */
  usage: ResourceUse;
}

/** How a detached command ended. */
export interface DetachedEnd extends ProcessResult {
  pid: number;
  /** The init of a virtual host shut that down (halt counts as poweroff), or wants it started anew. */
  shutdown?: "poweroff" | "reboot";
  endedAt: Date;
}

/** A command that runs in a container. */
export interface ContainerProcess extends AsyncDisposable {
  /** Process id as this process sees it. */
  readonly pid: number;
  /** Present where stdio is "pipe". */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * How it ended. Resolves for every ending, and rejects only when the ending cannot be known: (UNAVAILABLE) the
   * executor died, (UNIMPLEMENTED) for a detached command, of which `Container.lastExit()` tells.
   */
  readonly exited: Promise<ProcessResult>;
  /** Sends a signal; false when it has ended already. Never reaches another process that got the same pid. */
  kill(signal?: NodeJS.Signals | number): Promise<boolean>;
}

/** What `plan` shows: the steps that make the container, and the program that runs a command in it. */
export interface Plan {
  /** The container's name. */
  name: string;
  /** Host-side steps of `create`: directories and control files, as strace would print them. */
  create: string[];
  /** Steps of the compiled program of `run`. */
  run: PlannedStep[];
}

/** `summary` is what one watches and is cheap to get, `full` is all that the kernel tells. */
export type StatsLevel = "summary" | "full";

/** What a container and all below it used, at a time. */
export interface ContainerReading {
  /** The container's absolute name. */
  name: string;
  /** When it was read. */
  time: Date;
  /** A section is absent where the machine does not account for the resource. */
  stats: ContainerStats;
}

/** Which containers to read, and what of them. */
export interface StatsOptions {
  /** Exactly these, by absolute name. @default those below `below` */
  names?: readonly string[];
  /** Those in this container, itself not among them. @default "/" */
  below?: string;
  /** Those at any depth below it. @default true */
  recursive?: boolean;
  /** @default "full" */
  level?: StatsLevel;
  /** Gives up: rejects with its reason. */
  signal?: AbortSignal | undefined;
}

/** How to read again and again. */
export interface WatchOptions {
  /** Milliseconds from one reading to the next, counted from the first. @default 1000 */
  intervalMs?: number;
  /** Ends it: the iteration rejects with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * What a container does, with all that is below it: nothing runs in it ("empty"), something does ("running"), or it
 * is paused and everything in it stands still ("frozen", also when nothing is in it).
 *
 * ```
 * empty ⇄ running      run, the end of the last process
 * either ⇄ frozen      freeze, thaw; killAll and destroy work in every state, and killAll leaves it empty
 * ```
 */
export type ContainerState = "empty" | "running" | "frozen";

/** How to create a container. */
export interface CreateOptions {
  /** Gives up waiting for others that work on its parent. */
  signal?: AbortSignal | undefined;
  /**
   * Whether `lmctfy run` in it starts no JavaScript. Without, it is made faster, for those who use it through the library only.
   * @default true
   */
  hotPath?: boolean;
}

/** How to change a container. */
export interface UpdateOptions {
  /**
   * "diff": fields that are given replace those of the container, all others stay, and -1 (of an unsigned field its
   * largest number) removes a limit.
   * "replace": the container becomes what `create` would make of the spec; what it does not say goes back to the default.
   * @default "diff"
   */
  mode?: "diff" | "replace";
  /** Gives up waiting for others that work on the container; once the change has begun it is completed. */
  signal?: AbortSignal | undefined;
}

/** What `init` did for containers that a restart of the machine had left without cgroups. */
export interface InitResult {
  /** The names of those that are whole again, parents first. */
  revived: string[];
  /** Those that could not be made again, with the reason. */
  failed: { name: string; error: LmctfyError }[];
}

export interface HistogramOptions {
  /** For how long. @default 1 */
  seconds?: number;
  /** Called when counting begins: bpftrace takes a moment to start. */
  started?: () => void;
  signal?: AbortSignal;
}
