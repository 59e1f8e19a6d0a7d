/** Reading files of a container's root, which may be hostile: no link, device or pipe in it leads anywhere else. */
import { InRoot } from "../compile/isolate/mount-api.ts";
import { AT_FDCWD, archOpenFlags, O } from "../kernel/constants.ts";
import { ProgramBuilder } from "../kernel/program.ts";
import type { Context } from "./context.ts";
import type { UserFiles } from "./users.ts";

/** More than any passwd file has; what is beyond is not read. */
const MOST = 1 << 20;

/** The text of a file below a root; "" when there is no such file. */
export async function readInRoot(context: Context, rootfs: string, path: string): Promise<string> {
  const b = new ProgramBuilder(context.arch).stage(`reading ${path} of ${rootfs}`);
  const flags = O.PATH | archOpenFlags(context.arch).DIRECTORY | O.CLOEXEC;
  const root = b.syscall("openat", [AT_FDCWD, b.string(rootfs), flags, 0], { into: "root", fd: true });
  const fd = b.register("file");
  const text = b.buffer(MOST, "text");
  const missing = b.label();
  // A pipe would keep us: with O_NONBLOCK nothing does.
  new InRoot(b, root, O.RDONLY | O.NONBLOCK | O.NOCTTY).open(path, fd, missing);
  const size = b.syscall("read", [fd, text, MOST], { into: "size", onError: "ignore" });
  b.syscall("close", [fd]);
  b.place(missing);
  b.syscall("close", [root]);
  const { registers, data } = await context.executor.run(b.build({ returned: text }));
  return Buffer.from(data.subarray(0, Math.max(0, Number(registers[size.index])))).toString();
}

/** The users that a container's own files name: those of the first root that has them. */
export async function usersOfRoots(context: Context, roots: readonly string[]): Promise<UserFiles> {
  const first = async (path: string): Promise<string> => {
    for (const root of roots) {
      const text = await readInRoot(context, root, path);
      if (text !== "") return text;
    }
    return "";
  };
  return { passwd: await first("/etc/passwd"), group: await first("/etc/group") };
}
