/**
 * How a command's process comes to be: a plain child in the container's cgroups, one with a view of the machine of
 * its own, or one inside of a virtual host that runs.
 */
import { AT_FDCWD, archOpenFlags, CLONE, O } from "../kernel/constants.ts";
import type { Label, ProgramBuilder, Register } from "../kernel/program.ts";
import { type Entrance, enterCgroups, type ReportPipe, reportValue } from "./child.ts";
import { clone3 } from "./clone.ts";
import { Isolate } from "./isolate/isolate.ts";
import { arriveInside, joinNamespaces, openInit } from "./join.ts";

export class Starter {
  /** Whether the command is in another PID namespace than its caller. */
  readonly elsewhere: boolean;
  /** Whether the command sees another machine than its caller. */
  readonly apart: boolean;
  readonly #b: ProgramBuilder;
  readonly #entrance: Entrance;
  readonly #cgroup: Register | undefined;
  readonly #isolate: Isolate | undefined;
  readonly #init: Register | undefined;

  /**
   * Emits what comes before any clone.
   *
   * @param directory the container's runtime directory, open
   */
  constructor(b: ProgramBuilder, entrance: Entrance, directory: Register) {
    this.#b = b;
    this.#entrance = entrance;
    const { isolation, joining } = entrance;
    this.apart = (isolation ?? joining) !== undefined;
    if (joining) this.#init = openInit(b, joining, directory);
    b.stage("starting the command");
    this.#cgroup = openCgroup(b, entrance);
    this.#isolate = isolation && new Isolate(b, isolation);
    this.elsewhere = joining?.namespaces.includes("pid") ?? this.#isolate?.elsewhere ?? false;
  }

  /** Emits the clone and what its parent does until the command runs; the child goes to the label. */
  start(pid: Register, report: ReportPipe, child: Label): void {
    const b = this.#b;
    const between = this.#init || this.#isolate?.goesBetween ? b.register("between") : undefined;
    clone3(b, { cgroup: this.#cgroup, flags: this.#isolate?.flags ?? 0 }, between ?? pid);
    b.jumpIf(between ?? pid, "==", 0, child);
    b.syscall("close", [report.write]);
    this.#isolate?.afterClone(between ?? pid);
    b.join(report.read, between ? { into: pid } : {});
    if (between) b.wait(between, {});
  }

  /** Emits the child's way into cgroups and namespaces, at the label. */
  arrive(report: ReportPipe): void {
    const b = this.#b;
    const { joining } = this.#entrance;
    b.report(report.write);
    enterCgroups(b, this.#entrance);
    if (this.#isolate?.goesBetween) {
      this.#isolate.inBetween();
      this.#goOnInside(report);
    }
    this.#isolate?.inChild();
    if (!joining || !this.#init) return;
    joinNamespaces(b, joining, this.#init);
    this.#goOnInside(report);
    arriveInside(b, joining);
  }

  /** In a go-between: gives the parent another child, which is in there, and ends. */
  #goOnInside(report: ReportPipe): void {
    const b = this.#b;
    const inner = clone3(b, { flags: CLONE.PARENT, exitSignal: 0 }, "inner");
    const inside = b.label();
    b.jumpIf(inner, "==", 0, inside);
    reportValue(b, report.write, inner);
    b.exit(0);
    b.place(inside);
  }

  /** What the parent has open for the child; the resident executor must not keep it. */
  get held(): Register[] {
    return [this.#cgroup, this.#init].filter(fd => fd !== undefined);
  }

  /** Closes what was opened for a child that somebody else cloned. */
  release(): void {
    this.#isolate?.release();
  }
}

/**
 * First of all: where root in the container is the machine's root, with another root directory, it must not get hold of the executor
 * and write to it. (Other users may not, and where the root directory is the machine's it lies there anyway.)
 */
export function sealExecutor(b: ProgramBuilder, { isolation, joining }: Entrance): void {
  const isReached = isolation
    ? isolation.users.kind !== "new" && isolation.rootfs !== "/"
    : joining !== undefined && !joining.ownUsers;
  if (!isReached) return;
  b.stage("keeping the executor from being written to");
  b.execSealed();
}

/** Opens the cgroup v2 directory that the child is born in. */
function openCgroup(b: ProgramBuilder, entrance: Entrance): Register | undefined {
  if (entrance.cloneInto === undefined) return undefined;
  const flags = O.PATH | archOpenFlags(b.arch).DIRECTORY | O.CLOEXEC;
  return b.syscall("openat", [AT_FDCWD, b.string(entrance.cloneInto), flags, 0], {
    into: "cgroup",
    fd: true,
  });
}
