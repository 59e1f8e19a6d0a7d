/** The library as the commands use it. */
import { dirname, join, resolve } from "node:path";
import { LmctfyError } from "../errors.ts";
import type { Container, Lmctfy } from "../index.ts";
import { withHint } from "./hint.ts";
import type { Call, Flags } from "./model.ts";
import { meantSubcommand } from "./parse.ts";

/** Opens the library for as long as `use` takes. */
export async function withLmctfy<T>(flags: Flags, use: (lmctfy: Lmctfy) => Promise<T>): Promise<T> {
  const { Lmctfy } = await import("../index.ts");
  // An empty word would be the current directory, which nobody means by an unset variable.
  if (flags.root === "") throw new LmctfyError("INVALID_ARGUMENT", "--root names no directory");
  const root = flags.root === undefined ? undefined : resolve(flags.root);
  using lmctfy = new Lmctfy({ root, executor: compiledExecutor(process.execPath) });
  return await use(lmctfy);
}

/**
 * The executor that belongs to the compiled command: that is `lmctfy` itself. Undefined when this is not the
 * compiled command; the library finds its own then.
 */
export function compiledExecutor(execPath: string): string | undefined {
  if (!execPath.endsWith("/libexec/lmctfy/cli")) return undefined;
  return join(dirname(execPath), "../../bin/lmctfy");
}

/** The container that a command's first argument names; the caller's own without one. */
export async function containerOf(lmctfy: Lmctfy, { command, args }: Call): Promise<Container> {
  try {
    return await lmctfy.get(args[0] ?? ".");
  } catch (error) {
    const hint = meantSubcommand(command, args);
    if (hint === undefined || !(error instanceof LmctfyError) || error.code !== "NOT_FOUND") throw error;
    throw withHint(error, hint);
  }
}
