/** Memory that is in use has to be given back before there is less of it. */
import type { Cgroups } from "../../cgroup/driver.ts";
import { writeControl } from "../../cgroup/steps.ts";
import { errnoOf, fromSystemError, LmctfyError } from "../../errors.ts";
import type { MemorySpec } from "../../spec/index.ts";
import { readNumber } from "../numbers.ts";
import type { UpdateContext } from "../resource.ts";
import { limitsOf, TOO_LITTLE } from "./limits.ts";

/**
 * Has a container give back what it uses above a limit that it is to get. Version 1 does so by itself and refuses a
 * limit that is too low (EBUSY); version 2 would take it and kill (mm/memcontrol.c, memory_max_write), which nobody asked for.
 *
 * @throws FAILED_PRECONDITION when it cannot; no setting is changed
 */
export function makeRoom(spec: MemorySpec, { cgroups, name }: UpdateContext): void {
  const { hard, hardField } = limitsOf(spec);
  if (hard === undefined || cgroups.version("memory") !== 2) return;
  const usage = () => readNumber(cgroups, name, "memory", "memory.current") ?? 0n;
  for (let turn = 0; turn < 4 && usage() > hard; turn++) reclaim(cgroups, name, usage() - hard, hard);
  const left = usage();
  if (left <= hard) return;
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${hardField} ${hard} is less than \`${name}\` uses, which is ${left}`,
    { path: name, hint: TOO_LITTLE },
  );
}

/** `memory.reclaim` is there since Linux 5.19; before, a `memory.high` of a moment does the same. */
function reclaim(cgroups: Cgroups, name: string, bytes: bigint, limit: bigint): void {
  const path = (file: string) => cgroups.controllerFile(name, "memory", file)!;
  if (bytes <= 0n) return;
  try {
    writeControl(path("memory.reclaim"), String(bytes));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EAGAIN" || errno === "EINTR") return; // not all of it
    if (errno !== "ENOENT") throw fromSystemError(error, "write", path("memory.reclaim"));
    const high = readNumber(cgroups, name, "memory", "memory.high");
    writeControl(path("memory.high"), String(limit));
    writeControl(path("memory.high"), high === undefined || high < 0n ? "max" : String(high));
  }
}
