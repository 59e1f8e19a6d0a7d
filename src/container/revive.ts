/** What a restart of the machine took from containers: cgroups and programs, made again for all of them at once. */
import { closeSync, openSync, readSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import { STAMP_OFFSET } from "../kernel/image.ts";
import { machineStamp } from "../kernel/stamp.ts";
import type { Context } from "./context.ts";
import { realiseAgain } from "./run.ts";
import { isGiven, programFile, subcontainersRecursive } from "./store.ts";
import type { InitResult } from "./types.ts";

/** One that cannot be made (its device is gone, a CPU of its mask too) keeps no other from being made. */
export async function reviveAll(context: Context): Promise<InitResult> {
  const result: InitResult = { revived: [], failed: [] };
  for (const name of subcontainersRecursive(context.places, "/")) {
    if (isGiven(context.places, name) || isWhole(context, name)) continue;
    try {
      await realiseAgain(context, name);
      result.revived.push(name);
    } catch (error) {
      if (!(error instanceof LmctfyError)) throw error;
      if (error.code !== "NOT_FOUND" || error.path !== name) result.failed.push({ name, error }); // else destroyed meanwhile
    }
  }
  return result;
}

/** Whether its cgroups are there, and a program of this boot and kernel. */
function isWhole({ cgroups, places }: Context, name: string): boolean {
  if (!cgroups.exists(name)) return false;
  const stamp = Buffer.alloc(8);
  try {
    const file = openSync(programFile(places, name), "r");
    try {
      readSync(file, stamp, 0, stamp.length, STAMP_OFFSET);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return stamp.readBigUInt64LE() === machineStamp();
}
