/** Which CPUs and which memory nodes: `mask`, `cpus` and `mems`. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { readControl } from "../../cgroup/files.ts";
import { parentOf } from "../../cgroup/names.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import type { CpuSpec } from "../../spec/index.ts";
import { readText } from "../numbers.ts";
import {
  type CheckContext,
  change,
  invalid,
  needController,
  refuseBelow,
  setting,
  type UpdateContext,
} from "../resource.ts";
import { cpusOfMask, formatList, parseList, readList } from "./list.ts";

/** One of the two sets of a cpuset. */
interface SetKind {
  noun: string;
  file: string;
  /** What a cgroup may use, with all above it considered, by version. */
  effective: { 1: string; 2: string };
  /** Where the machine lists its own. */
  machine: { online: string; possible: string };
  /** The field that a spec asks with, and what it asks for; undefined for what the parent has. */
  wanted(spec: CpuSpec): { field: string; numbers: number[] } | undefined;
}

const CPUS: SetKind = {
  noun: "CPU",
  file: "cpuset.cpus",
  effective: { 1: "cpuset.effective_cpus", 2: "cpuset.cpus.effective" },
  machine: { online: "/sys/devices/system/cpu/online", possible: "/sys/devices/system/cpu/possible" },
  wanted: ({ mask, cpus }) =>
    mask ? { field: "cpu.mask", numbers: cpusOfMask(mask.data ?? []) } : listed("cpu.cpus", cpus),
};

const MEMS: SetKind = {
  noun: "memory node",
  file: "cpuset.mems",
  effective: { 1: "cpuset.effective_mems", 2: "cpuset.mems.effective" },
  machine: { online: "/sys/devices/system/node/has_memory", possible: "/sys/devices/system/node/possible" },
  wanted: ({ mems }) => listed("cpu.mems", mems),
};

const KINDS = [CPUS, MEMS];

/** An empty list is no wish. */
function listed(field: string, list: string | undefined): { field: string; numbers: number[] } | undefined {
  const numbers = list === undefined ? [] : (parseList(list) ?? []);
  return numbers.length === 0 ? undefined : { field, numbers };
}

export function checkSets(spec: CpuSpec, context: CheckContext): void {
  const { mask, cpus, mems } = spec;
  if (mask !== undefined && cpus !== undefined) {
    throw invalid(
      "cpu.mask and cpu.cpus both say which CPUs: give one of them",
      "With update diff, give the one that the container has; update replace takes either.",
    );
  }
  if (mask !== undefined && cpusOfMask(mask.data ?? []).length === 0) {
    throw invalid(
      "cpu.mask names no CPU",
      "Bit 0 of the last word is CPU 0: `mask:{data:3}` is CPU 0 and 1.",
    );
  }
  for (const [field, list] of Object.entries({ "cpu.cpus": cpus, "cpu.mems": mems })) {
    if (list === undefined || parseList(list) !== undefined) continue;
    throw invalid(
      `${field} ${JSON.stringify(list)} is no list of numbers`,
      'It is written like "0-3,8"; an empty one stands for all that the parent has.',
    );
  }
  for (const kind of KINDS) checkSet(kind, spec, context);
}

function checkSet(kind: SetKind, spec: CpuSpec, context: CheckContext): void {
  const wanted = kind.wanted(spec);
  if (wanted === undefined) return;
  needController(wanted.field, "cpuset", context.cgroups);
  const { numbers, owner } = available(kind, context);
  const lacking = without(wanted.numbers, numbers);
  if (lacking.length === 0) return;
  const plural = lacking.length === 1 ? "" : "s";
  throw invalid(
    `${wanted.field} names ${kind.noun}${plural} ${formatList(lacking)}, which ${owner} does not have: it has ${formatList(numbers)}`,
  );
}

/** What the parent may use, or where the cgroups are still to be made, the nearest cgroup above. */
function available(
  { effective, machine }: SetKind,
  { cgroups, name }: CheckContext,
): { numbers: number[]; owner: string } {
  const file = effective[cgroups.version("cpuset")!];
  const owner = parentOf(name) === "/" ? "this machine" : `\`${parentOf(name)}\``;
  const parentFile = cgroups.controllerFile(parentOf(name), "cpuset", file) ?? "";
  for (let at = parentFile.slice(0, -file.length - 1); at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const text = readControl(`${at}/${file}`);
    if (text?.trim()) return { numbers: readList(text), owner };
  }
  return { numbers: readList(readControl(machine.online) ?? "0"), owner: "this machine" };
}

