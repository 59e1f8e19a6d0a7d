/**
 * Names of containers: paths whose components start with a letter or digit.
 * Relative names, `.` and `..` start at the caller's own container.
 */
import { posix } from "node:path";
import { LmctfyError } from "../errors.ts";

/** Longest component: a directory's name (NAME_MAX). */
const MAX_COMPONENT = 255;
/** Longest whole name: paths of control files must stay below PATH_MAX (4096). */
const MAX_NAME = 2048;

const HINT =
  "Names consist of A-Z a-z 0-9 _ . - and /, and each part starts with a letter or a digit: /web/worker-1.";

/**
 * The absolute name.
 *
 * @param name as the user wrote it
 * @param self the caller's own container, asked for only when the name is relative
 * @throws INVALID_ARGUMENT for anything that is no name
 */
export function resolveName(name: string, self: () => string): string {
  if (typeof name !== "string" || !/^[A-Za-z0-9_./-]+$/.test(name)) {
    const what = name === "" ? "it is empty" : `${JSON.stringify(name)} has a character that no name has`;
    throw new LmctfyError("INVALID_ARGUMENT", `invalid container name: ${what}`, { hint: HINT });
  }
  const absolute = name.startsWith("/") ? name : `${self()}/${name}`;
  const clean = posix
    .normalize(`/${absolute}`)
    .replace(/^\/+/, "/")
    .replace(/(.)\/+$/, "$1");
  if (clean === "/") return clean;
  if (clean.length > MAX_NAME) {
    throw new LmctfyError(
      "INVALID_ARGUMENT",
      `container name of ${clean.length} characters: at most ${MAX_NAME}`,
    );
  }
  for (const component of clean.slice(1).split("/")) {
    if (!/^[A-Za-z0-9]/.test(component)) {
      throw new LmctfyError(
        "INVALID_ARGUMENT",
        `invalid container name ${clean}: ${component} starts badly`,
        {
          hint: HINT,
        },
      );
    }
    if (component.length > MAX_COMPONENT) {
      const what = `invalid container name: a part has ${component.length} characters, at most ${MAX_COMPONENT}`;
      throw new LmctfyError("INVALID_ARGUMENT", what);
    }
  }
  return clean;
}

/** The container that a container lies in; `/` lies in none. */
export function parentOf(name: string): string | undefined {
  return name === "/" ? undefined : posix.dirname(name);
}
