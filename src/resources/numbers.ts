/** Numbers in control files. */
import type { Cgroups } from "../cgroup/driver.ts";
import { readControl, readControlNumber } from "../cgroup/files.ts";
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
  const path = cgroups.controllerFile(name, controller, file);
  return path === undefined ? undefined : readControlNumber(path);
}

/** The first number of a text; -1 for `max`. */
export function parseNumber(text: string | undefined): bigint | undefined {
  const word = /^\s*(max|-?\d+)/.exec(text ?? "")?.[1];
  if (word === undefined) return undefined;
  return word === "max" ? -1n : BigInt(word);
}

/** A control file of lines `name number`; other lines are left out. */
export function parseFields(text = ""): Map<string, bigint> {
  const fields = new Map<string, bigint>();
  for (let at = 0, end: number; at < text.length; at = end + 1) {
    end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const blank = text.indexOf(" ", at);
    if (blank <= at || blank >= end) continue;
    const number = digits(text, blank + 1, end);
    if (number !== undefined) fields.set(text.slice(at, blank), number);
  }
  return fields;
}

/** The number that a part of a text is, if it is one: a third of the time of a pattern, thousands of times per reading. */
function digits(text: string, from: number, to: number): bigint | undefined {
  if (from === to) return undefined;
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return Number.isSafeInteger(number) ? BigInt(number) : BigInt(text.slice(from, to));
}

/** An object without the fields that are undefined. */
export function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result: Partial<T> = {};
  for (const key in fields) if (fields[key] !== undefined) result[key] = fields[key];
  return result as T;
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
  let kind = "";
  for (const word of text.trimEnd().split(/[ \n]/)) {
    const equals = word.indexOf("=");
    if (equals < 0) kind = word;
    else if (kind === "some" || kind === "full") {
      const key = word.slice(0, equals);
      const value = word.slice(equals + 1);
      pressure[`${kind}_${key}`] = key === "total" ? BigInt(value) : Number(value);
    }
  }
  return pressure;
}
