/**
 * The client of the resident executor: sends programs over a socket, gets registers and data back, and hears of the
 * ends of the children that programs left behind. Node is multi-threaded and must not fork or change namespaces
 * itself; this is the door to all that node:fs cannot do.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { codeOfErrno, LmctfyError } from "../errors.ts";
import { type Arch, hostArch } from "./arch.ts";
import { errnoName } from "./errno.ts";
import { encodeProgram } from "./image.ts";
import type { Program, Register } from "./program.ts";
import { type ResourceUse, readRusage } from "./rusage.ts";

const FRAME_RUN = 1;
const FRAME_DONE = 2;
const FRAME_EXIT = 3;
const OUTCOME_OK = 0;
const OUTCOME_FAILED = 1;

/** How a process ended, as the kernel tells it. */
export interface ProcessEnd {
  /** The raw wait status, as of wait4(2). */
  status: number;
  usage: ResourceUse;
}

/** What a program left in its registers and in the part of its data that it returns. */
export interface RunOutcome {
  registers: readonly bigint[];
  data: Uint8Array;
}

/** A program that failed: which step, and the errno. */
export class ProgramFailure extends LmctfyError {
  readonly step: number;
  readonly stage: string;
  /** What the program left in its registers. */
  readonly registers: readonly bigint[];

  constructor(program: Program, step: number, errnoNumber: number, registers: readonly bigint[]) {
    const operation = program.operations[step];
    const label = operation?.label ?? "?";
    const stage = operation?.stage ?? "";
    const errno = errnoName(errnoNumber);
    const where = `step ${step + 1} of ${program.operations.length}${stage && `, while ${stage}`}`;
    super(codeOfErrno(errno), `${label}: ${errno} (${where})`, { syscall: label, errno });
    this.step = step;
    this.stage = stage;
    this.registers = registers;
  }
}

/** Where the executor of an architecture lies in the installed package. */
export function executorPath(arch: Arch | undefined = hostArch()): string {
  if (arch === undefined) {
    throw new LmctfyError("UNIMPLEMENTED", `lmctfy has no executor for ${process.arch}`, {
      hint: "x86_64 and aarch64 Linux are served.",
    });
  }
  return fileURLToPath(new URL(`../native/executor-${arch}`, import.meta.url));
}

interface Pending {
  program: Program;
  watch: Register | undefined;
  resolve: (outcome: RunOutcome & { ended: Promise<ProcessEnd> | undefined }) => void;
  reject: (error: Error) => void;
}

/** A resident executor, started at its first use and kept until `close` or the end of this process. */
export class Executor {
  readonly #path: string;
  #child: ChildProcess | undefined;
  #socket: Duplex | undefined;
  #buffered: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #closed = false;
  readonly #pending = new Map<number, Pending>();
  readonly #watched = new Map<number, { resolve: (end: ProcessEnd) => void; reject: (e: Error) => void }>();

  constructor(path?: string) {
    this.#path = path ?? executorPath();
  }

  /** The process id of the executor; starts it when it is not running. */
  get pid(): number {
    this.#start();
    return this.#child!.pid!;
  }

  /** Whether it was told to end. What it was told to do before that may be under way still. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Runs a program; throws a ProgramFailure when a step fails. */
  async run(program: Program): Promise<RunOutcome> {
    const { registers, data } = await this.#send(program, undefined);
    return { registers, data };
  }

  /** Runs a program that leaves a child behind, whose pid is in `pid` then; `ended` tells how that one ended. */
  async runAndWatch(program: Program, pid: Register): Promise<RunOutcome & { ended: Promise<ProcessEnd> }> {
    const outcome = await this.#send(program, pid);
    return { ...outcome, ended: outcome.ended! };
  }

