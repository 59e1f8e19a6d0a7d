/** `pressure`: processes wait for a resource (PSI: kernel/sched/psi.c, Documentation/accounting/psi.rst). */
import { existsSync, readFileSync } from "node:fs";
import { readControl } from "../../cgroup/files.ts";
import { POLL } from "../../compile/poll.ts";
import { LmctfyError } from "../../errors.ts";
import { AT_FDCWD, O } from "../../kernel/constants.ts";
import { ProgramFailure } from "../../kernel/executor.ts";
import { ProgramBuilder } from "../../kernel/program.ts";
import type { Pressure as PressureSpec } from "../../spec/index.ts";
import type { Context } from "../context.ts";
import { Descriptor } from "./descriptor.ts";
import type { Ringing } from "./oom.ts";
import { type Bare, type PressureEvent, type Source, TOLD_MS } from "./types.ts";

type What = Pick<PressureEvent, "resource" | "level" | "stall" | "window">;

/** What the kernel takes, in microseconds (WINDOW_MIN_US, WINDOW_MAX_US). */
const WINDOW = { least: 500_000n, most: 10_000_000n, default: 2_000_000n };

export function openPressure(
  context: Context,
  name: string,
  spec: PressureSpec,
  place: string,
  ringing: Ringing,
): Source {
  const what = checked(spec, place);
  const path = context.cgroups.unifiedFile(name, `${what.resource}.pressure`);
  if (path === undefined) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "pressure is measured in cgroup version 2 alone, and none is mounted",
      {
        hint: "Mount it beside version 1, without controllers: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
      },
    );
  }
  if (readTotal(path, what.level) === undefined) throw notMeasured(path, what);
  return new Pressure(context, path, what, ringing);
}

function checked(spec: PressureSpec, place: string): What {
  const wrong = (field: string, why: string): never => {
    throw new LmctfyError("INVALID_ARGUMENT", why, { place: `${place}.${field}` });
  };
  const { resource = wrong("resource", "pressure of what? CPU, MEMORY or IO"), level = "SOME" } = spec;
  const window = spec.window ?? WINDOW.default;
  if (window < WINDOW.least || window > WINDOW.most)
    wrong("window", `the window is ${window} microseconds: ${WINDOW.least} to ${WINDOW.most} are possible`);
  const stall = spec.stall ?? window / 10n;
  if (stall < 1n || stall > window)
    wrong("stall", `the stall is ${stall} microseconds: more than 0, and at most the window of ${window}`);
  return {
    resource: resource.toLowerCase() as What["resource"],
    level: level.toLowerCase() as What["level"],
    stall,
    window,
  };
}

/** The time that processes waited since ever, in microseconds; undefined where it is not measured. */
function readTotal(path: string, level: What["level"]): bigint | undefined {
  try {
    const total = new RegExp(`^${level} .*total=(\\d+)`, "m").exec(readFileSync(path, "utf8"))?.[1];
    return total === undefined ? undefined : BigInt(total);
  } catch {
    return undefined;
  }
}

function notMeasured(path: string, { resource, level }: What): LmctfyError {
  if (!existsSync(path.slice(0, path.lastIndexOf("/"))))
    return new LmctfyError("FAILED_PRECONDITION", "the container's cgroups are gone", { path });
  const switched = path.replace(/[^/]*$/, "cgroup.pressure");
  const hint = !existsSync("/proc/pressure")
    ? "The kernel was built or started without: start it with psi=1."
    : readControl(switched)?.trim() === "0"
      ? `It was switched off for this container: echo 1 > ${switched}`
      : `This kernel does not measure "${level}" for ${resource}; 5.13 and later do.`;
  return new LmctfyError("FAILED_PRECONDITION", `pressure of ${resource} is not measured here`, {
    path,
    hint,
  });
}

