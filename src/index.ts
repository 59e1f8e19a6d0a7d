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

export { Container } from "./container/container.ts";
export { Lmctfy, type LmctfyOptions } from "./container/lmctfy.ts";
export type * from "./container/types.ts";
export { ERROR_CODES, type ErrorCode, LmctfyError } from "./errors.ts";
export type { ResourceUse } from "./kernel/rusage.ts";
export {
  type ContainerSpec,
  type ContainerSpecInput,
  type ContainerStats,
  formatSpec,
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
