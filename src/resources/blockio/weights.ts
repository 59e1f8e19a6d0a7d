/** Shares of device time, which count only when others want the device too: `device_limit_set`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import { type Disk, listDisks } from "../../features/disks.ts";
import type { BlockIoDeviceLimitSet } from "../../spec/index.ts";
import { readText } from "../numbers.ts";
import { checkRange, invalid, setting } from "../resource.ts";
import { findDevice, type Machine } from "./device.ts";
import { ioController, lineSteps } from "./lines.ts";

const FIELD = "blockio.device_limit_set";
const RANGE = [1n, 100n, "(a share; 50 is what a container without one has)"] as const;

/** What shares a disk out: one of two schedulers, or the cost model of version 2 on top of any. */
type Sharer = "bfq" | "cfq" | "iocost";

/** The weight of a container for one of them. A container without a weight has the kernel's usual one, which is a share of 50. */
interface WeightFile {
  by: Sharer;
  controller: "io" | "blkio";
  /** On all devices. */
  file: string;
  /** On single ones. */
  deviceFile: string;
  perShare: number;
  usual: string;
  none: string;
}

const FILES: readonly WeightFile[] = [
  {
    by: "iocost",
    controller: "io",
    file: "io.weight",
    deviceFile: "io.weight",
    perShare: 2,
    usual: "100",
    none: "default",
  },
  {
    by: "bfq",
    controller: "io",
    file: "io.bfq.weight",
    deviceFile: "io.bfq.weight",
    perShare: 2,
    usual: "100",
    none: "default",
  },
  {
    by: "bfq",
    controller: "blkio",
    file: "blkio.bfq.weight",
    deviceFile: "blkio.bfq.weight_device",
    perShare: 2,
    usual: "100",
    none: "default",
  },
  // Before Linux 5.0.
  {
    by: "cfq",
    controller: "blkio",
    file: "blkio.weight",
    deviceFile: "blkio.weight_device",
    perShare: 10,
    usual: "500",
    none: "0",
  },
];

/** The weights of a spec, by file. */
export type Weights = ReadonlyMap<WeightFile, { all: string | undefined; devices: Map<string, string> }>;

/** @throws when the set makes no sense, or nothing shares a disk out */
export function weightsOf(
  set: BlockIoDeviceLimitSet | undefined,
  cgroups: Cgroups,
  machine: Machine,
): Weights {
  const controller = ioController(cgroups);
  const files = FILES.filter(file => file.controller === controller);
  const share = set?.default_limit;
  if (share !== undefined) {
    checkRange(`${FIELD}.default_limit`, BigInt(share), ...RANGE);
    requireSomeSharer(cgroups, machine);
  }
  const weights = new Map(
    files.map(file => [
      file,
      {
        all: share === undefined ? undefined : String(share * file.perShare),
        devices: new Map<string, string>(),
      },
    ]),
  );
  const seen = new Set<string>();
  for (const [index, { device = {}, limit }] of (set?.device_limits ?? []).entries()) {
    const place = `${FIELD}.device_limits[${index}]`;
    const disk = findDevice(device, place, machine);
    if (limit === undefined) throw invalid(`${place}.limit is missing`);
    checkRange(`${place}.limit`, limit, ...RANGE);
    if (seen.has(disk.number)) throw invalid(`${place}: \`/dev/${disk.name}\` has another share before`);
    seen.add(disk.number);
    const sharers = sharersOf(disk, cgroups);
    if (sharers.length === 0) throw nobodyShares(place, disk, cgroups);
    for (const [file, { devices }] of weights)
      if (sharers.includes(file.by)) devices.set(disk.number, String(Number(limit) * file.perShare));
  }
  return weights;
}

/** What is so already is not written. */
export function weightSteps(weights: Weights, cgroups: Cgroups, name: string): HostStep[] {
  return [...weights].flatMap(([{ controller, file, deviceFile, usual, none }, { all, devices }]) => {
    const now = /^(?:default )?(\d+)/.exec(readText(cgroups, name, controller, file) ?? "")?.[1];
    const field = `${FIELD}.default_limit`;
    const value = controller === "io" ? `default ${all ?? usual}` : (all ?? usual);
    // Without a file there is nothing to put back; and of several files, one is there (`requireSomeSharer`).
    const write = now === undefined ? all !== undefined : now !== (all ?? usual);
    return [
      ...(write ? [setting(cgroups, name, controller, file, value, field, { optional: true })] : []),
      ...lineSteps(
        cgroups,
        name,
        { controller, file: deviceFile, none, field: `${FIELD}.device_limits` },
        devices,
      ),
    ];
  });
}

function sharersOf(disk: Disk, cgroups: Cgroups): Sharer[] {
  const sharers: Sharer[] = [];
  if (disk.scheduler === "bfq" || disk.scheduler === "cfq") sharers.push(disk.scheduler);
  if (hasCostModel(disk.number, cgroups)) sharers.push("iocost");
  return sharers;
}

/** Only the root of all cgroups tells for which devices the cost model is on; from inside a container it cannot be seen. */
function hasCostModel(number: string, cgroups: Cgroups): boolean {
  const file = costFile(cgroups);
  const text = file && readControl(file);
  return new RegExp(`^${number} enable=1`, "m").test(text ?? "");
}

function costFile(cgroups: Cgroups): string | undefined {
  if (ioController(cgroups) !== "io") return undefined;
  const mount = cgroups.layout.hierarchies.find(hierarchy => hierarchy.version === 2)!.mountPoint;
  return `${mount}/io.cost.qos`;
}

function requireSomeSharer(cgroups: Cgroups, machine: Machine): void {
  const disks = listDisks(machine.sys);
  if (disks.some(disk => sharersOf(disk, cgroups).length > 0)) return;
  const who = disks.map(({ name, scheduler }) => `${name} has ${scheduler ?? "no scheduler"}`);
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${FIELD}.default_limit: no disk of this machine is shared out by weight: ${who.join(", ") || "there is none"}`,
    { hint: remedy(disks.find(disk => disk.schedulers.length > 1) ?? disks[0], cgroups) },
  );
}

function nobodyShares(place: string, disk: Disk, cgroups: Cgroups): LmctfyError {
  const { name, scheduler } = disk;
  const why = scheduler === null ? "it has no scheduler" : `its scheduler is ${scheduler}`;
  const cost = costFile(cgroups) === undefined ? "" : ", and its cost model (io.cost) is off";
  return new LmctfyError(
    "FAILED_PRECONDITION",
    `${place}: \`/dev/${name}\` is not shared out by weight: ${why}${cost}`,
    { path: `/dev/${name}`, hint: remedy(disk, cgroups) },
  );
}

function remedy(disk: Disk | undefined, cgroups: Cgroups): string {
  if (disk === undefined) return "lsblk lists the disks of a machine.";
  const { name, number, schedulers, parts, scheduler } = disk;
  if (scheduler === null && parts.length > 0) {
    return `It is made of other disks: name those (${parts.map(part => `/dev/${part}`).join(", ")}).`;
  }
  const load = schedulers.includes("bfq") ? "" : "modprobe bfq; ";
  const bfq = `${load}echo bfq > /sys/block/${name.replaceAll("/", "!")}/queue/scheduler`;
  const file = costFile(cgroups);
  const cost =
    file !== undefined && readControl(file) !== undefined
      ? `; or switch its cost model on: echo '${number} enable=1' > ${file}`
      : "";
  return `Give it the scheduler that does so: ${bfq}${cost}`;
}
