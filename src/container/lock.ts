/** Locks on containers: flock(2) on the runtime directory, held by the executor, gone when either process dies. */
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, LmctfyError } from "../errors.ts";
import type { Arch } from "../kernel/arch.ts";
import { AT_FDCWD, archOpenFlags, LOCK, O } from "../kernel/constants.ts";
import { type Executor, ProgramFailure } from "../kernel/executor.ts";
import { type Program, ProgramBuilder } from "../kernel/program.ts";
import { type Places, runtimeDirectory } from "./places.ts";
import { dropOrphanedDirectory, makeRuntimeDirectory } from "./store.ts";

/** How long a command waits for another one that works on the same container. */
export const PATIENCE_MS = 10_000;

/** Somebody else held the container's lock for too long. */
export function containerBusy(name: string): LmctfyError {
  return new LmctfyError("UNAVAILABLE", `container ${name} is busy: another command works on it`, {
    path: name,
    hint: "Wait for that command to end, or end it, and try again.",
  });
}

export interface LockOptions {
  /** Alone ("exclusive": create, update, destroy) or together with others ("shared": run). */
  mode: "exclusive" | "shared";
  /** @default 10 s */
  patienceMs?: number;
  signal?: AbortSignal | undefined;
}

export interface Lock extends Disposable {
  /** The locked directory's descriptor in the executor. */
  readonly fd: number;
}

/**
 * Takes the container's lock, making its runtime directory where it is missing.
 *
 * @throws UNAVAILABLE when somebody else holds it for too long
 */
export async function lockContainer(
  executor: Executor,
  arch: Arch,
  places: Places,
  name: string,
  options: LockOptions,
): Promise<Lock> {
  const deadline = performance.now() + (options.patienceMs ?? PATIENCE_MS);
  for (let delay = 1; ; delay = Math.min(delay * 2, 50)) {
    options.signal?.throwIfAborted();
    const fd = await tryLock(executor, arch, places, name, options.mode);
    if (fd !== undefined) {
      const release = (): void => {
        if (executor.closed) return; // it holds the lock until it has done what it does, and ends
        dropOrphanedDirectory(places, name);
        executor.run(closing(arch, fd)).catch(() => {}); // without the executor there is no lock either
      };
      return { fd, [Symbol.dispose]: release };
    }
    if (performance.now() >= deadline) {
      throw containerBusy(name);
    }
    await sleep(delay, undefined, options.signal ? { signal: options.signal } : {});
  }
}

async function tryLock(
  executor: Executor,
  arch: Arch,
  places: Places,
  name: string,
  mode: LockOptions["mode"],
): Promise<number | undefined> {
  const directory = runtimeDirectory(places, name);
  makeRuntimeDirectory(places, name);
  const builder = new ProgramBuilder(arch).stage(`locking the container ${name}`);
  const flags = O.RDONLY | archOpenFlags(arch).DIRECTORY | O.CLOEXEC;
  const fd = builder.syscall("openat", [AT_FDCWD, builder.string(directory), flags, 0], {
    into: "lock_fd",
    fd: true,
  });
  builder.syscall("flock", [fd, (mode === "exclusive" ? LOCK.EX : LOCK.SH) | LOCK.NB]);
  try {
    const { registers } = await executor.run(builder.build());
    const number = Number(registers[fd.index]);
    if (sameFile(`/proc/${executor.pid}/fd/${number}`, directory)) return number;
    // Whoever destroyed the container removed the directory between our open and our lock.
    await executor.run(closing(arch, number));
    return undefined;
  } catch (error) {
    if (error instanceof ProgramFailure && (error.errno === "EAGAIN" || error.errno === "ENOENT"))
      return undefined;
    throw error;
  }
}

function sameFile(a: string, b: string): boolean {
  try {
    const [x, y] = [statSync(a), statSync(b)];
    return x.ino === y.ino && x.dev === y.dev;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function closing(arch: Arch, fd: number): Program {
  const builder = new ProgramBuilder(arch);
  builder.syscall("close", [fd]);
  return builder.build();
}
