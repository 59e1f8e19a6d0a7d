/** `filesystem` of a spec: the root and what is mounted in it. */
import { message, NO_PATCH, optional, type Resolved, repeated } from "../descriptor.ts";

export const Mount = message(
  "Mounts.Mount",
  "A directory or file of the host that shows up in the container.",
  {
    source: optional(1, "string", "Path on the host; must be given and exist."),
    target: optional(2, "string", "Path in the container; must be given."),
    read_only: optional(3, "bool", "Whether the container can only read it.", { default: "false" }),
    private: optional(4, "bool", "Whether mounts that the host makes below `source` later stay invisible.", {
      default: "false",
    }),
  },
);
export interface Mount extends Resolved<typeof Mount> {}

export const Mounts = message("Mounts", "A list of mounts.", {
  mount: repeated(1, Mount, "The mounts, in the order in which they are made."),
});
export interface Mounts extends Resolved<typeof Mounts> {}

export const FilesystemSpec = message("FilesystemSpec", "The files that the container sees.", {
  fd_limit: optional(1, "uint64", "Open files of the container, all tasks together.", {
    unserved: NO_PATCH,
  }),
  rootfs: optional(2, "string", "Absolute path of the directory that becomes `/` in the container.", {
    default: "/",
  }),
  mounts: optional(3, Mounts, "What is mounted in the container.", { default: "nothing" }),
});
export interface FilesystemSpec extends Resolved<typeof FilesystemSpec> {}
