/** The block devices of this machine, as sysfs tells of them (Documentation/ABI/stable/sysfs-block). */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname } from "node:path";

/** A whole disk, or what looks like one: a loop device, a volume of LVM, a RAID. */
export interface Disk {
  /** In /dev and in /sys/block: `sda`. */
  name: string;
  /** Major and minor number: `8:0`. */
  number: string;
  /** The active scheduler; null where the device has none to choose, as volumes made of other disks. */
  scheduler: string | null;
  /** Those to choose from; more may be modules that are not loaded. */
  schedulers: string[];
  /** What it is made of: `["sda", "sdb"]`. */
  parts: string[];
}

/** All disks that hold anything: loop devices, for instance, exist without a file. */
export function listDisks(sys = "/sys"): Disk[] {
  return list(`${sys}/block`).flatMap(name => {
    const number = text(`${sys}/block/${name}/dev`);
    const empty = text(`${sys}/block/${name}/size`) === "0";
    return number === undefined || empty ? [] : [describe(`${sys}/block/${name}`, name, number)];
  });
}

/** A block device by its number; undefined when there is none. `partition` is the name of the part that the number means. */
export function findDisk(number: string, sys = "/sys"): (Disk & { partition?: string }) | undefined {
  let path: string;
  try {
    path = realpathSync(`${sys}/dev/block/${number}`);
  } catch {
    return undefined;
  }
  if (text(`${path}/partition`) === undefined) return describe(path, basename(path), number);
  const whole = dirname(path);
  const wholeNumber = text(`${whole}/dev`);
  if (wholeNumber === undefined) return undefined;
  return { ...describe(whole, basename(whole), wholeNumber), partition: deviceName(basename(path)) };
}

/** The name of a block device; undefined when there is none of this number. */
export function diskName(number: string, sys = "/sys"): string | undefined {
  try {
    return deviceName(basename(realpathSync(`${sys}/dev/block/${number}`)));
  } catch {
    return undefined;
  }
}

function describe(path: string, name: string, number: string): Disk {
  const words = (text(`${path}/queue/scheduler`) ?? "").split(" ").filter(Boolean);
  const active = words.find(word => word.startsWith("["));
  return {
    name: deviceName(name),
    number,
    // A device without a queue says `none` without brackets.
    scheduler: active?.slice(1, -1) ?? null,
    schedulers: words.map(word => word.replace(/[[\]]/g, "")),
    parts: list(`${path}/slaves`).map(deviceName),
  };
}

/** sysfs cannot have the slash of `cciss/c0d0` in a name. */
function deviceName(name: string): string {
  return name.replaceAll("!", "/");
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
