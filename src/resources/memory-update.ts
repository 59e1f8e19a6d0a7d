/** Changing `memory` of a container that exists. */
import type { Cgroups } from "../cgroup/driver.ts";
import { parentOf } from "../cgroup/names.ts";
import { type HostStep, writeControl } from "../cgroup/steps.ts";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import type { MemorySpec } from "../spec/index.ts";
import { amountOf, NO_SWAP_ACCOUNTING, reservedAtTop, wholePages } from "./memory.ts";
import { readNumber } from "./numbers.ts";
import { change, INT64_MAX, refuseBelow, type UpdateContext } from "./resource.ts";

/** What version 1 shows for no limit, the largest number of whole pages, less as much as pages may be large. */
const NO_LIMIT = INT64_MAX - 1n - (1n << 20n);

const TOO_LITTLE =
  "What runs in the container uses more and cannot give it back: end some of it, or choose a higher limit.";

/** Version 2 hands protection down: what this container does not reserve, those below do not get either. */
export function checkMemoryBelow({ reservation }: MemorySpec, { cgroups, name, below }: UpdateContext): void {
  if (cgroups.version("memory") !== 2) return;
  const ours = amountOf(reservation) ?? 0n;
  for (const { name: child, spec } of below) {
    const theirs = amountOf(spec.memory?.reservation) ?? 0n;
    if (parentOf(child) !== name || theirs <= ours) continue;
    throw refuseBelow(
      `memory.reservation ${ours} is less than that of \`${child}\`, which is ${theirs}`,
      child,
    );
  }
}

export function updateMemory(spec: MemorySpec, { cgroups, name }: UpdateContext): HostStep[] {
  return cgroups.version("memory") === 2 ? update2(spec, cgroups, name) : update1(spec, cgroups, name);
}

/** The kernel keeps limit <= memsw.limit at all times: what rises makes room first, what falls follows. */
function update1(spec: MemorySpec, cgroups: Cgroups, name: string): HostStep[] {
  const write = (file: string, value: bigint | undefined, field: string, hints = {}) =>
    change(cgroups, name, "memory", file, value ?? -1n, field, {
      needed: value !== undefined,
      same: sameAmount,
      hints,
    });
  const total = amountOf(spec.swap_limit);
  const now = readNumber(cgroups, name, "memory", "memory.memsw.limit_in_bytes");
  const busy = { EBUSY: TOO_LITTLE };
  const limit = write("memory.limit_in_bytes", amountOf(spec.limit), "memory.limit", busy);
  const swap = write("memory.memsw.limit_in_bytes", total, "memory.swap_limit", {
    ...NO_SWAP_ACCOUNTING,
    ...busy,
  });
  const rises = total === undefined || now === undefined || total >= now;
  return [
    ...(rises ? [...swap, ...limit] : [...limit, ...swap]),
    ...write("memory.soft_limit_in_bytes", amountOf(spec.reservation), "memory.reservation"),
  ];
}

function update2(spec: MemorySpec, cgroups: Cgroups, name: string): HostStep[] {
  const write = (file: string, value: bigint | undefined, field: string, hints = {}) =>
    change(cgroups, name, "memory", file, value ?? "max", field, {
      needed: value !== undefined,
      same: sameAmount,
      hints,
    });
  const limit = amountOf(spec.limit);
  const total = amountOf(spec.swap_limit);
  const swap = total === undefined || limit === undefined ? undefined : total - limit;
  const reservation = amountOf(spec.reservation) ?? 0n;
  const low = (of: string, value: bigint) =>
    change(cgroups, of, "memory", "memory.low", value, "memory.reservation", {
      needed: value > 0n,
      same: sameAmount,
    });
  return [
    ...write("memory.max", limit, "memory.limit"),
    ...write("memory.swap.max", swap, "memory.swap_limit", NO_SWAP_ACCOUNTING),
    ...(parentOf(name) === "/" ? low("/", reservation + reservedAtTop(cgroups, name)) : []),
    ...low(name, reservation),
  ];
}

/** Whether a control file says what is to be written: the kernel keeps whole pages, and has names for no limit. */
export function sameAmount(now: string, wanted: string): boolean {
  const none = (text: string) => text === "max" || text === "-1" || BigInt(text) >= NO_LIMIT;
  if (none(now) || none(wanted)) return none(now) && none(wanted);
  return BigInt(now) === wholePages(BigInt(wanted));
}

/**
 * Has a container give back what it uses above a limit that it is to get. Version 1 does so by itself and refuses a
 * limit that is too low (EBUSY); version 2 would take it and kill (mm/memcontrol.c, memory_max_write), which nobody asked for.
 *
 * @throws FAILED_PRECONDITION when it cannot; no setting is changed
 */
export function makeRoom(spec: MemorySpec, { cgroups, name }: UpdateContext): void {
  const limit = amountOf(spec.limit);
  if (limit === undefined || cgroups.version("memory") !== 2) return;
  const usage = () => readNumber(cgroups, name, "memory", "memory.current") ?? 0n;
  for (let turn = 0; turn < 4 && usage() > limit; turn++) reclaim(cgroups, name, usage() - limit, limit);
  const left = usage();
  if (left <= limit) return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `memory.limit ${limit} is less than \`${name}\` uses, which is ${left}`,
    { path: name, hint: TOO_LITTLE },
  );
}

/** `memory.reclaim` is there since Linux 5.19; before, a `memory.high` of a moment does the same. */
function reclaim(cgroups: Cgroups, name: string, bytes: bigint, limit: bigint): void {
  const path = (file: string) => cgroups.controllerFile(name, "memory", file)!;
  if (bytes <= 0n) return;
  try {
    writeControl(path("memory.reclaim"), String(bytes));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EAGAIN" || errno === "EINTR") return; // not all of it
    if (errno !== "ENOENT") throw fromSystemError(error, "write", path("memory.reclaim"));
    const high = readNumber(cgroups, name, "memory", "memory.high");
    writeControl(path("memory.high"), String(limit));
    writeControl(path("memory.high"), high === undefined || high < 0n ? "max" : String(high));
  }
}
