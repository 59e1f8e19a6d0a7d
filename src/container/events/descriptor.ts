/** A descriptor in the executor, kept open from one event to the next, and the child that waits for it. */
import { compilePoll, compilePollEnd } from "../../compile/poll.ts";
import { LmctfyError } from "../../errors.ts";
import type { Context } from "../context.ts";

/** The exit code of a child whose program failed. */
const FAILED = 125;

/** What a descriptor is waited for, and who is told. */
export interface Wanted {
  events: number;
  /** It is ready, for these of poll(2)'s events; nobody waits for it any more until `arm`. */
  ready: (revents: number) => void;
  /** The executor is gone, or cannot do it. */
  failed: (error: unknown) => void;
}

/**
 * Node cannot poll a descriptor of another process, nor wait for POLLPRI at all. So a child of the executor does, and ends
 * when the descriptor is ready. What happens between its end and the next child's start is kept by the descriptor.
 */
export class Descriptor {
  readonly fd: number;
  readonly #context: Context;
  readonly #wanted: Wanted;
  #pidfd: number | undefined;
  #cycle: Promise<void> = Promise.resolve();
  #closed = false;

  /** Takes over an open descriptor of the executor. */
  constructor(context: Context, fd: number, wanted: Wanted) {
    this.#context = context;
    this.fd = fd;
    this.#wanted = wanted;
  }

  /** Waits for it, once. */
  arm(): void {
    this.#cycle = this.#poll().catch(error => {
      if (!this.#closed) this.#wanted.failed(error);
    });
  }

  async #poll(): Promise<void> {
    const { executor, arch } = this.#context;
    const { program, pid, pidfd } = compilePoll(arch, this.fd, this.#wanted.events);
    const outcome = await executor.runAndWatch(program, pid);
    this.#pidfd = Number(outcome.registers[pidfd.index]);
    if (this.#closed) await this.#release([]);
    const { status } = await outcome.ended;
    if (this.#closed) return;
    await this.#release([]);
    const code = (status >> 8) & 0xff;
    if ((status & 0x7f) !== 0 || code === FAILED)
      throw new LmctfyError("INTERNAL", `who waited for an event ended unexpectedly (wait status ${status})`);
    if (!this.#closed) this.#wanted.ready(code);
  }

  /** Ends the child and closes the descriptor; resolves when that is done. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // When the executor is gone, so are they.
    await this.#release([this.fd]).catch(() => {});
    await this.#cycle;
  }

  async #release(fds: readonly number[]): Promise<void> {
    const pidfd = this.#pidfd;
    this.#pidfd = undefined;
    await this.#context.executor.run(compilePollEnd(this.#context.arch, pidfd, fds));
  }
}
