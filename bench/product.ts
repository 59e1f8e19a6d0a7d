/** Containers of the product that the bench makes with its command. */
import { spawnSync } from "node:child_process";
import { LIMITS, PREFIX } from "./cgroup.ts";
import { LMCTFY } from "./paths.ts";

export const SPEC = `cpu:{max_limit:500} memory:{limit:${LIMITS.memory}} pids:{limit:${LIMITS.pids}}`;

/** Runs the command; throws what it says when it fails. */
export function lmctfy(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(LMCTFY, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`lmctfy ${args.join(" ")}: ${error?.message ?? `exit code ${status}: ${stderr.trim()}`}`);
}

/** A container that is there while `use` runs. */
export async function withContainer<T>(
  suffix: string,
  use: (name: string) => Promise<T>,
  more = "",
): Promise<T> {
  const name = `/${PREFIX}-${suffix}`;
  spawnSync(LMCTFY, ["destroy", "-f", name]); // of a bench that was killed
  lmctfy("create", name, `${SPEC} ${more}`);
  try {
    return await use(name);
  } finally {
    lmctfy("destroy", "-f", name);
  }
}
