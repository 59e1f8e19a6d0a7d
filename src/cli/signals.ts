/** Signals that ask a command to end: it undoes what it began, and ends of the same signal. */
import { constants } from "node:os";
import { LmctfyError } from "../errors.ts";

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The number of a signal; 0 when this machine has no such. */
export const signalNumber = (signal: string): number =>
  (constants.signals as Record<string, number>)[signal] ?? (Number(/^SIG(\d+)$/.exec(signal)?.[1]) || 0);

/**
 * Does what can be cancelled. After a signal `work` has to give up by throwing; then this process ends of that
 * signal, so that a shell that waits for it knows.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let interrupted: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interrupted ??= signal;
    controller.abort(new LmctfyError("CANCELLED", `interrupted by ${signal}`));
  };
  for (const signal of ENDING) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (interrupted !== undefined) await dieOf(interrupted, interrupt);
    throw error;
  } finally {
    for (const signal of ENDING) process.removeListener(signal, interrupt);
  }
}

async function dieOf(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): Promise<void> {
  for (const each of ENDING) process.removeListener(each, listener);
  process.kill(process.pid, signal);
  // It arrives in a moment. If somebody made it ignored, the error is reported instead.
  await new Promise(resolve => setTimeout(resolve, 200));
}
