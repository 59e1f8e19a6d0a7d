/** The files that a container sees: `filesystem` of a spec. */
import { statSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import { MOUNT_ATTR } from "../kernel/constants.ts";
import type { FilesystemSpec, Mount } from "../spec/index.ts";
import type { Mount as PlannedMount } from "./isolation.ts";
import { invalid, type Resource } from "./resource.ts";
import { checkFdLimit, limitSettings } from "./rlimits.ts";

/** Each mounted thing is a descriptor of the program, which has 64 registers. */
const MOST_MOUNTS = 32;

const OPTIONS: Record<string, { set?: number; clear?: number }> = {
  suid: { clear: MOUNT_ATTR.NOSUID },
  dev: { clear: MOUNT_ATTR.NODEV },
  noexec: { set: MOUNT_ATTR.NOEXEC },
  noatime: { set: MOUNT_ATTR.NOATIME },
  nosymfollow: { set: MOUNT_ATTR.NOSYMFOLLOW },
};

export const filesystem: Resource<"filesystem"> = {
  section: "filesystem",

  check(spec, { proc }) {
    const { rootfs, mounts, empty_root, fd_limit } = spec;
    if (fd_limit !== undefined) checkFdLimit(fd_limit, proc);
    if (rootfs !== undefined && empty_root)
      throw invalid("filesystem.rootfs and filesystem.empty_root exclude each other");
    if (rootfs !== undefined) {
      checkPath("filesystem.rootfs", rootfs);
      if (!isDirectory("filesystem.rootfs", rootfs))
        throw invalid(`filesystem.rootfs ${rootfs} is not a directory`);
    }
    checkLayers(spec);
    const list = mounts?.mount ?? [];
    const layers = spec.layers?.length ?? 0;
    if (list.length + layers > MOST_MOUNTS) {
      const what =
        layers > 0
          ? `mounts and layers has ${list.length + layers} of them`
          : `mounts has ${list.length} mounts`;
      throw invalid(`filesystem.${what}: at most ${MOST_MOUNTS}`);
    }
    for (const [i, mount] of list.entries()) planMount(mount, `filesystem.mounts.mount[${i}]`);
  },

  settings: () => [],
  update: () => [],
  // Those of `rlimits` beside it are the same list.
  processSettings: ({ fd_limit }, { rlimits = {} }) =>
    fd_limit === undefined ? {} : limitSettings(rlimits, { filesystem: { fd_limit } }),
};

function checkLayers({ layers = [], ephemeral, rootfs, empty_root, read_only }: FilesystemSpec): void {
  if (ephemeral && layers.length === 0)
    throw invalid("filesystem.ephemeral needs filesystem.layers beside it");
  if (ephemeral && read_only)
    throw invalid("filesystem.ephemeral and filesystem.read_only exclude each other");
  if (layers.length === 0) return;
  const other = rootfs !== undefined ? "rootfs" : empty_root ? "empty_root" : undefined;
  if (other !== undefined) throw invalid(`filesystem.layers and filesystem.${other} exclude each other`);
  for (const [i, path] of layers.entries()) {
    checkPath(`filesystem.layers[${i}]`, path);
    if (!isDirectory(`filesystem.layers[${i}]`, path))
      throw invalid(`filesystem.layers[${i}] ${path} is not a directory`);
    if (layers.indexOf(path) < i) throw invalid(`filesystem.layers[${i}] ${path} is there before`);
  }
}

/** The mounts of a section that has been checked; what lies on the host is looked at again. */
export function plannedMounts({ mounts }: FilesystemSpec): PlannedMount[] {
  return (mounts?.mount ?? []).map((mount, i) => planMount(mount, `filesystem.mounts.mount[${i}]`));
}

function planMount(mount: Mount, field: string): PlannedMount {
  const { source, target, read_only = false, type = "BIND", size } = mount;
  if (target === undefined) throw invalid(`${field}.target is missing`);
  checkPath(`${field}.target`, target);
  if (target.split("/").every(part => part === "")) {
    throw invalid(`${field}.target is /`, "filesystem.rootfs says what lies there.");
  }
  const attributes =
    attributesOf(mount.options ?? [], `${field}.options`) | (read_only ? MOUNT_ATTR.RDONLY : 0);
  switch (type) {
    case "BIND": {
      if (source === undefined) throw invalid(`${field}.source is missing`);
      if (size !== undefined) throw invalid(`${field}.size is for TMPFS, and this is BIND`);
      checkPath(`${field}.source`, source);
      const directory = isDirectory(`${field}.source`, source);
      return { kind: "bind", source, target, attributes, directory, follows: !(mount.private ?? false) };
    }
    case "TMPFS": {
      if (source !== undefined) throw invalid(`${field}.source is for BIND, and this is TMPFS`);
      if (size !== undefined && size < 4096n)
        throw invalid(`${field}.size ${size} is out of range: 4096 bytes or more`);
      const options = [
        ["mode", "1777"] as const,
        ...(size === undefined ? [] : [["size", String(size)] as const]),
      ];
      return { kind: "fresh", type: "tmpfs", target, attributes, options };
    }
    default:
      throw invalid(`${field}.type ${type satisfies never} is not known`);
  }
}

function attributesOf(options: readonly string[], field: string): number {
  let attributes = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
  for (const option of options) {
    const known = OPTIONS[option];
    if (known === undefined) {
      throw invalid(`${field}: ${JSON.stringify(option)} is not one of ${Object.keys(OPTIONS).join(", ")}`);
    }
    attributes = (attributes | (known.set ?? 0)) & ~(known.clear ?? 0);
  }
  return attributes;
}

function checkPath(field: string, path: string): void {
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalid(`${field} must be an absolute path: ${JSON.stringify(path)}`);
  }
  if (path.split("/").includes(".."))
    throw invalid(`${field} ${path} contains ".."`, "Write the path without it.");
}

function isDirectory(field: string, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined) return found.isDirectory();
  throw new LmctfyError("NOT_FOUND", `${field} ${path} does not exist`, { path });
}
