/**
 * Containers that the owner of a container made below it. Their specs are in the owner's files, which nobody else reads:
 * here they are known by their cgroups alone, can be looked at and ended, and go with the container they are in.
 */
import type { Context } from "./context.ts";
import { parentOf } from "./names.ts";
import {
  containerExists,
  isGiven,
  requireContainer,
  subcontainers,
  subcontainersRecursive,
} from "./store.ts";

/** Whether a container is only known by its cgroups, and somebody else's. */
export function isForeign({ places, cgroups }: Context, name: string): boolean {
  if (isGiven(places, name) || containerExists(places, name) || !cgroups.isAnothers(name)) return false;
  for (let at = parentOf(name); at !== undefined && !isGiven(places, at); at = parentOf(at))
    if (containerExists(places, at)) return true;
  return false;
}

/** Whether a container is one of ours, or somebody else's below one of ours. */
export function isKnown(context: Context, name: string): boolean {
  return containerExists(context.places, name) || isForeign(context, name);
}

/** Throws NOT_FOUND for a container that is neither known nor somebody else's below a known one. */
export function requireKnown(context: Context, name: string): void {
  if (!isKnown(context, name)) requireContainer(context.places, name);
}

/** Names of the direct subcontainers that somebody else made, sorted. */
export function foreignChildren({ places, cgroups }: Context, name: string): string[] {
  if (isGiven(places, name) || !cgroups.isManagedByOthers(name)) return [];
  return cgroups.children(name).filter(child => cgroups.isAnothers(child) && !containerExists(places, child));
}

/** All direct subcontainers, whoever made them, sorted. */
export function allChildren(context: Context, name: string): string[] {
  const foreign = foreignChildren(context, name);
  const own = subcontainers(context.places, name);
  return foreign.length === 0 ? own : [...own, ...foreign].sort();
}

/** All below, parents before their children, sorted. */
export function allBelow(context: Context, name: string): string[] {
  const own = subcontainersRecursive(context.places, name);
  const handsOver = (each: string): boolean =>
    !isGiven(context.places, each) && context.cgroups.isManagedByOthers(each);
  if (![name, ...own].some(handsOver)) return own;
  return allChildren(context, name).flatMap(child => [child, ...allBelow(context, child)]);
}
