/**
 * The life of a virtual host: from the start of its init to its end.
 *
 * ```
 * stopped ──start──▶ running ──stop, the init's own end──▶ stopped
 *                       └─ freeze ⇄ thaw
 * ```
 * Whether it runs is a lock that the init's monitor holds (compile/init-lock.ts); no file has to be believed.
 */
import { existsSync, readlinkSync } from "node:fs";
import { constants } from "node:os";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { defaultInit } from "../compile/init.ts";
import { compileSpawn } from "../compile/spawn.ts";
import { LmctfyError } from "../errors.ts";
import { ProgramFailure } from "../kernel/executor.ts";
import { ISOLATED_ENVIRONMENT } from "../resources/isolation.ts";
import { hasOwnUsers } from "../resources/namespaces.ts";
import { isSystem, managesCgroups, signalNumber } from "../resources/system.ts";
import type { ContainerSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { lockAgainstStarters } from "./destroy.ts";
import { entranceOf } from "./entrance.ts";
import { requireOwn } from "./given.ts";
import { idsOf } from "./ids.ts";
import { initOf } from "./init-process.ts";
import { lockContainer } from "./lock.ts";
import { findLxcfs, letItCount, wantsTruth } from "./lxcfs.ts";
import { runtimeDirectory } from "./places.ts";
import { apply, compileProgram, ensureRealised } from "./realise.ts";
import { busyWith } from "./recover.ts";
import { clearPending, markPending, programFile, removeProgram, requireContainer } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";

/** How long processes have to end when they are told to, unless the caller says otherwise. */
const GRACE_MS = 10_000;
/** A system has services to stop, in their order. */
const SYSTEM_GRACE_MS = 60_000;

export interface StopOptions {
  /** How long its processes may take to end by themselves before they are killed. @default 10000; 60000 for a system */
  graceMs?: number;
  signal?: AbortSignal | undefined;
}

/** @returns the pid of its init, as this process sees it */
export async function startContainer(context: Context, name: string, signal?: AbortSignal): Promise<number> {
  const { places, executor, arch, cgroups } = context;
  const spec = await requireVirtualHost(context, name);
  using _lock = await lockContainer(executor, arch, places, name, { mode: "exclusive", signal });
  requireContainer(places, name);
  const running = await initOf(context, name);
  if (running !== undefined) {
    throw new LmctfyError("FAILED_PRECONDITION", `${name} runs already; its init is process ${running}`, {
      path: name,
      hint: `lmctfy restart ${name} starts it anew.`,
    });
  }
  if (!cgroups.exists(name)) await ensureRealised(context, name);
  refusePaused(context, name);
  using _busy = busyWith(context, name);
  markPending(places, name);
  const hotPath = existsSync(programFile(places, name));
  if (hotPath) removeProgram(places, name); // from here on `run` goes the long way, until there is one that joins
  const pid = await spawnInit(context, name, spec);
  if (hotPath) await compileProgram(context, name, spec);
  clearPending(places, name);
  return pid;
}

async function spawnInit(context: Context, name: string, spec: ContainerSpec): Promise<number> {
  const argv = spec.virtual_host?.init?.init_argv ?? [];
  const managed = await makeManaged(context, name, spec);
  const lxcfs = wantsTruth(spec) ? findLxcfs()?.mountPoint : undefined;
  if (lxcfs !== undefined) await letItCount(context, name);
  const entrance = await entranceOf(context, name, spec);
  const { program, pid } = compileSpawn(context.arch, {
    entrance: {
      ...entrance,
      ...(managed && { cloneInto: managed }),
      ...(entrance.isolation && { isolation: { ...entrance.isolation, lxcfs } }),
    },
    runtimeDirectory: runtimeDirectory(context.places, name),
    locked: true,
    oomFile: context.cgroups.oomFile(name),
    frozenMark: undefined,
    argv,
    env: ISOLATED_ENVIRONMENT,
    cwd: "/",
    user: undefined,
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
    isInit: true,
    action: argv.length === 0 ? defaultInit : undefined,
  });
  try {
    return Number((await context.executor.run(program)).registers[pid.index]);
  } catch (error) {
    await compileProgram(context, name, spec);
    clearPending(context.places, name);
    throw error instanceof ProgramFailure ? startFailure(name, argv, error) : error;
  }
}

/** A fresh cgroup for an init that manages what is below it, and belongs to root in the container. */
async function makeManaged(context: Context, name: string, spec: ContainerSpec): Promise<string | undefined> {
  const { cgroups, places } = context;
  await cgroups.removeManaged(name);
  if (!managesCgroups(spec)) return undefined;
  const root = hasOwnUsers(spec) ? idsOf(places, name).first : undefined;
  await apply(context, cgroups.managedSteps(name, root === undefined ? {} : { uid: root, gid: root }));
  return cgroups.managedDirectory(name);
}

function startFailure(name: string, argv: readonly string[], failure: ProgramFailure): LmctfyError {
  const { code, errno, syscall, message } = failure;
  const facts = { errno: errno!, syscall: syscall!, path: name, cause: failure };
  if (!syscall?.startsWith("execve"))
    return new LmctfyError(code, `${name} does not start: ${message}`, facts);
  return new LmctfyError("FAILED_PRECONDITION", `${name} does not start: its init ${argv[0]}: ${errno}`, {
    ...facts,
    hint: "virtual_host.init.init_argv names a file in the container's own root.",
  });
}

/**
 * Ends everything in it: the init is asked to, and with the default init every process; what is left after the grace is killed.
 */
export async function stopContainer(
  context: Context,
  name: string,
  options: StopOptions = {},
): Promise<void> {
  const { cgroups } = context;
  const { signal } = options;
  const spec = await requireVirtualHost(context, name);
  const { graceMs = isSystem(spec) ? SYSTEM_GRACE_MS : GRACE_MS } = options;
  const init = await initOf(context, name);
  if (init === undefined) return;
  const own = (spec.virtual_host?.init?.init_argv ?? []).length > 0;
  const all = (): number[] => cgroups.pids(name, { recursive: true });
  // What is not the init's own, an init of the user's does not know: systemd would wait ten seconds for its end.
  const there = all(); // before it is asked which are whose: what is born meanwhile is nobody's to tell
  const its = new Set(!own ? [init] : managesCgroups(spec) ? cgroups.managedPids(name) : there);
  for (const pid of there) if (!its.has(pid)) tell(pid, constants.signals.SIGTERM);
  if (own) tell(init, stopSignal(spec, init));
  const others = (): boolean => all().some(pid => own || pid !== init);
  await becomes(() => !others(), graceMs, signal);
  await endAll(context, name, spec);
}

/** With a mark, as after a kill that was cut short its cgroups take nobody until somebody makes them anew. */
async function endAll(context: Context, name: string, spec: ContainerSpec): Promise<void> {
  const { places, cgroups } = context;
  using _lock = await lockAgainstStarters(context, name);
  requireContainer(places, name);
  using _busy = busyWith(context, name);
  markPending(places, name);
  await cgroups.kill(name);
  cgroups.renew(name);
  await becomes(async () => (await initOf(context, name)) === undefined, GRACE_MS, undefined);
  await cgroups.removeManaged(name);
  await compileProgram(context, name, spec);
  clearPending(places, name);
}

async function requireVirtualHost(context: Context, name: string): Promise<ContainerSpec> {
  if (name === "/") {
    throw new LmctfyError("FAILED_PRECONDITION", "the container / is the machine: it runs", { path: name });
  }
  requireOwn(context, name);
  requireContainer(context.places, name);
  const spec = await loadSpec(context, name);
  if (spec.virtual_host !== undefined) return spec;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${name} is no virtual host: there is nothing in it to start or stop`,
    {
      path: name,
      hint: "Commands are run in it with `lmctfy run`, and ended with `lmctfy killall`. `virtual_host:{}` in the spec makes one.",
    },
  );
}

function refusePaused(context: Context, name: string): void {
  if (!context.cgroups.isFrozen(name)) return;
  throw new LmctfyError("FAILED_PRECONDITION", `${name} is paused: what is started in it would not run`, {
    path: name,
    hint: `lmctfy resume ${name}`,
  });
}

/** systemd takes SIGTERM for the wish to be executed anew; what halts it is in systemd(1). */
function stopSignal({ virtual_host }: ContainerSpec, init: number): number {
  const chosen = virtual_host?.init?.stop_signal;
  if (chosen !== undefined) return signalNumber(chosen);
  return isSystemd(init) ? signalNumber("SIGRTMIN+3") : constants.signals.SIGTERM;
}

function isSystemd(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)) === "systemd";
  } catch {
    return false; // It has ended.
  }
}

function tell(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

async function becomes(
  isSo: () => boolean | Promise<boolean>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + ms;
  for (let delay = 1; !(await isSo()) && performance.now() < deadline; delay = Math.min(delay * 2, 50)) {
    signal?.throwIfAborted();
    await sleep(delay);
  }
}
