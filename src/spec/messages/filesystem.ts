/** `filesystem` of a spec: the root and what is mounted in it. */
import { type EnumName, enumeration, message, optional, type Resolved, repeated } from "../descriptor.ts";

export const MountType = enumeration("Mounts.MountType", "What is mounted.", {
  BIND: [0, "A directory or file of the host."],
  TMPFS: [1, "An empty file system in memory, charged to the container."],
});
export type MountType = EnumName<typeof MountType>;

export const Mount = message(
  "Mounts.Mount",
  "A directory or file of the host that shows up in the container.",
  {
    source: optional(1, "string", "Absolute path on the host; must be given and exist, but for a TMPFS."),
    target: optional(
      2,
      "string",
      "Absolute path in the container; must be given. What is missing of it is made.",
    ),
    read_only: optional(3, "bool", "Whether the container can only read it.", { default: "false" }),
    private: optional(4, "bool", "Whether mounts that the host makes below `source` later stay invisible.", {
      default: "false",
    }),
    type: optional(100, MountType, "What is mounted.", { default: "BIND" }),
    size: optional(101, "int64", "Of a TMPFS: the most that it holds.", {
      unit: "bytes",
      default: "half of the memory",
    }),
    options: repeated(
      102,
      "string",
      "`suid`, `dev`, `noexec`, `noatime`, `nosymfollow`. Without `suid` and `dev`, set-user-id bits and devices have no effect.",
    ),
  },
);
export interface Mount extends Resolved<typeof Mount> {}

export const Mounts = message("Mounts", "A list of mounts.", {
  mount: repeated(1, Mount, "The mounts, in the order in which they are made."),
});
export interface Mounts extends Resolved<typeof Mounts> {}

export const FilesystemSpec = message("FilesystemSpec", "The files that the container sees.", {
  fd_limit: optional(
    1,
    "uint64",
    "Open files of each process, the same as `rlimits.nofile` with both values. (The original counted those of all processes together, which takes a kernel patch.)",
    { default: "the caller's" },
  ),
  rootfs: optional(2, "string", "Absolute path of the directory that becomes `/` in the container.", {
    default: "/",
  }),
  mounts: optional(3, Mounts, "What is mounted in the container.", { default: "nothing" }),
  read_only: optional(
    100,
    "bool",
    "Whether the container can only read its root. What is mounted in it is not part of it.",
    { default: "false" },
  ),
  empty_root: optional(
    101,
    "bool",
    "Whether the root is an empty file system in memory, in which there is only what is mounted; excludes `rootfs`.",
    { default: "false" },
  ),
  layers: repeated(
    104,
    "string",
    "Absolute paths of directories that lie over each other to become `/`, the lowest first (overlayfs). They are not changed: what the container writes is kept apart until it is destroyed. Excludes `rootfs` and `empty_root`.",
  ),
  ephemeral: optional(
    105,
    "bool",
    "Whether what the container writes to its layers is kept in memory, and gone when it stops.",
    { default: "false" },
  ),
  lxcfs: optional(
    103,
    "bool",
    "Whether files such as `/proc/meminfo` tell about the container and not the machine, once it is started, where lxcfs runs.",
    { default: "true" },
  ),
});
export interface FilesystemSpec extends Resolved<typeof FilesystemSpec> {}
