/** How soon a device is to answer: `latency_target_set`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import { LmctfyError } from "../../errors.ts";
import { hasIoFile } from "../../features/io.ts";
import type { BlockIoLatencyTargetSet } from "../../spec/index.ts";
import { checkRange, invalid } from "../resource.ts";
import { findDevice, type Machine } from "./device.ts";
import { ioController, type LineFile, type Lines, lineSteps } from "./lines.ts";

const FIELD = "blockio.latency_target_set";

/** An hour, which is no target any more; the kernel itself takes what fits into 64 bits of nanoseconds. */
const MOST = 3_600_000_000n;

const REMEDY =
  "It takes cgroup v2 and a kernel with CONFIG_BLK_CGROUP_IOLATENCY. Without, give it a larger share (device_limit_set) or limit the others (max_device_limit_set).";

const FILE: LineFile = {
  controller: "io",
  file: "io.latency",
  none: "target=0",
  field: FIELD,
  hints: { ENOENT: REMEDY },
};

/** @throws when the set makes no sense, a disk is not there, or the kernel knows no such targets */
export function targetsOf(
  set: BlockIoLatencyTargetSet | undefined,
  cgroups: Cgroups,
  machine: Machine,
): Lines {
  const targets = new Map<string, string>();
  for (const [index, { device = {}, target }] of (set?.targets ?? []).entries()) {
    const place = `${FIELD}.targets[${index}]`;
    const { name, number } = findDevice(device, place, machine);
    if (target === undefined) throw invalid(`${place}.target is missing`);
    checkRange(`${place}.target`, target, 1n, MOST, "microseconds");
    if (targets.has(number)) throw invalid(`${place}: \`/dev/${name}\` has another target before`);
    targets.set(number, `target=${target}`);
  }
  if (targets.size > 0) requireLatency(cgroups);
  return targets;
}

export function targetSteps(targets: Lines, cgroups: Cgroups, name: string): HostStep[] {
  return ioController(cgroups) === "io" ? lineSteps(cgroups, name, FILE, targets) : [];
}

function requireLatency(cgroups: Cgroups): void {
  if (ioController(cgroups) === "io" && hasIoFile(cgroups.layout, FILE.file) !== "no") return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${FIELD} needs io.latency, and this machine does not have it`,
    {
      hint: REMEDY,
    },
  );
}
