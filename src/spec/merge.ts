/** One spec on top of another. */
import type { ContainerSpec } from "./messages/container.ts";

/**
 * What a spec becomes when some of its fields change: a field that is given replaces the one there was, whole; of a
 * section, field by field. Nothing is taken away: a limit is removed by a value that means none.
 */
export function mergeSpec(base: ContainerSpec, changes: ContainerSpec): ContainerSpec {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const there = merged[key];
    merged[key] = isSection(value) && isSection(there) ? { ...there, ...value } : value;
  }
  return merged as ContainerSpec;
}

function isSection(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