/**
 * A trigger of the kernel, where it lets us have one; else the file is read ten times per window. Without CAP_SYS_RESOURCE
 * the kernel refuses triggers (before Linux 6.5), or takes those alone whose window is a multiple of two seconds.
 */
class Pressure implements Source {
  readonly #context: Context;
  readonly #path: string;
  readonly #what: What;
  readonly #ringing: Ringing;
  readonly #opening: Promise<void>;
  #descriptor: Descriptor | undefined;
  #readings: Readings | undefined;
  #happened = false;
  #closed = false;

  constructor(context: Context, path: string, what: What, ringing: Ringing) {
    this.#context = context;
    this.#path = path;
    this.#what = what;
    this.#ringing = ringing;
    this.#opening = this.#open().catch(error => {
      if (!this.#closed) ringing.fail(error);
    });
  }

  look(): Bare[] {
    if (this.#readings?.isStalled()) this.#happened = true;
    if (!this.#happened) return [];
    this.#happened = false;
    return [{ kind: "pressure", ...this.#what }];
  }

  patience(): number {
    return this.#readings === undefined ? TOLD_MS : Number(this.#what.window) / 10_000;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening;
    await this.#descriptor?.close();
  }

  async #open(): Promise<void> {
    const { level, stall, window } = this.#what;
    const b = new ProgramBuilder(this.#context.arch).stage("asking for pressure events");
    const flags = O.RDWR | O.NONBLOCK | O.CLOEXEC;
    const fd = b.syscall("openat", [AT_FDCWD, b.string(this.#path), flags, 0], {
      into: "pressure",
      fd: true,
    });
    const trigger = `${level} ${stall} ${window}`;
    b.syscall("write", [fd, b.string(trigger), trigger.length + 1]);
    try {
      const { registers } = await this.#context.executor.run(b.build());
      const descriptor: Descriptor = new Descriptor(this.#context, Number(registers[fd.index]), {
        events: POLL.PRI,
        ready: revents => this.#ready(descriptor, revents),
        failed: this.#ringing.fail,
      });
      this.#descriptor = descriptor;
      if (!this.#closed) descriptor.arm();
    } catch (error) {
      if (!(error instanceof ProgramFailure && isRefusal(error.errno))) throw error;
      this.#readings = new Readings(() => readTotal(this.#path, level), stall, window);
      this.#ringing.ring();
    }
  }

  #ready(descriptor: Descriptor, revents: number): void {
    if (revents & POLL.ERR) {
      // The cgroup is gone, which the stream sees, or nobody measures any more.
      if (existsSync(this.#path.replace(/[^/]*$/, "cgroup.procs")))
        this.#ringing.fail(notMeasured(this.#path, this.#what));
      return;
    }
    this.#happened = true;
    this.#ringing.ring();
    descriptor.arm();
  }
}

/** We checked the numbers, so EINVAL is about the right to such a window. */
const isRefusal = (errno: string | undefined): boolean =>
  errno === "EPERM" || errno === "EACCES" || errno === "EINVAL" || errno === "EROFS";

/** Waiting time by hand: how much of it came on top within a window that moves on. */
class Readings {
  readonly #read: () => bigint | undefined;
  readonly #stall: bigint;
  readonly #windowMs: number;
  #taken: { at: number; total: bigint }[] = [];
  #quietUntil = 0;

  constructor(read: () => bigint | undefined, stall: bigint, window: bigint) {
    this.#read = read;
    this.#stall = stall;
    this.#windowMs = Number(window) / 1000;
  }

  /** At most once per window, as the kernel's triggers. */
  isStalled(): boolean {
    const total = this.#read();
    if (total === undefined) return false;
    const at = performance.now();
    this.#taken.push({ at, total });
    this.#taken = this.#taken.filter(taken => taken.at >= at - this.#windowMs);
    if (at < this.#quietUntil || total - this.#taken[0]!.total < this.#stall) return false;
    this.#quietUntil = at + this.#windowMs;
    this.#taken = [{ at, total }];
    return true;
  }
}
