/**
 * Events of version 1: an eventfd that `cgroup.event_control` binds to a control file, held by the executor
 * (mm/memcontrol-v1.c; Documentation/admin-guide/cgroup-v1/memory.rst).
 */
import { POLL } from "../../compile/poll.ts";
import { AT_FDCWD, EFD, O } from "../../kernel/constants.ts";
import { ProgramBuilder } from "../../kernel/program.ts";
import type { Context } from "../context.ts";
import { closeInExecutor } from "../descriptors.ts";
import { Descriptor } from "./descriptor.ts";

/**
 * Rings when the kernel signals one of the files that were added: it is a hint, and the files tell what happened. So
 * where one cannot be added (no right to, or a kernel without), nothing is lost, only seen later.
 */
export class Eventfd {
  readonly #context: Context;
  readonly #ring: () => void;
  readonly #failed: (error: unknown) => void;
  #descriptor: Promise<Descriptor> | undefined;
  #signalled = false;
  #closed = false;
  #works = true;

  constructor(context: Context, ring: () => void, failed: (error: unknown) => void) {
    this.#context = context;
    this.#ring = ring;
    this.#failed = failed;
  }

  /** Whether the kernel tells of all that was added. */
  get works(): boolean {
    return this.#works;
  }

  /** Whether it was signalled since the last call. */
  take(): boolean {
    const signalled = this.#signalled;
    this.#signalled = false;
    return signalled;
  }

  /** Binds it to a file of a cgroup directory; `args` are what that file wants to know. */
  async add(directory: string, file: string, args = ""): Promise<void> {
    try {
      this.#descriptor ??= this.#open();
      const { fd } = await this.#descriptor;
      if (!this.#closed) await this.#bind(fd, directory, file, args);
    } catch {
      this.#works = false; // whoever waits for the descriptor tells of the executor's end
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#descriptor?.then(
      descriptor => descriptor.close(),
      () => {},
    );
  }

  async #open(): Promise<Descriptor> {
    const b = new ProgramBuilder(this.#context.arch).stage("making an eventfd");
    const register = b.syscall("eventfd2", [0, EFD.NONBLOCK | EFD.CLOEXEC], { into: "eventfd", fd: true });
    const { registers } = await this.#context.executor.run(b.build());
    const descriptor: Descriptor = new Descriptor(this.#context, Number(registers[register.index]), {
      events: POLL.IN,
      ready: () => {
        this.#signalled = true;
        this.#drain(descriptor.fd).then(() => descriptor.arm(), this.#failed);
        this.#ring();
      },
      failed: this.#failed,
    });
    descriptor.arm();
    return descriptor;
  }

  /** Until it is signalled anew. */
  async #drain(fd: number): Promise<void> {
    const b = new ProgramBuilder(this.#context.arch).stage("reading an eventfd");
    b.syscall("read", [fd, b.buffer(8), 8], { onError: "ignore" });
    await this.#context.executor.run(b.build());
  }

  async #bind(eventfd: number, directory: string, file: string, args: string): Promise<void> {
    const { arch, executor } = this.#context;
    const open = new ProgramBuilder(arch).stage("opening what to watch");
    const of = (path: string, flags: number, into: string) =>
      open.syscall("openat", [AT_FDCWD, open.string(path), flags | O.CLOEXEC, 0], { into, fd: true });
    const watched = of(`${directory}/${file}`, O.RDONLY, "watched");
    const control = of(`${directory}/cgroup.event_control`, O.WRONLY, "control");
    const { registers } = await executor.run(open.build());
    const [watchedFd, controlFd] = [watched, control].map(({ index }) => Number(registers[index]));
    try {
      const bind = new ProgramBuilder(arch).stage(`watching ${file}`);
      const words = `${eventfd} ${watchedFd}${args && ` ${args}`}`;
      bind.syscall("write", [controlFd!, bind.string(words), words.length]);
      await executor.run(bind.build());
    } finally {
      closeInExecutor(this.#context, [watchedFd, controlFd]);
    }
  }
}