  /** Ends the executor. Children that asked for it (PR_SET_PDEATHSIG) end with it. */
  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    this.#fail(new LmctfyError("CANCELLED", "the executor was closed"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(
    program: Program,
    watch: Register | undefined,
  ): Promise<RunOutcome & { ended: Promise<ProcessEnd> | undefined }> {
    const image = encodeProgram(program, { labels: false });
    this.#start();
    const id = this.#nextId++;
    const header = Buffer.alloc(12);
    header.writeUInt32LE(8 + image.length, 0);
    header.writeUInt32LE(FRAME_RUN, 4);
    header.writeUInt32LE(id, 8);
    const answer = new Promise<RunOutcome & { ended: Promise<ProcessEnd> | undefined }>((resolve, reject) => {
      this.#pending.set(id, { program, watch, resolve, reject });
    });
    this.#keepAlive();
    this.#socket!.write(Buffer.concat([header, image]));
    return answer;
  }

  #start(): void {
    if (this.#socket) return;
    if (this.#closed) throw new LmctfyError("CANCELLED", "this Lmctfy was closed");
    if (!existsSync(this.#path)) {
      throw new LmctfyError("FAILED_PRECONDITION", `the executor is missing: ${this.#path}`, {
        path: this.#path,
        hint: "In a checkout, run `make` first; otherwise install the package again.",
      });
    }
    const child = spawn(this.#path, ["--executor", "serve", "3"], {
      stdio: ["inherit", "inherit", "inherit", "pipe"],
    });
    const socket = child.stdio[3] as Duplex;
    this.#child = child;
    this.#socket = socket;
    this.#buffered = Buffer.alloc(0);
    const gone = (why: string) => (): void => {
      if (this.#child === child) {
        this.#fail(new LmctfyError("UNAVAILABLE", `the executor ${why}`, { path: this.#path }));
      }
    };
    child.on("error", error => gone(`did not start: ${error.message}`)());
    child.on("exit", gone("ended unexpectedly"));
    socket.on("data", chunk => this.#receive(chunk));
    socket.on("error", gone("closed its socket"));
    socket.on("close", gone("closed its socket"));
    this.#keepAlive();
  }

  /** The executor keeps this process alive only while something is awaited from it. */
  #keepAlive(): void {
    const busy = this.#pending.size > 0 || this.#watched.size > 0;
    for (const handle of [
      this.#child,
      this.#socket as { ref?: () => void; unref?: () => void } | undefined,
    ]) {
      if (busy) handle?.ref?.();
      else handle?.unref?.();
    }
  }

  #fail(error: LmctfyError): void {
    this.#child = undefined;
    this.#socket = undefined;
    const waiting = [...this.#pending.values(), ...this.#watched.values()];
    this.#pending.clear();
    this.#watched.clear();
    for (const { reject } of waiting) reject(error);
  }

  #receive(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    while (this.#buffered.length >= 4) {
      const length = this.#buffered.readUInt32LE(0);
      if (this.#buffered.length < 4 + length) break;
      const frame = this.#buffered.subarray(4, 4 + length);
      this.#buffered = this.#buffered.subarray(4 + length);
      this.#dispatch(frame.readUInt32LE(0), frame.readUInt32LE(4), frame.subarray(8));
    }
    this.#keepAlive();
  }

  #dispatch(type: number, id: number, payload: Buffer): void {
    if (type === FRAME_DONE) {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (pending) this.#done(pending, payload);
    } else if (type === FRAME_EXIT) {
      const pid = payload.readInt32LE(0);
      const waiting = this.#watched.get(pid);
      this.#watched.delete(pid);
      waiting?.resolve({ status: payload.readInt32LE(4), usage: readRusage(payload.subarray(8)) });
    }
  }

  #done({ program, watch, resolve, reject }: Pending, payload: Buffer): void {
    const outcome = payload.readUInt32LE(0);
    const registerCount = payload.readUInt32LE(12);
    const registers = Array.from({ length: registerCount }, (_, i) => payload.readBigInt64LE(16 + i * 8));
    const dataAt = 16 + registerCount * 8;
    const data = payload.subarray(dataAt + 4, dataAt + 4 + payload.readUInt32LE(dataAt));
    if (outcome === OUTCOME_FAILED) {
      reject(new ProgramFailure(program, payload.readUInt32LE(4), payload.readUInt32LE(8), registers));
    } else if (outcome !== OUTCOME_OK) {
      reject(new LmctfyError("INTERNAL", `the executor refused a program: ${data.toString()}`));
    } else {
      // The frame that tells the child's end may already lie behind this one: listen before it is read.
      const ended = watch && this.#watch(Number(registers[watch.index]));
      resolve({ registers, data, ended });
    }
  }

  #watch(pid: number): Promise<ProcessEnd> {
    const ended = new Promise<ProcessEnd>((resolve, reject) => this.#watched.set(pid, { resolve, reject }));
    ended.catch(() => {}); // whoever holds it may look later; the executor's end must not crash the process
    return ended;
  }
}
