/** A cgroup subtree of a test's own, on the machine's real hierarchies. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmdirSync } from "node:fs";
import { type Cgroups, openCgroups } from "../../src/cgroup/driver.ts";
import type { CgroupLayout } from "../../src/cgroup/layout.ts";
import { applySteps } from "../../src/cgroup/steps.ts";
import { checkSpec, createSteps, topSteps } from "../../src/resources/index.ts";
import type { ContainerSpec } from "../../src/spec/index.ts";
import { TOOL } from "../rig/rig.ts";

/** How a process in a container ended, and what it wrote. */
export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
}

/** A process in a container. */
export interface Running {
  pid: number;
  ended: Promise<End>;
}

export class Subtree implements AsyncDisposable {
  readonly cgroups: Cgroups;
  /** The cgroup at the top of each hierarchy that the test owns. */
  readonly top = `lmctfy-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;

  /** @param below where in the test's own cgroup the subtree is; "" makes it the subtree */
  constructor(layout?: CgroupLayout, below = "") {
    this.cgroups = openCgroups({ subtree: this.top + below, ...(layout && { layout }) });
    applySteps(this.cgroups.rootSteps());
  }

  create(name: string, spec: ContainerSpec = {}): void {
    checkSpec(spec, { cgroups: this.cgroups, name });
    applySteps(createSteps(this.cgroups, name, spec));
    applySteps(topSteps(this.cgroups));
  }

  /** A process that enters a container and then becomes a command; resolves when it is inside. */
  async start(name: string, argv: readonly string[]): Promise<Running> {
    const { cloneInto, procs } = this.cgroups.enter(name);
    const files = [...(cloneInto === undefined ? [] : [`${cloneInto}/cgroup.procs`]), ...procs];
    const enter = files.map(file => `echo 0 > '${file}' || exit 99`).join("; ");
    const child = spawn("sh", ["-c", `${enter}; echo in; exec "$@"`, "sh", ...argv], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true, // some of the fixture's commands signal their process group
    });
    let stdout = "";
    child.stdout.on("data", data => {
      stdout += data;
    });
    const ended = once(child, "close").then(([code, signal]) => ({ code, signal, stdout: stdout.slice(3) }));
    await once(child.stdout, "data");
    return { pid: child.pid!, ended };
  }

  /** The fixture program, to its end. */
  async tool(name: string, ...args: string[]): Promise<End> {
    return (await this.start(name, [TOOL, ...args])).ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { cgroups } = this;
    const names = cgroups.strays();
    for (const name of names) await cgroups.kill(name);
    for (const name of names.reverse()) await cgroups.remove(name);
    cgroups.removeRootIfEmpty();
    for (const { mountPoint } of cgroups.layout.hierarchies) {
      const path = `${mountPoint}/${this.top}`;
      if (this.top !== cgroups.subtree) rmdirSync(path);
      assert.equal(existsSync(path), false, `${path} is left`);
    }
  }
}
