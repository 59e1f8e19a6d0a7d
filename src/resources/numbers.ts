/** Numbers in control files. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl } from "../cgroup/files.ts";
import type { Controller } from "../cgroup/layout.ts";
import type { PressureStats } from "../spec/index.ts";

/** The text of a control file; undefined when there is no such file. */
export function readText(
  cgroups: Cgroups,
  name: string,
  controller: Controller,
  file: string,
): string | undefined {
  const path = cgroups.controllerFile(name, controller, file);
  return path === undefined ? undefined : readControl(path);
}

/** A control file that holds one number, or `max` for -1. */
export function readNumber(
  cgroups: Cgroups,
  name: string,
  controller: Controller,
  file: string,
): bigint | undefined {
  return parseNumber(readText(cgroups, name, controller, file));
}

/** The first number of a text; -1 for `max`. */
export function parseNumber(text: string | undefined): bigint | undefined {
  const word = /^\s*(max|-?\d+)/.exec(text ?? "")?.[1];
  if (word === undefined) return undefined;
  return word === "max" ? -1n : BigInt(word);
}

/** A control file of lines `name number`; other lines are left out. */
export function parseFields(text: string | undefined): Map<string, bigint> {
  const fields = new Map<string, bigint>();
  for (const line of (text ?? "").split("\n")) {
    const blank = line.indexOf(" ");
    const number = line.slice(blank + 1);
    if (blank > 0 && /^\d+$/.test(number)) fields.set(line.slice(0, blank), BigInt(number));
  }
  return fields;
}

/** An object without the fields that are undefined. */
export function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** A file of pressure stall information; the kernel may have been built or started without. */
export function readPressure(cgroups: Cgroups, name: string, file: string): PressureStats | undefined {
  const path = cgroups.unifiedFile(name, file);
  let text: string | undefined;
  try {
    text = path && readControl(path);
  } catch {
    // EOPNOTSUPP at every read when it was switched off (psi=0).
  }
  return text ? parsePressure(text) : undefined;
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`. */
export function parsePressure(text: string): PressureStats {
  const pressure: { [field: string]: number | bigint } = {};
  for (const line of text.split("\n")) {
    const [kind, ...pairs] = line.split(" ");
    if (kind !== "some" && kind !== "full") continue;
    for (const pair of pairs) {
      const [key, value = ""] = pair.split("=");
      pressure[`${kind}_${key}`] = key === "total" ? BigInt(value) : Number(value);
    }
  }
  return pressure;
}
