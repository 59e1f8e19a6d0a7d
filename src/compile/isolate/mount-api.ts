/**
 * The kernel's file-descriptor based mount interface (fs/namespace.c, fsopen(2), open_tree(2), move_mount(2)) as
 * pieces of programs. Paths inside a root are resolved by openat2(2) with RESOLVE_IN_ROOT and mounted on the descriptor
 * that gives, so that no symbolic link in a hostile root, nor one exchanged meanwhile, leads out of it.
 */
import { AT_EMPTY_PATH, AT_FDCWD, ERRNO, O } from "../../kernel/constants.ts";
import type { DataRef, ProgramBuilder, Register } from "../../kernel/program.ts";

const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const RESOLVE_NO_MAGICLINKS = 0x2;
const RESOLVE_IN_ROOT = 0x10;
const S_IFREG = 0o100000;

/** A detached copy of a mount and what lies below it, as a descriptor that the program owns. */
export function cloneTree(
  b: ProgramBuilder,
  path: string,
  options: { into: Register | string; recursive?: boolean },
): Register {
  const flags = OPEN_TREE_CLONE | O.CLOEXEC | (options.recursive === false ? 0 : AT_RECURSIVE);
  return b.syscall("open_tree", [AT_FDCWD, b.string(path), flags], { into: options.into, fd: true });
}

/** A detached copy of what a descriptor stands for. */
export function cloneAt(b: ProgramBuilder, fd: Register, into: Register): void {
  b.syscall("open_tree", [fd, b.string(""), OPEN_TREE_CLONE | O.CLOEXEC | AT_EMPTY_PATH], { into });
}

/** struct mount_attr */
export function mountAttributes(
  b: ProgramBuilder,
  set: number,
  options: { propagation?: number; userns?: Register } = {},
): DataRef {
  const attr = b.struct(
    [
      [8, set],
      [8, 0],
      [8, options.propagation ?? 0],
      [8, 0],
    ],
    `{set=0x${set.toString(16)}${options.propagation ? `, propagation=0x${options.propagation.toString(16)}` : ""}}`,
  );
  if (options.userns) b.store(b.slice(attr, 24, 8), options.userns, 8);
  return attr;
}

export function setAttributes(
  b: ProgramBuilder,
  mount: Register,
  attr: DataRef,
  options: { recursive: boolean },
): void {
  const flags = AT_EMPTY_PATH | (options.recursive ? AT_RECURSIVE : 0);
  b.syscall("mount_setattr", [mount, b.string(""), flags, attr, 32]);
}

/** A new file system, not attached yet. */
export function freshMount(
  b: ProgramBuilder,
  type: string,
  attributes: number,
  options: readonly (readonly [key: string, value?: string])[],
  into: Register,
  context: Register,
): void {
  const name = b.string(type);
  b.syscall("fsopen", [name, FSOPEN_CLOEXEC], { into: context });
  for (const [key, value] of [["source", type] as const, ...options]) {
    if (value === undefined) b.syscall("fsconfig", [context, FSCONFIG_SET_FLAG, b.string(key), 0, 0]);
    else b.syscall("fsconfig", [context, FSCONFIG_SET_STRING, b.string(key), b.string(value), 0]);
  }
  b.syscall("fsconfig", [context, FSCONFIG_CMD_CREATE, 0, 0, 0]);
  b.syscall("fsmount", [context, FSMOUNT_CLOEXEC, attributes], { into });
  b.syscall("close", [context]);
}

/** Attaches a detached mount to a place. */
export function attach(b: ProgramBuilder, mount: Register, target: Register): void {
  const nothing = b.string("");
  b.syscall("move_mount", [
    mount,
    nothing,
    target,
    nothing,
    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
  ]);
}

/** Attaches it to a path, as the caller sees that. */
export function attachAt(b: ProgramBuilder, mount: Register, path: string): void {
  b.syscall("move_mount", [mount, b.string(""), AT_FDCWD, b.string(path), MOVE_MOUNT_F_EMPTY_PATH]);
}

/** Attaches it on top of `/`, from where pivot_root takes it. */
export function attachOverRoot(b: ProgramBuilder, mount: Register): void {
  attachAt(b, mount, "/");
}

/** Opens paths below a root, whatever links lie in it. */
export class InRoot {
  readonly #b: ProgramBuilder;
  readonly #root: Register;
  #scratch: Register | undefined;
  readonly #how: DataRef;

  /** @param flags what `open` opens with; for places to mount on, O_PATH */
  constructor(b: ProgramBuilder, root: Register, flags: number = O.PATH) {
    this.#b = b;
    this.#root = root;
    this.#how = b.struct(
      [
        [8, flags | O.CLOEXEC],
        [8, 0],
        [8, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS],
      ],
      `{0${(flags | O.CLOEXEC).toString(8)}, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}`,
    );
  }

  /** A descriptor of the place; `missing` = where to go when it is not there. */
  open(path: string, into: Register, missing?: ReturnType<ProgramBuilder["label"]>): void {
    const args = [this.#root, this.#b.string(relative(path)), this.#how, 24] as const;
    this.#b.syscall("openat2", args, { into, ...(missing && { onError: missing }) });
  }

  /** As `open`; what is missing of the way there is made. */
  ensure(path: string, kind: "directory" | "file", into: Register): void {
    const b = this.#b;
    const missing = b.label();
    const there = b.label();
    this.open(path, into, missing);
    b.jump(there);
    b.place(missing);
    const parts = relative(path)
      .split("/")
      .filter(part => part !== "." && part !== "");
    this.#scratch ??= b.register("at");
    const at = this.#scratch;
    this.open("/", at);
    for (const [i, part] of parts.entries()) {
      const last = i === parts.length - 1;
      if (last && kind === "file") {
        b.syscall("mknodat", [at, b.string(part), S_IFREG | 0o644, 0], { tolerate: ERRNO.EEXIST });
      } else b.syscall("mkdirat", [at, b.string(part), 0o755], { tolerate: ERRNO.EEXIST });
      b.syscall("close", [at]);
      this.open(parts.slice(0, i + 1).join("/"), last ? into : at);
    }
    b.place(there);
  }
}

/** A path from the root on, for calls that take one from a descriptor. */
function relative(path: string): string {
  const clean = path.replace(/^\/+/, "");
  return clean === "" ? "." : clean;
}