/** What containers below use stays theirs. */
export function checkSetsBelow(spec: CpuSpec, { below }: UpdateContext): void {
  for (const kind of KINDS) {
    const wanted = kind.wanted(spec);
    if (wanted === undefined) continue;
    for (const { name, spec: inner } of below) {
      const lacking = without(kind.wanted(inner.cpu ?? {})?.numbers ?? [], wanted.numbers);
      if (lacking.length === 0) continue;
      const what = `${kind.noun} ${formatList(lacking)}`;
      throw refuseBelow(`${wanted.field} lacks ${what}, which \`${name}\` has`, name);
    }
  }
}

/** What a spec does not say comes from the parent: by cgroup.clone_children in version 1, by itself in version 2. */
export function setSettings(spec: CpuSpec, cgroups: Cgroups, name: string): HostStep[] {
  return KINDS.flatMap(kind => {
    const wanted = kind.wanted(spec);
    if (wanted === undefined) return [];
    return [setting(cgroups, name, "cpuset", kind.file, formatList(wanted.numbers), wanted.field)];
  });
}

export function updateSets(spec: CpuSpec, context: UpdateContext): HostStep[] {
  const update = context.cgroups.version("cpuset") === 2 ? update2 : update1;
  return KINDS.flatMap(kind => update(kind, spec, context));
}

/**
 * A cpuset of version 2 without a wish of its own is empty, which means what the parent has. One with processes in it
 * cannot become empty any more (kernel/cgroup/cpuset.c, validate_change), but hold all that there may ever be, of
 * which it gets those that the parent has.
 */
function update2(kind: SetKind, spec: CpuSpec, { cgroups, name }: UpdateContext): HostStep[] {
  const wanted = kind.wanted(spec);
  if (wanted !== undefined) {
    const value = formatList(wanted.numbers);
    return change(cgroups, name, "cpuset", kind.file, value, wanted.field, { needed: true });
  }
  const all = readControl(kind.machine.possible)?.trim() ?? "0";
  const value = cgroups.isPopulated(name) ? all : "\n";
  const same = (now: string) => now === "" || now === value;
  return change(cgroups, name, "cpuset", kind.file, value, fieldOf(kind), { same });
}

/**
 * In version 1 each cpuset has a copy of its parent's, and lies within it at all times. So those below that have no wish
 * of their own change with it: first all become wide enough from the top down, then narrow from the bottom up.
 */
function update1(kind: SetKind, spec: CpuSpec, { cgroups, name, below }: UpdateContext): HostStep[] {
  const read = (of: string) => readText(cgroups, of, "cpuset", kind.file);
  const own = kind.wanted(spec);
  const write = (of: string, numbers: readonly number[]) =>
    setting(cgroups, of, "cpuset", kind.file, formatList(numbers), own?.field ?? fieldOf(kind));
  const wanted = own?.numbers ?? readList(read(parentOf(name)));
  const followers = new Set([name]);
  for (const { name: at, spec: inner } of below)
    if (kind.wanted(inner.cpu ?? {}) === undefined && followers.has(parentOf(at))) followers.add(at);
  const widen: HostStep[] = [];
  const narrow: HostStep[] = [];
  for (const at of followers) {
    const text = read(at);
    if (text === undefined) continue; // not made again since the machine started
    const now = readList(text);
    const both = [...new Set([...now, ...wanted])].sort((a, b) => a - b);
    if (both.length > now.length) widen.push(write(at, both));
    if (both.length > wanted.length) narrow.push(write(at, wanted));
  }
  return [...widen, ...narrow.reverse()];
}

/** What to call a set that no spec asks for. */
function fieldOf(kind: SetKind): string {
  return kind === CPUS ? "cpu.cpus" : "cpu.mems";
}

function without(numbers: readonly number[], those: readonly number[]): number[] {
  const set = new Set(those);
  return numbers.filter(number => !set.has(number));
}
