/** Control files with a line per device: `8:0 1048576`, `8:0 rbps=max wbps=1048576 …`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { Controller } from "../../cgroup/layout.ts";
import type { Hints, HostStep } from "../../cgroup/steps.ts";
import { readText } from "../numbers.ts";
import { setting } from "../resource.ts";

/** What the io controller of either version is called here; undefined when there is none. */
export function ioController(cgroups: Cgroups): "io" | "blkio" | undefined {
  if (cgroups.version("io") === 2) return "io";
  return cgroups.version("blkio") === 1 ? "blkio" : undefined;
}

/** A control file and how it is written. */
export interface LineFile {
  controller: Controller;
  file: string;
  /** What takes a device's line away. */
  none: string;
  /** The field that it comes from. */
  field: string;
  hints?: Hints;
}

/** By the number of the device, what the kernel shows for it. */
export type Lines = ReadonlyMap<string, string>;

/** Other lines, such as `default 100`, are left out. */
export function parseLines(text: string | undefined): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of (text ?? "").split("\n")) {
    const match = /^(\d+:\d+) (.*\S)/.exec(line);
    if (match) lines.set(match[1]!, match[2]!);
  }
  return lines;
}

export function readLines(
  cgroups: Cgroups,
  name: string,
  file: Pick<LineFile, "controller" | "file">,
): Lines {
  return parseLines(readText(cgroups, name, file.controller, file.file));
}

/** Makes the lines those that are wanted, whatever is there: other devices' go, what is so already is not written. */
export function lineSteps(cgroups: Cgroups, name: string, file: LineFile, wanted: Lines): HostStep[] {
  const { controller, none, field, hints } = file;
  const now = readLines(cgroups, name, file);
  const gone = [...now.keys()].filter(number => !wanted.has(number));
  const changed = [...wanted].filter(([number, value]) => now.get(number) !== value);
  return [...gone.map(number => [number, none] as const), ...changed].map(([number, value]) =>
    setting(cgroups, name, controller, file.file, `${number} ${value}`, field, hints && { hints }),
  );
}
