/** Rates that are never exceeded: `max_device_limit_set`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { parentOf } from "../../cgroup/names.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import type { BlockIoDevice, BlockIoMaxLimit, BlockIoMaxLimitSet } from "../../spec/index.ts";
import { checkRange, invalid, type UpdateContext } from "../resource.ts";
import { findDevice, type Machine } from "./device.ts";
import { ioController, type LineFile, lineSteps, readLines } from "./lines.ts";

const FIELD = "blockio.max_device_limit_set";

/** In the kernel's words and in its order. */
const KINDS = ["rbps", "wbps", "riops", "wiops"] as const;
type Kind = (typeof KINDS)[number];

const V1_FILES: { readonly [K in Kind]: string } = {
  rbps: "blkio.throttle.read_bps_device",
  wbps: "blkio.throttle.write_bps_device",
  riops: "blkio.throttle.read_iops_device",
  wiops: "blkio.throttle.write_iops_device",
};

/** For each kind the rates by device. */
export type Rates = { readonly [K in Kind]: ReadonlyMap<string, bigint> };

/** All that a uint64 holds is no limit, as elsewhere in a spec. */
const NO_LIMIT = 2n ** 64n - 1n;
/** Version 2 takes no less (block/blk-throttle.c, tg_set_limit); of operations the kernel counts 32 bits. */
const LEAST = 2n;
const MOST = { bps: NO_LIMIT - 1n, iops: 2n ** 32n - 2n };

/** @throws when the set makes no sense, or a disk is not there (unless that one is to be left out) */
export function ratesOf(
  set: BlockIoMaxLimitSet | undefined,
  machine: Machine,
  missing: "throw" | "leave out" = "throw",
): Rates {
  const rates = emptyRates();
  for (const [index, max] of (set?.max_limits ?? []).entries()) {
    const place = `${FIELD}.max_limits[${index}]`;
    const kind = kindOf(max, place);
    if (max.limits === undefined) throw invalid(`${place} names no device: it needs limits`);
    for (const [at, { device = {}, limit }] of max.limits.entries()) {
      const here = `${place}.limits[${at}]`;
      const disk = missing === "throw" ? findDevice(device, here, machine) : tryToFind(device, here, machine);
      if (disk === undefined) continue;
      const { name, number } = disk;
      const rate = checkRate(limit, `${here}.limit`, max);
      if (rates[kind].has(number)) {
        throw invalid(`${here}: \`/dev/${name}\` has another ${max.op_type} ${max.limit_type} before`);
      }
      rates[kind].set(number, rate);
    }
  }
  for (const kind of KINDS)
    for (const [number, rate] of rates[kind]) if (rate === NO_LIMIT) rates[kind].delete(number);
  return rates;
}

function kindOf({ op_type, limit_type }: BlockIoMaxLimit, place: string): Kind {
  if (op_type === undefined) throw invalid(`${place} needs an op_type: READ or WRITE`);
  if (limit_type === undefined) {
    throw invalid(`${place} needs a limit_type: BYTES_PER_SECOND or IO_PER_SECOND`);
  }
  return `${op_type === "READ" ? "r" : "w"}${limit_type === "BYTES_PER_SECOND" ? "bps" : "iops"}`;
}

function checkRate(limit: bigint | undefined, place: string, { limit_type }: BlockIoMaxLimit): bigint {
  if (limit === undefined) throw invalid(`${place} is missing`);
  if (limit === NO_LIMIT) return limit;
  const [most, unit] =
    limit_type === "BYTES_PER_SECOND" ? [MOST.bps, "bytes per second"] : [MOST.iops, "operations per second"];
  checkRange(place, limit, LEAST, most, `${unit}; for no limit leave it out`);
  return limit;
}

/** What a container needs written, and on version 1 those below it. */
export function rateSteps(
  rates: Rates,
  { cgroups, name, below }: UpdateContext,
  machine: Machine,
): HostStep[] {
  if (ioController(cgroups) === "io") return lineSteps(cgroups, name, V2_FILE, maxLines(rates));
  if (ioController(cgroups) === undefined) return [];
  // Version 1 takes each cgroup by itself (block/blk-throttle.c, throtl_pd_init): what a container is not to exceed,
  // each one below has to be told as well.
  const effective = new Map([[name, tightest(rates, readRates(cgroups, parentOf(name)))]]);
  for (const { name: child, spec } of below) {
    // That a disk of theirs is gone is for their own next command to tell.
    const own = ratesOf(spec.blockio?.max_device_limit_set, machine, "leave out");
    effective.set(child, tightest(own, effective.get(parentOf(child)) ?? emptyRates()));
  }
  return [...effective]
    .filter(([each]) => each === name || cgroups.exists(each))
    .flatMap(([each, their]) =>
      KINDS.flatMap(kind => lineSteps(cgroups, each, v1File(kind), textOf(their[kind]))),
    );
}

/** Lets go of what waits for its turn: who is killed while it waits for a disk dies when it was served, and not before. */
export function releaseSteps(cgroups: Cgroups, name: string): HostStep[] {
  switch (ioController(cgroups)) {
    case "io":
      return lineSteps(cgroups, name, V2_FILE, new Map());
    case "blkio":
      return KINDS.flatMap(kind => lineSteps(cgroups, name, v1File(kind), new Map()));
    case undefined:
      return [];
  }
}

/** A disk that is gone takes no load. */
function tryToFind(device: BlockIoDevice, place: string, machine: Machine) {
  try {
    return findDevice(device, place, machine);
  } catch (error) {
    if (error instanceof LmctfyError) return undefined;
    throw error;
  }
}

const V2_FILE: LineFile = {
  controller: "io",
  file: "io.max",
  none: KINDS.map(kind => `${kind}=max`).join(" "),
  field: FIELD,
};

function v1File(kind: Kind): LineFile {
  return { controller: "blkio", file: V1_FILES[kind], none: "0", field: FIELD };
}

/** The lines of io.max, as the kernel shows them. */
function maxLines(rates: Rates): Map<string, string> {
  const numbers = new Set(KINDS.flatMap(kind => [...rates[kind].keys()]));
  return new Map(
    [...numbers].map(number => [
      number,
      KINDS.map(kind => `${kind}=${rates[kind].get(number) ?? "max"}`).join(" "),
    ]),
  );
}

function readRates(cgroups: Cgroups, name: string): Rates {
  const read = (kind: Kind) =>
    new Map([...readLines(cgroups, name, v1File(kind))].map(([number, rate]) => [number, BigInt(rate)]));
  return byKind(read);
}

/** Of each device the lower rate. */
function tightest(a: Rates, b: Rates): Rates {
  return byKind(kind => {
    const rates = new Map(a[kind]);
    for (const [number, rate] of b[kind]) {
      const other = rates.get(number);
      rates.set(number, other === undefined || rate < other ? rate : other);
    }
    return rates;
  });
}

function textOf(rates: ReadonlyMap<string, bigint>): Map<string, string> {
  return new Map([...rates].map(([number, rate]) => [number, String(rate)]));
}

function emptyRates() {
  return byKind(() => new Map<string, bigint>());
}

function byKind(make: (kind: Kind) => Map<string, bigint>) {
  return { rbps: make("rbps"), wbps: make("wbps"), riops: make("riops"), wiops: make("wiops") };
}
