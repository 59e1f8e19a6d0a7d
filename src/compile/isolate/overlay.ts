/**
 * A root of layers: directories over each other, and on top what the container writes (Documentation/filesystems/overlayfs.rst).
 *
 * ```
 * scratch (tmpfs over the old /)
 *   0, 1, …      the layers, lowest first, by the container's ids
 *   top/data     what is written; top is the container's own directory, or a part of scratch
 *   top/work     for the file system's own use
 * ```
 * It is mounted by the container's root, with the layers attached in its own mount namespace for as long as that takes.
 */
import { MNT_DETACH, MOUNT_ATTR, O } from "../../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../../kernel/program.ts";
import { attach, attachOverRoot, freshMount } from "./mount-api.ts";

export interface Layers {
  /** Detached mounts, lowest first. */
  lower: readonly Register[];
  /** Of the directory that is written to; undefined for memory. */
  top: Register | undefined;
  /** Whether the mounter has users of its own, who may not set the kernel's own attributes of files. */
  ownUsers: boolean;
}

/** Emits the making of it. The working directory is nowhere afterwards. */
export function mountLayers(
  b: ProgramBuilder,
  { lower, top, ownUsers }: Layers,
  root: Register,
  use: { mount: Register; target: Register; context: Register },
): void {
  const { mount: scratch, target, context } = use;
  const safe = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
  freshMount(b, "tmpfs", safe, [["mode", "0700"]], scratch, context);
  attachOverRoot(b, scratch);
  const place = (name: string): void => {
    b.syscall("mkdirat", [scratch, b.string(name), 0o755]);
    b.syscall("openat", [scratch, b.string(name), O.PATH | O.CLOEXEC, 0], { into: target });
  };
  for (const [i, layer] of lower.entries()) {
    place(String(i));
    attach(b, layer, target);
    b.syscall("close", [target]);
  }
  place("top");
  if (top) attach(b, top, target);
  b.syscall("close", [target]);
  if (!top)
    for (const name of ["top/data", "top/work"]) b.syscall("mkdirat", [scratch, b.string(name), 0o755]);
  b.syscall("fchdir", [scratch]);
  const layers = lower.map((_, i) => i).reverse();
  freshMount(
    b,
    "overlay",
    0,
    [
      ["lowerdir", layers.join(":")],
      ["upperdir", "top/data"],
      ["workdir", "top/work"],
      ...(ownUsers ? ([["userxattr"]] as const) : []),
    ],
    root,
    context,
  );
  // It has copies of its own of the layers. What stayed over the old root would be unmounted in its place later.
  b.syscall("umount2", [b.string("."), MNT_DETACH]);
  b.syscall("close", [scratch]);
}
