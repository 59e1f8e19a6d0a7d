/** The /dev of a container: a small safe set, in a tmpfs of its own. */
import { MOUNT_ATTR } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { attach, cloneTree, freshMount, type InRoot } from "./mount-api.ts";

const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;

/** As every container runtime has them (OCI runtime-spec, config-linux.md, "Default Devices"). */
const NODES = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
} as const;

const LINKS = {
  fd: "/proc/self/fd",
  stdin: "/proc/self/fd/0",
  stdout: "/proc/self/fd/1",
  stderr: "/proc/self/fd/2",
  ptmx: "pts/ptmx",
} as const;

/** Group 5 is `tty` on every distribution, as devpts wants it (Documentation/filesystems/devpts.rst). */
const PTS = [
  ["ptmxmode", "0666"],
  ["mode", "0620"],
  ["gid", "5"],
] as const;

/** In a user namespace nobody may make device nodes: then the caller's own are bound, copied before the clone. */
export class Devices {
  readonly #b: ProgramBuilder;
  readonly #copies = new Map<string, Register>();

  constructor(b: ProgramBuilder, options: { bind: boolean }) {
    this.#b = b;
    if (!options.bind) return;
    for (const name of Object.keys(NODES)) {
      this.#copies.set(name, cloneTree(b, `/dev/${name}`, { into: name, recursive: false }));
    }
  }

  /** The descriptors that the parent closes when the child has them. */
  get held(): Register[] {
    return [...this.#copies.values()];
  }

  setUp(inRoot: InRoot, use: { mount: Register; target: Register; context: Register; dev: Register }): void {
    const b = this.#b;
    const { mount, target, context, dev } = use;
    b.stage("setting up /dev");
    inRoot.ensure("/dev", "directory", target);
    freshMount(
      b,
      "tmpfs",
      MOUNT_ATTR.NOSUID | MOUNT_ATTR.NOEXEC,
      [
        ["mode", "0755"],
        ["size", "64k"],
        ["nr_inodes", "256"],
      ],
      dev,
      context,
    );
    attach(b, dev, target);
    b.syscall("close", [target]);
    for (const [name, [major, minor]] of Object.entries(NODES)) {
      const copy = this.#copies.get(name);
      if (copy === undefined)
        b.syscall("mknodat", [dev, b.string(name), S_IFCHR | 0o666, (major << 8) | minor]);
      else {
        b.syscall("mknodat", [dev, b.string(name), S_IFREG | 0o666, 0]);
        place(b, dev, name, copy, target);
      }
    }
    for (const [name, to] of Object.entries(LINKS))
      b.syscall("symlinkat", [b.string(to), dev, b.string(name)]);
    const noExec = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NOEXEC;
    this.#inside("pts", "devpts", noExec, [["newinstance"], ...PTS], use);
    this.#inside(
      "shm",
      "tmpfs",
      noExec | MOUNT_ATTR.NODEV,
      [
        ["mode", "1777"],
        ["size", "64m"],
      ],
      use,
    );
    this.#inside("mqueue", "mqueue", noExec | MOUNT_ATTR.NODEV, [], use);
    void mount;
  }

  #inside(
    name: string,
    type: string,
    attributes: number,
    options: readonly (readonly [key: string, value?: string])[],
    { mount, target, context, dev }: { mount: Register; target: Register; context: Register; dev: Register },
  ): void {
    const b = this.#b;
    b.syscall("mkdirat", [dev, b.string(name), 0o755]);
    freshMount(b, type, attributes, options, mount, context);
    place(b, dev, name, mount, target);
  }
}

/** Attaches a mount to a file of ours in a directory of ours. */
function place(
  b: ProgramBuilder,
  directory: Register,
  name: string,
  mount: Register,
  target: Register,
): void {
  b.syscall("openat", [directory, b.string(name), 0o10000000 | 0o2000000, 0], { into: target });
  attach(b, mount, target);
  b.syscall("close", [target]);
  b.syscall("close", [mount]);
}
