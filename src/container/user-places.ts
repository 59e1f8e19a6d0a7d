/** Where a user without root's rights keeps things: the directories of the XDG Base Directory Specification. */
import { lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";

export interface UserInput {
  uid: number;
  env: Readonly<Record<string, string | undefined>>;
  /** @default "" */
  root?: string;
}

/** `$XDG_STATE_HOME/lmctfy`, else `~/.local/state/lmctfy`. */
export function userState({ uid, env, root = "" }: UserInput): string {
  const chosen = env.XDG_STATE_HOME;
  if (chosen && isAbsolute(chosen)) return join(chosen, "lmctfy");
  return join(homeOf(uid, env.HOME, root), ".local/state/lmctfy");
}

/** A HOME that is another's was left by whoever became this user without a login (`lmctfy run -u`, setpriv, su). */
function homeOf(uid: number, home: string | undefined, root: string): string {
  if (home && isAbsolute(home) && isOwn(home, uid)) return home;
  const row = passwd(root).find(fields => fields[2] === String(uid));
  const known = row?.[5];
  if (known && isAbsolute(known)) return known;
  throw new LmctfyError("FAILED_PRECONDITION", `user ${uid} has no home directory to keep containers in`, {
    hint: "Set XDG_STATE_HOME to a directory of yours.",
  });
}

function passwd(root: string): string[][] {
  try {
    return readFileSync(`${root}/etc/passwd`, "utf8")
      .split("\n")
      .map(line => line.split(":"));
  } catch {
    return [];
  }
}

/**
 * `$XDG_RUNTIME_DIR/lmctfy` and, where that is unset or another's, `/run/user/UID/lmctfy`, else `/tmp/lmctfy-UID`, which is made
 * here: then nobody else can put something in its place. The hot path looks in the same order (native/front.c).
 *
 * @throws PERMISSION_DENIED when somebody else has made that directory
 */
export function userRuntime({ uid, env, root = "" }: UserInput): string {
  const chosen = env.XDG_RUNTIME_DIR;
  for (const directory of [chosen && isAbsolute(chosen) ? chosen : undefined, `${root}/run/user/${uid}`])
    if (directory !== undefined && isOwn(directory, uid)) return join(directory, "lmctfy");
  const path = `${root}/tmp/lmctfy-${uid}`;
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw fromSystemError(error, "mkdir", path);
  }
  const { mode, uid: owner } = lstatSync(path);
  if ((mode & 0o170077) === 0o040000 && owner === uid) return path;
  throw new LmctfyError("PERMISSION_DENIED", `${path} is not a directory of user ${uid} alone`, {
    path,
    hint: "Somebody may have put it there to mislead lmctfy: remove it, or set XDG_RUNTIME_DIR to a directory of yours.",
  });
}

function isOwn(path: string, uid: number): boolean {
  try {
    const found = statSync(path);
    return found.isDirectory() && found.uid === uid;
  } catch {
    return false;
  }
}
