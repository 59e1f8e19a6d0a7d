/** Descriptors that the executor holds for us. */
import { ProgramBuilder } from "../kernel/program.ts";
import type { Context } from "./context.ts";

/** Closes them, at some time soon. When the executor died, they are closed. */
export function closeInExecutor(context: Context, fds: readonly (number | undefined)[]): void {
  const builder = new ProgramBuilder(context.arch);
  const open = fds.filter(fd => fd !== undefined);
  for (const fd of open) builder.syscall("close", [fd], { onError: "ignore" });
  if (open.length > 0) context.executor.run(builder.build()).catch(() => {});
}
