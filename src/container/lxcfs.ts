/** Where lxcfs runs, and the containers that run while it goes and comes. */
import { existsSync, readFileSync } from "node:fs";
import { replaceTruth, TRUTHS } from "../compile/isolate/truth.ts";
import { errnoOf } from "../errors.ts";
import { ProgramBuilder } from "../kernel/program.ts";
import { ownsNamespace } from "../resources/namespaces.ts";
import type { ContainerSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { initOf } from "./init-process.ts";
import { apply } from "./realise.ts";
import { subcontainersRecursive } from "./store.ts";
import { loadSpec } from "./stored-spec.ts";

/** A mount of lxcfs, or of a file of it. */
interface Lxcfs {
  /** Which lxcfs: its device number. */
  device: string;
  /** What of it: `/`, `/proc/meminfo`. */
  root: string;
  mountPoint: string;
}

/** Whether its files tell about itself, where that can be had. */
export const wantsTruth = ({ virtual_host, filesystem }: ContainerSpec): boolean =>
  virtual_host !== undefined && ownsNamespace(virtual_host, "pid") && (filesystem?.lxcfs ?? true);

/** Where an lxcfs is mounted that answers. */
export function findLxcfs(): Lxcfs | undefined {
  // Of two at one place the later one is on top, and the other may be a dead one.
  return lxcfsMounts("self").findLast(
    ({ root, mountPoint }) => root === "/" && existsSync(`${mountPoint}/proc/meminfo`),
  );
}

/** What lxcfs tells is what the kernel counts for the cgroup of the init, which does without where nobody asks. */
export const letItCount = (context: Context, name: string): Promise<void> =>
  apply(context, context.cgroups.leafSteps(name));

/** In every container that runs, takes away the files of an lxcfs that is gone, and mounts those of the one that runs. */
export async function renewTruth(context: Context): Promise<void> {
  const lxcfs = findLxcfs();
  for (const name of subcontainersRecursive(context.places, "/")) {
    const spec = await loadSpec(context, name).catch(() => ({})); // destroyed meanwhile
    const init = wantsTruth(spec) ? await initOf(context, name) : undefined;
    if (init === undefined) continue;
    try {
      await renewIn(context, name, init, lxcfs);
    } catch (error) {
      if ((await initOf(context, name)) === init) throw error; // else it has ended
    }
  }
}

async function renewIn(
  context: Context,
  name: string,
  init: number,
  lxcfs: Lxcfs | undefined,
): Promise<void> {
  const there = lxcfsMounts(init).filter(({ mountPoint }) => isTruth(mountPoint));
  const stale = there.filter(({ device }) => device !== lxcfs?.device).map(({ mountPoint }) => mountPoint);
  const whole = there.filter(({ device }) => device === lxcfs?.device).map(({ mountPoint }) => mountPoint);
  const taken = mountPoints(init).filter(path => !stale.includes(path));
  const from = lxcfs?.mountPoint;
  const paths = TRUTHS.filter(
    path => from !== undefined && !taken.includes(path) && !whole.includes(path) && existsSync(from + path),
  );
  if (stale.length === 0 && paths.length === 0) return;
  if (paths.length > 0) await letItCount(context, name);
  const b = new ProgramBuilder(context.arch);
  replaceTruth(b, `/proc/${init}/ns/mnt`, stale, from === undefined ? undefined : { from, paths });
  await context.executor.run(b.build());
}

const isTruth = (path: string): boolean => (TRUTHS as readonly string[]).includes(path);

function lxcfsMounts(pid: number | "self"): Lxcfs[] {
  return lines(pid).flatMap(line => {
    const [, device, root, mountPoint] = /^\d+ \d+ (\S+) (\S+) (\S+) .* - fuse\.lxcfs /.exec(line) ?? [];
    return mountPoint === undefined ? [] : [{ device: device!, root: root!, mountPoint: plain(mountPoint) }];
  });
}

const mountPoints = (pid: number): string[] =>
  lines(pid).flatMap(line => plain(line.split(" ")[4] ?? "") || []);

/** proc(5): blanks and such are in octal. */
const plain = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function lines(pid: number | "self"): string[] {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "EINVAL" || errnoOf(error) === "ESRCH") return [];
    throw error;
  }
}
