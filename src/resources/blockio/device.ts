/** Which disk a spec means: by a path, or by its number. */
import { type BigIntStats, readFileSync, realpathSync, statSync } from "node:fs";
import { isWithin, parseMountinfo } from "../../cgroup/mountinfo.ts";
import { errnoOf, fromSystemError, LmctfyError } from "../../errors.ts";
import { type Disk, findDisk } from "../../features/disks.ts";
import { splitDevice } from "../../kernel/device-number.ts";
import type { BlockIoDevice } from "../../spec/index.ts";
import { invalid } from "../resource.ts";

/** Where the facts about disks come from. */
export interface Machine {
  /** Where sysfs is mounted. */
  sys: string;
  stat(path: string): BigIntStats;
  realpath(path: string): string;
  mountinfo(): string;
}

export const THIS_MACHINE: Machine = {
  sys: "/sys",
  stat: path => statSync(path, { bigint: true }),
  realpath: path => realpathSync(path),
  mountinfo: () => readFileSync("/proc/self/mountinfo", "utf8"),
};

/**
 * Finds the disk. It is looked for each time that it is needed and not remembered, because numbers may be others after
 * a restart of the machine.
 *
 * @param place where the device stands in the spec, for errors
 * @throws INVALID_ARGUMENT when it names no disk or too many, NOT_FOUND when there is no such device
 */
export function findDevice(device: BlockIoDevice, place: string, machine: Machine): Disk {
  const { path, major, minor } = device;
  if (path !== undefined) {
    if (major === undefined && minor === undefined) return byPath(path, place, machine);
    throw invalid(`${place}.device has a path and a number`, "Give one of them.");
  }
  if (major === undefined || minor === undefined) {
    throw invalid(
      `${place}.device names no device`,
      'Give its path (path:"/dev/sda", or that of a file on it), or both major and minor.',
    );
  }
  return wholeDisk(`${major}:${minor}`, `${major}:${minor}`, place, machine);
}

function byPath(path: string, place: string, machine: Machine): Disk {
  if (!path.startsWith("/")) throw invalid(`${place}.device.path ${JSON.stringify(path)} is not absolute`);
  let stat: BigIntStats;
  try {
    stat = machine.stat(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const { code, message, errno } = fromSystemError(error, "stat", path);
    throw new LmctfyError(code, `${place}.device: ${message}`, {
      path,
      cause: error,
      ...(errno !== undefined && { errno }),
      hint: "lsblk lists the disks of this machine.",
    });
  }
  if (stat.isCharacterDevice()) {
    throw invalid(
      `${place}.device: \`${path}\` is a character device; limits are for block devices`,
      "lsblk lists the disks of this machine.",
    );
  }
  if (stat.isBlockDevice()) return wholeDisk(numberOf(stat.rdev), `\`${path}\``, place, machine);
  const number = numberOf(stat.dev);
  if (number.startsWith("0:")) throw noSingleDisk(path, place, machine);
  // A directory stands for the disk that it is on, whatever the partition.
  return lookUp(number, `\`${path}\``, place, machine);
}

function wholeDisk(number: string, shown: string, place: string, machine: Machine): Disk {
  const { partition, ...disk } = lookUp(number, shown, place, machine);
  if (partition === undefined) return disk;
  throw invalid(
    `${place}.device: ${shown} is a partition, and the kernel limits whole disks`,
    `Name the disk: path:"/dev/${disk.name}".`,
  );
}

function lookUp(number: string, shown: string, place: string, machine: Machine) {
  const disk = findDisk(number, machine.sys);
  if (disk !== undefined) return disk;
  const which = shown === number ? number : `${number}, that of ${shown}`;
  throw new LmctfyError("NOT_FOUND", `${place}.device: this machine has no block device ${which}`, {
    hint: "lsblk lists those that it has.",
  });
}

/** A file system without a device of its own. */
function noSingleDisk(path: string, place: string, machine: Machine): LmctfyError {
  const real = machine.realpath(path);
  const mount = parseMountinfo(machine.mountinfo())
    .filter(({ mountPoint }) => isWithin(real, mountPoint))
    // of two on the same spot the later one lies on top
    .reduce<{ type: string; mountPoint: string } | undefined>(
      (best, each) => (best && best.mountPoint.length > each.mountPoint.length ? best : each),
      undefined,
    );
  const type = mount?.type ?? "a virtual file system";
  return invalid(
    `${place}.device: \`${path}\` is on ${type}, which is not on a single disk`,
    adviceFor(type),
  );
}

function adviceFor(type: string): string {
  switch (type) {
    case "btrfs":
    case "zfs":
    case "bcachefs":
      return "It may spread over several disks: name each of them by its own path, such as /dev/sda.";
    case "overlay":
      return "Name a path on the file system below it (the upperdir in /proc/self/mountinfo).";
    default:
      return "Name a path on a disk, or the disk itself (lsblk lists them).";
  }
}

function numberOf(dev: bigint): string {
  const { major, minor } = splitDevice(dev);
  return `${major}:${minor}`;
}
