/** Who a command runs as: names and numbers from passwd(5) and group(5). */
import { readFileSync } from "node:fs";
import type { Credentials } from "../compile/security.ts";
import { LmctfyError } from "../errors.ts";
import type { RunOptions } from "./types.ts";

/** Ids are 32 bit; the largest means "unchanged" to the kernel. */
const MAX_ID = 0xfffffffe;

export interface UserFiles {
  passwd: string;
  group: string;
}

/** Resolves `user`, `user:group`, numbers of either, or ids. */
export function resolveUser(
  user: NonNullable<RunOptions["user"]>,
  files: UserFiles = machineUsers(),
): Credentials {
  if (typeof user === "object") {
    const groups = user.groups ?? [];
    return { uid: checkId(user.uid), gid: checkId(user.gid), groups: groups.map(checkId) };
  }
  const [userPart, groupPart, ...rest] = user.split(":");
  if (!userPart || groupPart === "" || rest.length > 0) {
    throw new LmctfyError("INVALID_ARGUMENT", `no such form of user: ${JSON.stringify(user)}`, {
      hint: "Write USER or USER:GROUP, each a name or a number.",
    });
  }
  const entry = findUser(files.passwd, userPart);
  const groups = entry ? supplementaryGroups(files.group, entry.name, entry.gid) : [];
  if (groupPart !== undefined)
    return { uid: entry?.uid ?? parseId(userPart), gid: findGroup(files.group, groupPart), groups };
  // a number without an entry has no group of its own: root's, as the field does
  return { uid: entry?.uid ?? parseId(userPart), gid: entry?.gid ?? 0, groups };
}

function machineUsers(): UserFiles {
  const read = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

const rows = (text: string): string[][] => text.split("\n").map(line => line.split(":"));
const isNumber = (text: string): boolean => /^\d+$/.test(text);

function findUser(passwd: string, user: string): { name: string; uid: number; gid: number } | undefined {
  const column = isNumber(user) ? 2 : 0;
  const row = rows(passwd).find(fields => fields.length >= 4 && fields[column] === user);
  if (row) return { name: row[0]!, uid: parseId(row[2]!), gid: parseId(row[3]!) };
  if (isNumber(user)) return undefined;
  throw new LmctfyError("INVALID_ARGUMENT", `no user ${JSON.stringify(user)} in /etc/passwd`);
}

function findGroup(group: string, name: string): number {
  if (isNumber(name)) return parseId(name);
  const row = rows(group).find(fields => fields.length >= 3 && fields[0] === name);
  if (row) return parseId(row[2]!);
  throw new LmctfyError("INVALID_ARGUMENT", `no group ${JSON.stringify(name)} in /etc/group`);
}

function supplementaryGroups(group: string, name: string, primary: number): number[] {
  const own = rows(group)
    .filter(fields => fields.length >= 4 && fields[3]!.split(",").includes(name))
    .map(fields => parseId(fields[2]!));
  return [...new Set([primary, ...own])];
}

/** Strict: what is not wholly a number must not become 0. */
function parseId(text: string): number {
  if (!isNumber(text)) throw new LmctfyError("INVALID_ARGUMENT", `not an id: ${JSON.stringify(text)}`);
  return checkId(Number(text));
}

function checkId(id: number): number {
  if (Number.isInteger(id) && id >= 0 && id <= MAX_ID) return id;
  throw new LmctfyError("INVALID_ARGUMENT", `id ${id} is out of range: 0 to ${MAX_ID}`);
}
