/** A place for code that nobody trusts: a virtual host, made and gone in milliseconds. */
import { randomBytes } from "node:crypto";
import { isAbsolute, join } from "node:path";
import type { Container } from "../container/container.ts";
import type { Lmctfy } from "../container/lmctfy.ts";
import type { ContainerProcess, EndReason, RunOptions } from "../container/types.ts";
import { LmctfyError } from "../errors.ts";
import type { ResourceUse } from "../kernel/rusage.ts";
import { isolatedEnvironment } from "../resources/isolation.ts";
import { parseSize, parseTime, type SandboxOptions, sandboxSpec, WORK } from "./options.ts";

export interface SandboxRunOptions {
  /** What the command reads. @default nothing */
  stdin?: string | Uint8Array;
  /** Directory. @default "/work" */
  cwd?: string;
  /** More environment. */
  env?: Readonly<Record<string, string>>;
  /** As in the sandbox's options, for this command. */
  timeout?: number | string;
  /** Bytes of standard output and of standard error that are kept; a command that writes more is ended. @default "1M" */
  maxOutput?: number | string;
  /** Ends the command. */
  signal?: AbortSignal;
}

/** How a command in a sandbox ended: data, whatever it was. */
export interface SandboxResult {
  /** Why: of its own accord, by a signal, out of memory, out of time, too much output, or aborted by the caller. */
  reason: EndReason | "timeout" | "output";
  stdout: string;
  stderr: string;
  /** 0 … 255 when it exited by itself, else null. */
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** The kernel killed it, or a process beside it, for lack of memory. */
  oom: boolean;
  timedOut: boolean;
  /** Whether output is missing, because there was more than `maxOutput`. */
  truncated: boolean;
  usage: ResourceUse;
}

/**
 * A sandbox: commands in it share files below /work and /tmp, and whatever a command leaves running ends with it.
 * `await using` destroys it with all that is in it.
 */
export class Sandbox implements AsyncDisposable {
  readonly container: Container;
  readonly #options: SandboxOptions;
  #running = 0;

  /** @internal `sandbox()` makes them. */
  constructor(container: Container, options: SandboxOptions) {
    this.container = container;
    this.#options = options;
  }

  /**
   * Runs a command to its end. Every ending is a result; only what keeps it from starting is thrown.
   *
   * @throws NOT_FOUND (no such command), INVALID_ARGUMENT, RESOURCE_EXHAUSTED (no more processes)
   */
  async run(argv: readonly string[], options: SandboxRunOptions = {}): Promise<SandboxResult> {
    const most = parseSize("maxOutput", options.maxOutput ?? "1M");
    const limit = options.timeout ?? this.#options.timeout;
    const timeout = limit === undefined ? undefined : parseTime("timeout", limit);
    this.#running++;
    try {
      const command = await this.spawn(argv, options);
      return await this.#finish(command, { most, timeout, stdin: options.stdin });
    } finally {
      this.#running--;
      if (this.#running === 0) await this.container.killAllButInit();
    }
  }

  /** Starts a command and gives its streams; whoever calls it sees to its end. */
  async spawn(
    argv: readonly string[],
    options: Pick<SandboxRunOptions, "cwd" | "env" | "signal"> = {},
  ): Promise<ContainerProcess> {
    const run: RunOptions = {
      cwd: options.cwd ?? WORK,
      env: { ...isolatedEnvironment(), HOME: WORK, ...this.#options.env, ...options.env },
      stdio: "pipe",
      ...(options.signal && { signal: options.signal }),
    };
    return this.container.run(argv, run);
  }

  /** Makes or replaces a file; a relative name lies in /work. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    await this.container.writeFile(inWork(name), content);
  }

  /** The bytes of a file; a relative name lies in /work. Links are followed as they are inside, never out of it. */
  async read(name: string, options: { maxBytes?: number } = {}): Promise<Buffer> {
    return this.container.readFile(inWork(name), options);
  }

  /** As it was at the start: every process and file of it is gone, and those of the options are there again. */
  async reset(): Promise<void> {
    await this.container.stop({ graceMs: 0 });
    await this.container.start();
    await this.#writeFiles();
  }

  /** @internal */
  async begin(): Promise<void> {
    await this.container.start();
    await this.#writeFiles();
  }

  async destroy(): Promise<void> {
    await this.container[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }

  async #writeFiles(): Promise<void> {
    for (const [name, content] of Object.entries(this.#options.files ?? {})) await this.write(name, content);
  }

  async #finish(
    command: ContainerProcess,
    limits: { most: number; timeout: number | undefined; stdin: string | Uint8Array | undefined },
  ): Promise<SandboxResult> {
    let timedOut = false;
    let truncated = false;
    const kill = (): void => void command.kill("SIGKILL").catch(() => {}); // its end tells
    const timer =
      limits.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            kill();
          }, limits.timeout);
    const tooMuch = (): void => {
      truncated = true;
      kill();
    };
    feed(command, limits.stdin);
    const outputs = [command.stdout, command.stderr].map(stream => collect(stream, limits.most, tooMuch));
    try {
      const end = await command.exited;
      // What it left behind may hold the pipes open.
      if (this.#running === 1) await this.container.killAllButInit();
      const [stdout, stderr] = await Promise.all(outputs.map(each => each.settled));
      const reason = timedOut ? "timeout" : truncated ? "output" : end.reason;
      return { ...end, reason, stdout: stdout!, stderr: stderr!, timedOut, truncated };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A sandbox of an installation; `sandbox()` of the package takes the standard one. */
export async function makeSandbox(lmctfy: Lmctfy, options: SandboxOptions = {}): Promise<Sandbox> {
  const spec = sandboxSpec(options);
  if (options.timeout !== undefined) parseTime("timeout", options.timeout);
  const name = `/sandbox-${process.pid}-${randomBytes(6).toString("hex")}`;
  const container = await lmctfy.create(name, spec, { hotPath: false });
  const box = new Sandbox(container, options);
  try {
    await box.begin();
    return box;
  } catch (error) {
    await box.destroy();
    throw error;
  }
}

function inWork(name: string): string {
  if (name === "" || name.includes("\0")) {
    throw new LmctfyError("INVALID_ARGUMENT", `sandbox: no name of a file: ${JSON.stringify(name)}`);
  }
  return isAbsolute(name) ? name : join(WORK, name);
}

/** A command need not read its input. */
function feed(command: ContainerProcess, input: string | Uint8Array | undefined): void {
  command.stdin?.on("error", () => {});
  command.stdin?.end(input ?? "");
}

/** Keeps what comes, up to a size; more is reported once, and dropped. */
function collect(
  stream: ContainerProcess["stdout"],
  most: number,
  tooMuch: () => void,
): { settled: Promise<string> } {
  const chunks: Buffer[] = [];
  let size = 0;
  const settled = new Promise<string>((resolve, reject) => {
    if (!stream) return resolve("");
    stream.on("data", (chunk: Buffer) => {
      if (size < most) chunks.push(chunk.subarray(0, most - size));
      const before = size;
      size += chunk.length;
      if (before <= most && size > most) tooMuch();
    });
    stream.once("error", reject);
    stream.once("close", () => resolve(Buffer.concat(chunks).toString()));
  });
  settled.catch(() => {}); // it is awaited later
  return { settled };
}
