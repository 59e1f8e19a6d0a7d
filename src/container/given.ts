/** Containers that are there and not the caller's to change. */
import { isWithin } from "../cgroup/mountinfo.ts";
import { LmctfyError } from "../errors.ts";
import type { Context } from "./context.ts";
import { isForeign } from "./foreign.ts";
import { isGiven, requireContainer } from "./store.ts";

/**
 * Throws for the container that was handed over, for those above and beside it (their limits are what the caller is
 * held by), and for those that others made below one which the caller handed over. (`/` of root is told about by each operation in its own words.)
 */
export function requireOwn(context: Context, name: string): void {
  const { places } = context;
  const { base } = places;
  if (isForeign(context, name)) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `container ${name} was made by the owner of one above it, who keeps its spec`,
      {
        path: name,
        hint: "Do that as this user. Here it can be looked at, killed and destroyed.",
      },
    );
  }
  if (base === "/" || (isWithin(name, base) && name !== base)) return;
  if (isGiven(places, name)) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `container ${name} is not yours to change: you manage what is below ${base}`,
      {
        path: name,
        hint: "Who handed it over can, for instance root.",
      },
    );
  }
  // One of ours from another place: the kernel knows what is allowed.
  requireContainer(places, name);
}
