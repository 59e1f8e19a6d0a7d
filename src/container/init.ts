/** Preparing the machine: the hierarchies that an InitSpec asks for, and the subtree that holds all containers. */
import { mkdirSync } from "node:fs";
import type { CgroupLayout } from "../cgroup/layout.ts";
import { applySteps } from "../cgroup/steps.ts";
import { fromSystemError, LmctfyError } from "../errors.ts";
import { ProgramFailure } from "../kernel/executor.ts";
import { ProgramBuilder } from "../kernel/program.ts";
import type { InitSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";

/** Kernel names of the hierarchies; those of Google's kernels have none. */
const CONTROLLER_OF: Record<string, string | undefined> = {
  CGROUP_CPU: "cpu",
  CGROUP_CPUACCT: "cpuacct",
  CGROUP_CPUSET: "cpuset",
  CGROUP_FREEZER: "freezer",
  CGROUP_MEMORY: "memory",
  CGROUP_PERF_EVENT: "perf_event",
  CGROUP_DEVICE: "devices",
  CGROUP_BLOCKIO: "blkio",
};

interface WantedMount {
  path: string;
  controllers: string[];
}

export async function initialise(context: Context, spec: InitSpec): Promise<void> {
  // all are checked before the first is mounted
  const mounts = (spec.cgroup_mount ?? []).map(mount => wanted(mount, context.cgroups.layout));
  for (const mount of mounts) if (mount) await mountHierarchy(context, mount);
  if (mounts.some(mount => mount !== undefined)) context.forgetCgroups();
  await context.requireDelegation();
  applySteps(context.cgroups.rootSteps());
}

/** What has to be mounted; undefined when it is already. */
function wanted(
  mount: NonNullable<InitSpec["cgroup_mount"]>[number],
  layout: CgroupLayout,
): WantedMount | undefined {
  const invalid = (message: string): never => {
    throw new LmctfyError("INVALID_ARGUMENT", message, { place: "cgroup_mount" });
  };
  const path = mount.mount_path;
  if (path === undefined || !path.startsWith("/") || path.includes("\0")) {
    return invalid(`mount_path must be an absolute path: ${JSON.stringify(path ?? "")}`);
  }
  const hierarchies = mount.hierarchy ?? [];
  if (hierarchies.length === 0) return invalid(`${path}: no hierarchy to mount is named`);
  const controllers = hierarchies.map(
    hierarchy =>
      CONTROLLER_OF[hierarchy] ?? invalid(`${path}: no mainline kernel has the hierarchy ${hierarchy}`),
  );
  const there = layout.hierarchies.find(hierarchy => hierarchy.mountPoint === path);
  const missing: string[] = [];
  for (const controller of controllers) {
    const mounted = layout.hierarchies.find(h => (h.controllers as readonly string[]).includes(controller));
    if (mounted === undefined) missing.push(controller);
    else if (mounted.mountPoint !== path) {
      return invalid(`${controller} is mounted at ${mounted.mountPoint} already, not at ${path}`);
    }
  }
  if (missing.length === 0) return undefined;
  if (there) return invalid(`${path} is a mounted hierarchy already (${there.controllers.join(", ")})`);
  return { path, controllers: missing };
}

async function mountHierarchy(context: Context, mount: WantedMount): Promise<void> {
  try {
    mkdirSync(mount.path, { recursive: true });
  } catch (error) {
    throw fromSystemError(error, "mkdir", mount.path);
  }
  const b = new ProgramBuilder(context.arch).stage(`mounting ${mount.controllers.join(", ")}`);
  const text = (value: string) => b.string(value);
  b.syscall("mount", [
    text("cgroup"),
    text(mount.path),
    text("cgroup"),
    0,
    text(mount.controllers.join(",")),
  ]);
  try {
    await context.executor.run(b.build());
  } catch (error) {
    if (!(error instanceof ProgramFailure)) throw error;
    throw new LmctfyError("FAILED_PRECONDITION", error.message, {
      syscall: error.syscall!,
      errno: error.errno!,
      path: mount.path,
      cause: error,
      hint: "A controller that cgroup v2 uses, or that the kernel was started without, has no hierarchy of its own.",
    });
  }
}
