/** A cgroup tree of plain files, so that the drivers can be tested on any machine and as any user. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Cgroups, openCgroups } from "../../src/cgroup/driver.ts";
import type { CgroupLayout, Controller, Hierarchy } from "../../src/cgroup/layout.ts";
import { applySteps, type HostStep } from "../../src/cgroup/steps.ts";

/** Hierarchies by the name of their mount: `{ unified: 2 }`, `{ "cpu,cpuacct": 1 }`; `controllers` are for version 2. */
export interface FakeMachine {
  mounts: { [name: string]: 1 | 2 };
  controllers?: Controller[];
}

export const PURE_V2: FakeMachine = {
  mounts: { unified: 2 },
  controllers: ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"],
};
export const SEPARATE_V1: FakeMachine = {
  mounts: { cpu: 1, cpuacct: 1, cpuset: 1, memory: 1, devices: 1, freezer: 1, pids: 1 },
};
export const CO_MOUNTED_V1: FakeMachine = { mounts: { "cpu,cpuacct": 1, cpuset: 1, memory: 1, pids: 1 } };
export const HYBRID: FakeMachine = {
  mounts: { "cpu,cpuacct": 1, cpuset: 1, freezer: 1, memory: 1, unified: 2 },
  controllers: ["pids"],
};

export class FakeCgroups implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "lmctfy-fake-"));
  readonly layout: CgroupLayout;
  readonly cgroups: Cgroups;

  constructor({ mounts, controllers = [] }: FakeMachine, files: { [path: string]: string } = {}) {
    const hierarchies = Object.entries(mounts).map(([name, version]): Hierarchy => {
      mkdirSync(join(this.path, name));
      const carried = version === 2 ? controllers : (name.split(",") as Controller[]);
      return { version, mountPoint: join(this.path, name), root: "/", controllers: carried };
    });
    const versions = new Set(Object.values(mounts));
    const kind = versions.size === 2 ? "hybrid" : versions.has(2) ? "v2" : versions.has(1) ? "v1" : "none";
    this.layout = { kind, hierarchies, disabled: [] };
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    this.cgroups = openCgroups({ subtree: "sub", layout: this.layout });
  }

  /** Makes a control file, and the cgroup it is in. */
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true });
    writeFileSync(join(this.path, path), text);
  }

  mkdir(...paths: string[]): void {
    for (const path of paths) mkdirSync(join(this.path, path), { recursive: true });
  }

  read(path: string): string {
    return readFileSync(join(this.path, path), "utf8");
  }

  /** Steps as short lines: `mkdir memory/sub/a`, `write memory/sub/a/memory.max 5`, `chown …`. */
  lines(steps: readonly HostStep[]): string[] {
    return steps.map(step => {
      if (step.op === "program") return `program ${step.stage}`;
      const path = this.short(step.path);
      if (step.op === "write") return `write ${path} ${step.value}${step.optional ? " (optional)" : ""}`;
      if (step.op === "chmod") return `chmod ${path} ${step.mode.toString(8)}`;
      return step.op === "chown" ? `chown ${path} ${step.uid}:${step.gid}` : `mkdir ${path}`;
    });
  }

  /** A path without the fake's own. */
  short(path: string): string {
    return path.slice(this.path.length + 1);
  }

  /** Does the steps; a real kernel makes the control files that they write to. */
  apply(steps: readonly HostStep[]): void {
    for (const step of steps) {
      if (step.op === "write") this.write(this.short(step.path), "");
      applySteps([step]);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
