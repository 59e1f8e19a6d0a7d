/** A command that runs in a container, as the library sees it. */
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { LmctfyError } from "../errors.ts";
import type { ProcessEnd } from "../kernel/executor.ts";
import { type Program, ProgramBuilder } from "../kernel/program.ts";
import type { Context } from "./context.ts";
import type { ContainerProcess, ProcessResult } from "./types.ts";

/** Signal numbers are those of the machine; unknown ones (real-time) have no name here. */
export function signalName(number: number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] as NodeJS.Signals | undefined;
}

function signalNumber(signal: NodeJS.Signals | number): number {
  const number = typeof signal === "number" ? signal : constants.signals[signal];
  if (Number.isInteger(number) && number >= 0 && number <= 64) return number;
  throw new LmctfyError("INVALID_ARGUMENT", `no such signal: ${signal}`);
}

/** A wait status in words (wait(2), WIFEXITED and friends). */
export function describeEnd(end: ProcessEnd, facts: { oom: boolean; aborted: boolean }): ProcessResult {
  const number = end.status & 0x7f;
  if (number === 0) {
    const exitCode = (end.status >> 8) & 0xff;
    return { reason: "exited", exitCode, signal: null, oom: facts.oom, usage: end.usage };
  }
  const reason = facts.aborted
    ? "aborted"
    : facts.oom && number === constants.signals.SIGKILL
      ? "oom"
      : "signalled";
  const signal = signalName(number) ?? (`SIG${number}` as NodeJS.Signals);
  return { reason, exitCode: null, signal, oom: facts.oom, usage: end.usage };
}

/** What `RunningProcess` is made of. */
export interface ProcessParts {
  context: Context;
  pid: number;
  /** In the executor; undefined when detached. */
  pidfd: number | undefined;
  stdin: Writable | null;
  stdout: Readable | null;
  stderr: Readable | null;
  exited: Promise<ProcessResult>;
}

export class RunningProcess implements ContainerProcess {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<ProcessResult>;
  readonly #context: Context;
  readonly #pidfd: number | undefined;
  #ended = false;

  constructor(parts: ProcessParts) {
    this.#context = parts.context;
    this.#pidfd = parts.pidfd;
    this.pid = parts.pid;
    this.stdin = parts.stdin;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    this.exited = parts.exited;
    const ended = (): void => {
      this.#ended = true;
    };
    // The end of a detached one is not known here; that is no end.
    this.exited.then(ended, parts.pidfd === undefined ? () => {} : ended);
  }

  async kill(signal: NodeJS.Signals | number = "SIGTERM"): Promise<boolean> {
    const number = signalNumber(signal);
    if (this.#ended) return false;
    try {
      if (this.#pidfd === undefined) process.kill(this.pid, number);
      else await this.#context.executor.run(this.#sending(this.#pidfd, number));
      return true;
    } catch (error) {
      const code = (error as { errno?: unknown; code?: unknown }).errno;
      if (code === "ESRCH" || (error as { code?: unknown }).code === "ESRCH") return false;
      if (this.#ended) return false;
      throw error;
    }
  }

  /** Kills the command when it still runs, and waits for its end. A detached one is left alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#pidfd === undefined) return;
    await this.kill("SIGKILL");
    await this.exited.catch(() => {});
  }

  #sending(pidfd: number, signal: number): Program {
    const builder = new ProgramBuilder(this.#context.arch).stage("sending a signal");
    builder.syscall("pidfd_send_signal", [pidfd, signal, 0, 0]);
    return builder.build();
  }
}
