/**
 * lmctfy: Let Me Contain That For You.
 *
 * ```ts
 * import { create } from "lmctfy";
 *
 * await using box = await create("/job", { memory: { limit: 100_000_000 }, cpu: { max_limit: 500 } });
 * const command = await box.run(["sh", "-c", "echo hello"], { stdio: ["ignore", "pipe", "inherit"] });
 * ```
 */
import type { Container } from "./container/container.ts";
import { Lmctfy } from "./container/lmctfy.ts";
import type { SandboxOptions } from "./sandbox/options.ts";
import { makeSandbox, type Sandbox } from "./sandbox/sandbox.ts";

export type { SecurityCheck } from "./container/check/check.ts";
export type { Finding, Verdict } from "./container/check/protection.ts";
export { Container } from "./container/container.ts";
export type { ContainerEvents, EventOptions } from "./container/events/stream.ts";
export type {
  ContainerEvent,
  MemoryThresholdEvent,
  OccupancyEvent,
  OomEvent,
  PressureEvent,
} from "./container/events/types.ts";
export { Lmctfy, type LmctfyOptions } from "./container/lmctfy.ts";
export type * from "./container/types.ts";
export { ERROR_CODES, type ErrorCode, LmctfyError } from "./errors.ts";
export type { ResourceUse } from "./kernel/rusage.ts";
export type { SandboxMount, SandboxOptions } from "./sandbox/options.ts";
export { makeSandbox, Sandbox, type SandboxResult, type SandboxRunOptions } from "./sandbox/sandbox.ts";
export {
  type ContainerSpec,
  type ContainerSpecInput,
  type ContainerStats,
  type EventSpec,
  type EventSpecInput,
  formatSpec,
  type HistogramMap,
  parseSpec,
} from "./spec/index.ts";

/** The standard installation; it does nothing, and starts nothing, until it is used. */
const standard: { lmctfy?: Lmctfy } = {};
const theStandard = (): Lmctfy => (standard.lmctfy ??= new Lmctfy());

/** `Lmctfy.create` of the standard installation. */
export const create = (...args: Parameters<Lmctfy["create"]>): Promise<Container> =>
  theStandard().create(...args);

/** `Lmctfy.get` of the standard installation. */
export const get = (...args: Parameters<Lmctfy["get"]>): Promise<Container> => theStandard().get(...args);

/** `Lmctfy.list` of the standard installation. */
export const list = (...args: Parameters<Lmctfy["list"]>): Promise<Container[]> =>
  theStandard().list(...args);

/**
 * A sandbox of the standard installation: a place for code that nobody trusts.
 *
 * ```ts
 * await using box = await sandbox({ memory: "256M", cpus: 0.5, timeout: "5s", files: { "main.js": code } });
 * const { stdout, exitCode, timedOut, oom } = await box.run(["node", "main.js"]);
 * ```
 *
 * @throws INVALID_ARGUMENT, or what `create` and `start` throw
 */
export const sandbox = (options: SandboxOptions = {}): Promise<Sandbox> =>
  makeSandbox(theStandard(), options);
