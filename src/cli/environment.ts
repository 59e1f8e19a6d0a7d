/** The environment of the caller, and so of the command in a container. */

/**
 * The front gives variables that the runtime of this program would obey (`LD_PRELOAD`, `NODE_OPTIONS`, …) another
 * name; here they get their own back. See native/cli.c.
 */
const CALLERS = "LMCTFY_CALLER_";

export function callersEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string | undefined> {
  const result: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(env)) {
    result[name.startsWith(CALLERS) ? name.slice(CALLERS.length) : name] = value;
  }
  return result;
}
