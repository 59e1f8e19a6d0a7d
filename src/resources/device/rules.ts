/** Rules about devices: as a spec has them, and in a form in which each says one thing. */
import { statSync } from "node:fs";
import { LmctfyError } from "../../errors.ts";
import { splitDevice } from "../../kernel/device-number.ts";
import type { DeviceRestrictions, DeviceSpec } from "../../spec/index.ts";
import { checkRange, invalid } from "../resource.ts";

/** What is done with a device, as bits (include/uapi/linux/bpf.h, BPF_DEVCG_ACC_*). */
export const ACCESS = { MKNOD: 1, READ: 2, WRITE: 4 } as const;
const ALL_ACCESS = ACCESS.MKNOD | ACCESS.READ | ACCESS.WRITE;

/** About one kind of device; numbers that are undefined stand for every one. */
export interface DeviceRule {
  allow: boolean;
  kind: "block" | "char";
  major: number | undefined;
  minor: number | undefined;
  access: number;
}

/** For each access the last rule that matches counts; where none does, `allow`. */
export interface DeviceRules {
  allow: boolean;
  rules: readonly DeviceRule[];
}

/** A device number has 12 bits for the major and 20 for the minor one (include/linux/kdev_t.h). */
const MOST_MAJOR = (1n << 12n) - 1n;
const MOST_MINOR = (1n << 20n) - 1n;

/** Each is a few instructions of a program that may have 4096. */
const MOST_RULES = 500;

const char = (major: number, minor?: number, access: number = ALL_ACCESS): DeviceRule => ({
  allow: true,
  kind: "char",
  major,
  minor,
  access,
});

/**
 * What a container needs that has no business with hardware: to make device nodes is harmless, as long as they cannot be
 * opened. The list that container runtimes share (OCI runtime-spec, config-linux.md).
 */
const ISOLATED: DeviceRules = {
  allow: false,
  rules: [
    { allow: true, kind: "char", major: undefined, minor: undefined, access: ACCESS.MKNOD },
    { allow: true, kind: "block", major: undefined, minor: undefined, access: ACCESS.MKNOD },
    char(1, 3), // null
    char(1, 5), // zero
    char(1, 7), // full
    char(1, 8), // random
    char(1, 9), // urandom
    char(5, 0), // tty
    char(5, 1), // console
    char(5, 2), // ptmx
    char(136), // pts/*
  ],
};

/** @throws INVALID_ARGUMENT for a rule that makes no sense, NOT_FOUND for a path where nothing is */
export function rulesOf({ restrictions_set, isolated = false }: DeviceSpec): DeviceRules {
  const list = restrictions_set?.restrictions ?? [];
  if (list.length > MOST_RULES) {
    throw invalid(`device.restrictions_set has ${list.length} rules: at most ${MOST_RULES}`);
  }
  let { allow, rules }: DeviceRules = isolated ? ISOLATED : { allow: true, rules: [] };
  for (const [i, restriction] of list.entries()) {
    const place = `device.restrictions_set.restrictions[${i}]`;
    const { all, each } = ruleOf(restriction, place);
    // One about everything makes all before it void.
    if (all) [allow, rules] = [each[0]!.allow, []];
    else rules = [...rules, ...each];
  }
  return { allow, rules };
}

function ruleOf(restriction: DeviceRestrictions, place: string): { all: boolean; each: DeviceRule[] } {
  const { permission, access = [] } = restriction;
  if (permission === undefined) throw invalid(`${place}.permission is missing`, "ALLOW or DENY.");
  if (access.length === 0 || access.length > 3) {
    throw invalid(`${place}.access has ${access.length} entries: one to three of READ, WRITE, MKNOD`);
  }
  const bits = access.reduce((sum, each) => sum | ACCESS[each], 0);
  const { kinds, major, minor } = devicesOf(restriction, place);
  return {
    all: kinds.length === 2 && major === undefined && minor === undefined && bits === ALL_ACCESS,
    each: kinds.map(kind => ({ allow: permission === "ALLOW", kind, major, minor, access: bits })),
  };
}

interface Devices {
  kinds: readonly DeviceRule["kind"][];
  major: number | undefined;
  minor: number | undefined;
}

const KINDS = { DEVICE_ALL: ["block", "char"], DEVICE_CHAR: ["char"], DEVICE_BLOCK: ["block"] } as const;

function devicesOf({ type, major, minor, path }: DeviceRestrictions, place: string): Devices {
  if (path !== undefined) {
    if (type === undefined && major === undefined && minor === undefined)
      return nodeAt(path, `${place}.path`);
    throw invalid(`${place} has a path, and a type or numbers`, "The path alone says which device it is.");
  }
  if (type === undefined)
    throw invalid(`${place}.type is missing`, "DEVICE_CHAR, DEVICE_BLOCK or DEVICE_ALL, or a path.");
  if (major !== undefined) checkRange(`${place}.major`, major, 0n, MOST_MAJOR, "");
  if (minor !== undefined) checkRange(`${place}.minor`, minor, 0n, MOST_MINOR, "");
  return { kinds: KINDS[type], major: numberOf(major), minor: numberOf(minor) };
}

const numberOf = (value: bigint | undefined): number | undefined =>
  value === undefined ? undefined : Number(value);

function nodeAt(path: string, place: string): Devices {
  if (!path.startsWith("/")) throw invalid(`${place} ${JSON.stringify(path)} is not absolute`);
  const node = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (node === undefined) {
    throw new LmctfyError("NOT_FOUND", `${place}: there is no ${path}`, {
      path,
      hint: "Load its driver, or leave it out.",
    });
  }
  if (!node.isBlockDevice() && !node.isCharacterDevice()) throw invalid(`${place}: ${path} is no device`);
  return { kinds: [node.isBlockDevice() ? "block" : "char"], ...splitDevice(node.rdev) };
}

/** `c 1:3 rwm`, as devices.allow takes it. */
export function formatRule({ kind, major, minor, access }: DeviceRule): string {
  const letters = `${access & ACCESS.READ ? "r" : ""}${access & ACCESS.WRITE ? "w" : ""}${access & ACCESS.MKNOD ? "m" : ""}`;
  return `${kind === "char" ? "c" : "b"} ${major ?? "*"}:${minor ?? "*"} ${letters}`;
}
