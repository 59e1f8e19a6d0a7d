/**
 * A fully isolated process as a program: the same work as `floor isolated`, done by the executor. It shows what the
 * engine takes for it until the product makes such containers itself.
 */
import { enterCgroups, reportPipe } from "../src/compile/child.ts";
import { clone3 } from "../src/compile/clone.ts";
import type { Arch } from "../src/kernel/arch.ts";
import { AT_FDCWD, archOpenFlags, CLONE, MNT_DETACH, MS, O } from "../src/kernel/constants.ts";
import { encodeProgram } from "../src/kernel/image.ts";
import { ProgramBuilder } from "../src/kernel/program.ts";
import type { BenchCgroup } from "./cgroup.ts";

const S_IFCHR = 0o020000;
const AT_REMOVEDIR = 0x200;
const DEVICES = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
} as const;

export interface IsolatedInput {
  rootfs: string;
  cgroup: BenchCgroup;
  /** Makes the cgroup with its limits before, and removes it afterwards. */
  makeCgroup: boolean;
}

/** An image for `--executor run FILE COMMAND…`. */
export function isolatedProgram(arch: Arch, { rootfs, cgroup, makeCgroup }: IsolatedInput): Uint8Array {
  const b = new ProgramBuilder(arch);
  const child = b.label();
  const fd = b.register("fd");

  if (makeCgroup) {
    b.stage("making the cgroups");
    for (const step of cgroup.steps) {
      if (step.op === "mkdir") b.syscall("mkdirat", [AT_FDCWD, b.string(step.path), 0o755]);
      else if (step.op === "write") {
        b.syscall("openat", [AT_FDCWD, b.string(step.path), O.WRONLY | O.CLOEXEC, 0], { into: fd });
        b.syscall("write", [fd, b.string(step.value), Buffer.byteLength(step.value)]);
        b.syscall("close", [fd]);
      }
    }
  }

  b.stage("starting the command");
  const { cloneInto } = cgroup.entry;
  const v2 = cloneInto === undefined ? undefined : b.register("cgroup");
  if (v2) {
    const flags = O.PATH | archOpenFlags(arch).DIRECTORY | O.CLOEXEC;
    b.syscall("openat", [AT_FDCWD, b.string(cloneInto!), flags, 0], { into: v2 });
  }
  const report = reportPipe(b, "report");
  const flags = CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS | CLONE.NEWNET;
  const pid = clone3(b, { flags, cgroup: v2 }, "child");
  b.jumpIf(pid, "==", 0, child);
  b.syscall("close", [report.write]);
  b.stage("waiting for the command");
  const status = b.wait(pid, {});
  b.join(report.read);
  if (makeCgroup) {
    b.stage("removing the cgroups");
    const made = cgroup.steps.filter(step => step.op === "mkdir").reverse();
    for (const { path } of made) b.syscall("unlinkat", [AT_FDCWD, b.string(path), AT_REMOVEDIR]);
  }
  b.exit(status, true);

  b.place(child);
  b.report(report.write);
  enterCgroups(b, cgroup.entry);
  b.stage("setting up the namespaces");
  b.syscall("unshare", [CLONE.NEWCGROUP]); // only now: its root is where the process is
  b.stage("setting up the root filesystem");
  const mount = (source: string, target: string, type: string, flags: number, options?: string): void => {
    const data = options === undefined ? 0 : b.string(options);
    b.syscall("mount", [b.string(source), b.string(target), b.string(type), flags, data]);
  };
  b.syscall("mount", [0, b.string("/"), 0, MS.REC | MS.PRIVATE, 0]);
  b.syscall("mount", [b.string(rootfs), b.string(rootfs), 0, MS.BIND | MS.REC, 0]);
  b.syscall("chdir", [b.string(rootfs)]);
  mount("proc", "proc", "proc", MS.NOSUID | MS.NODEV | MS.NOEXEC);
  mount("tmpfs", "dev", "tmpfs", MS.NOSUID, "mode=755,size=65536k");
  b.syscall("umask", [0]);
  for (const [name, [major, minor]] of Object.entries(DEVICES)) {
    b.syscall("mknodat", [AT_FDCWD, b.string(`dev/${name}`), S_IFCHR | 0o666, (major << 8) | minor]);
  }
  b.syscall("mkdirat", [AT_FDCWD, b.string("dev/pts"), 0o755]);
  mount("devpts", "dev/pts", "devpts", MS.NOSUID | MS.NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
  mount("sysfs", "sys", "sysfs", MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.RDONLY);
  b.stage("entering the root filesystem");
  const here = b.string(".");
  b.syscall("pivot_root", [here, here]);
  b.syscall("umount2", [here, MNT_DETACH]);
  b.syscall("chdir", [b.string("/")]);
  b.syscall("umask", [0o022]);
  b.stage("starting the command");
  b.exec(null, null);
  return encodeProgram(b.build());
}
