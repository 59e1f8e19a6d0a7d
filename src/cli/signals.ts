/** Signals: what asks this process to end, and what is passed on to a command. */
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { LmctfyError } from "../errors.ts";
import type { ContainerProcess } from "../index.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const RELAYED = [...ENDING, "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/** A command that has not started this long after a signal does so no more. */
const PATIENCE_MS = 100;

/** The number of a signal; 0 when this machine has no such. */
export const signalNumber = (signal: string): number =>
  (constants.signals as Record<string, number>)[signal] ?? (Number(/^SIG(\d+)$/.exec(signal)?.[1]) || 0);

const interruption = (signal: NodeJS.Signals): LmctfyError =>
  new LmctfyError("CANCELLED", `interrupted by ${signal}`);

/** Ends this process by the signal that asked for it, so that a shell that waits for it knows. */
async function dieOf(signal: NodeJS.Signals): Promise<void> {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // It arrives in a moment. Where it is ignored, the error is reported instead.
  await sleep(200);
}

/** Does what can be cancelled. After a signal `work` has to give up by throwing; then this process ends of it. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let interrupted: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted ??= signal;
    controller.abort(interruption(signal));
  };
  for (const signal of ENDING) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (interrupted !== undefined) await dieOf(interrupted);
    throw error;
  } finally {
    for (const signal of ENDING) process.removeListener(signal, interrupt);
  }
}

/**
 * Passes the signals that arrive here on to a command. One that comes before the command runs is passed on as soon
 * as it does, or cancels the start when that takes long.
 */
export class SignalRelay implements Disposable {
  readonly #terminal = hasTerminal();
  readonly #controller = new AbortController();
  readonly #early: NodeJS.Signals[] = [];
  #timer: NodeJS.Timeout | undefined;
  #command: ContainerProcess | undefined;

  constructor() {
    for (const name of RELAYED) process.on(name, this.#receive);
  }

  /** Starts a command that the signals are for. */
  async start(run: (cancel: AbortSignal) => Promise<ContainerProcess>): Promise<ContainerProcess> {
    try {
      this.#command = await run(this.#controller.signal);
    } catch (error) {
      if (this.#controller.signal.aborted) await dieOf(this.#early[0]!);
      throw error;
    } finally {
      clearTimeout(this.#timer);
    }
    for (const signal of this.#early) this.#pass(signal);
    return this.#command;
  }

  [Symbol.dispose](): void {
    for (const name of RELAYED) process.removeListener(name, this.#receive);
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#command !== undefined) {
      this.#pass(signal);
      return;
    }
    this.#early.push(signal);
    this.#timer ??= setTimeout(() => this.#controller.abort(interruption(signal)), PATIENCE_MS);
  };

  #pass(signal: NodeJS.Signals): void {
    // The terminal sends these to the whole process group, and so to the command.
    if (this.#terminal && (signal === "SIGINT" || signal === "SIGQUIT")) return;
    // It fails only when the executor is gone, and `exited` tells that.
    this.#command?.kill(signal).catch(() => {});
  }
}

/** Whether this process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
