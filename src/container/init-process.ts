/** Whether a virtual host runs: its init, as the monitor of that tells by a lock (compile/init-lock.ts). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { INIT_FILE } from "../compile/init-lock.ts";
import { AT_FDCWD, LOCK, O } from "../kernel/constants.ts";
import { ProgramBuilder } from "../kernel/program.ts";
import type { Context } from "./context.ts";
import { runtimeDirectory } from "./places.ts";

/** The pid of a container's init while it runs, as this process sees it. */
export async function initOf(context: Context, name: string): Promise<number | undefined> {
  const file = join(runtimeDirectory(context.places, name), INIT_FILE);
  if (!existsSync(file)) return undefined; // most containers never had one
  const b = new ProgramBuilder(context.arch).stage(`looking for the init of ${name}`);
  const none = b.label();
  const held = b.label();
  const text = b.buffer(24, "PID");
  const path = b.string(file);
  const fd = b.syscall("openat", [AT_FDCWD, path, O.RDONLY | O.CLOEXEC, 0], { into: "init", onError: none });
  b.syscall("flock", [fd, LOCK.SH | LOCK.NB], { onError: held });
  b.syscall("close", [fd]);
  b.jump(none);
  b.place(held);
  b.syscall("read", [fd, text, 24]);
  b.syscall("close", [fd]);
  b.place(none);
  const { data } = await context.executor.run(b.build({ returned: text }));
  const pid = Number.parseInt(Buffer.from(data).toString("latin1"), 10);
  return pid > 0 ? pid : undefined;
}
