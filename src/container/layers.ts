/** Where a container keeps what it writes to its layers: `STATE/containers/a/_top`, as overlayfs wants it. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fromSystemError } from "../errors.ts";
import type { ContainerSpec } from "../spec/index.ts";
import { type Places, stateDirectory } from "./places.ts";

export const topDirectory = (places: Places, name: string): string =>
  join(stateDirectory(places, name), "_top");

/** The directories on the host that make up a virtual host's root, the topmost first; none for an empty one. */
export function rootsOf(places: Places, name: string, { filesystem = {} }: ContainerSpec): string[] {
  const { layers = [], empty_root, rootfs = "/" } = filesystem;
  if (empty_root) return [];
  if (layers.length === 0) return [rootfs];
  const data = join(topDirectory(places, name), "data");
  return [...(existsSync(data) ? [data] : []), ...layers.toReversed()];
}

/** Makes it for a container that needs it. It goes with the container, whatever its spec becomes meanwhile. */
export function makeTop(places: Places, name: string, { filesystem = {} }: ContainerSpec): void {
  const { layers = [], ephemeral, read_only } = filesystem;
  if (layers.length === 0 || ephemeral || read_only) return;
  const top = topDirectory(places, name);
  try {
    mkdirSync(top, { recursive: true, mode: 0o700 });
    for (const part of ["data", "work"]) mkdirSync(join(top, part), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw fromSystemError(error, "mkdir", top);
  }
}
