/**
 * The ids of containers with users of their own: each has a range that nobody else has, for as long as it exists.
 *
 * ```
 * STATE/ids/INDEX -> /a     the range with that index is /a's; a symbolic link, so that taking one is a single call
 * STATE/containers/a/_ids   INDEX, for the way back
 * ```
 * What a killed command left points to a container that does not exist, and is taken by the next one that needs a range.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errnoOf, fromSystemError, LmctfyError } from "../errors.ts";
import type { IdRange } from "../resources/isolation.ts";
import { type Places, pendingFile, stateDirectory } from "./places.ts";
import { containerExists } from "./store.ts";

/** As many as every distribution's ids need: 65,534 is `nobody`. */
const COUNT = 65_536;

/**
 * Where nobody else has any: above what distributions give to users (/etc/subuid) and to systemd-nspawn, below what
 * the kernel takes for negative.
 */
const DEFAULT = { first: 0x7000_0000, count: 0x0fff_0000 };

const IDS_FILE = "_ids";

/** The range of a container; one is taken when it has none yet. The caller holds the container's lock. */
export function takeIds(places: Places, name: string): void {
  const before = indexOf(places, name);
  if (before !== undefined && readMark(join(places.state, "ids", String(before))) === name) return;
  const space = idSpace();
  const most = Math.floor(space.count / COUNT);
  const directory = join(places.state, "ids");
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const first = createHash("sha256").update(name).digest().readUInt32LE() % most;
    for (let probe = 0; probe < most; probe++) {
      const index = (first + probe) % most;
      const mark = join(directory, String(index));
      if (!dropAbandoned(places, mark)) continue;
      // First where to look for it, so that it is found and given back if we are killed in between.
      writeFileSync(join(stateDirectory(places, name), IDS_FILE), String(index), { mode: 0o600 });
      if (take(mark, name)) return;
    }
  } catch (error) {
    throw fromSystemError(error, "take a range of ids", directory);
  }
  throw new LmctfyError(
    "RESOURCE_EXHAUSTED",
    `no range of ${COUNT} ids is left: ${most} containers have one`,
    {
      hint: "Give lmctfy more in /etc/subuid and /etc/subgid (lmctfy:FIRST:COUNT), or set virtual_host.namespaces.user to host.",
    },
  );
}

/** The range that a container has. */
export function idsOf(places: Places, name: string): IdRange {
  const index = indexOf(places, name);
  const { first, count } = idSpace();
  if (index !== undefined && (index + 1) * COUNT <= count)
    return { first: first + index * COUNT, count: COUNT };
  // What would be made of it: for `plan` of a container that is still to be made.
  return { first, count: COUNT };
}

/** Gives the range back. */
export function dropIds(places: Places, name: string): void {
  const index = indexOf(places, name);
  if (index === undefined) return;
  const mark = join(places.state, "ids", String(index));
  if (readMark(mark) !== name) return;
  unlinkSync(mark);
  try {
    rmdirSync(join(places.state, "ids"));
  } catch {
    // There are others.
  }
}

function indexOf(places: Places, name: string): number | undefined {
  try {
    const text = readFileSync(join(stateDirectory(places, name), IDS_FILE), "utf8");
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function take(path: string, name: string): boolean {
  try {
    symlinkSync(name, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

function readMark(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Removes the mark of a container that is neither there nor being made; false when it is in use. */
function dropAbandoned(places: Places, mark: string): boolean {
  const name = readMark(mark);
  if (name === undefined) return true;
  if (containerExists(places, name) || existsSync(pendingFile(places, name))) return false;
  try {
    unlinkSync(mark);
  } catch {
    // somebody else was faster
  }
  return true;
}

/** What the administrator has set aside (`lmctfy:FIRST:COUNT`, in both files alike), or the default. */
function idSpace(): IdRange {
  const [uids, gids] = ["/etc/subuid", "/etc/subgid"].map(readSpace);
  if (uids === undefined || gids === undefined) return DEFAULT;
  return uids.first === gids.first ? { first: uids.first, count: Math.min(uids.count, gids.count) } : DEFAULT;
}

function readSpace(path: string): IdRange | undefined {
  try {
    const match = /^lmctfy:(\d{1,10}):(\d{1,10})$/m.exec(readFileSync(path, "utf8"));
    return match ? { first: Number(match[1]), count: Number(match[2]) } : undefined;
  } catch {
    return undefined;
  }
}
