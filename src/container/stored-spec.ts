/** The stored spec of a container. */
import { type ContainerSpec, parseSpec } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { isGiven, readSpecFile } from "./store.ts";

export async function loadSpec(context: Context, name: string): Promise<ContainerSpec> {
  if (isGiven(context.places, name)) return {};
  return parseSpec(readSpecFile(context.places, name), { source: `${name} (stored spec)`, format: "json" });
}
