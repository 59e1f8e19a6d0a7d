/** What /proc tells about a process. */
import { readlinkSync } from "node:fs";
import { LmctfyError } from "../errors.ts";
import { readControl } from "./files.ts";

/** Name and state letter of a process or thread; undefined when it is gone. */
export function processOf(pid: number): { command: string; letter: string } | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  const end = text?.lastIndexOf(")") ?? -1;
  if (text === undefined || end < 0) return undefined;
  return { command: text.slice(text.indexOf("(") + 1, end), letter: text[end + 2] ?? "?" };
}

/** A process that ended and that nobody waited for yet is not alive; one of another PID namespace is. */
export function isAlive(pid: number): boolean {
  const state = pid === 0 ? undefined : processOf(pid);
  return pid === 0 || (state !== undefined && state.letter !== "Z" && state.letter !== "X");
}

/** `4711 (cat, uninterruptible)`; undefined when it is gone. */
export function describeTask(id: number): string | undefined {
  const found = processOf(id);
  return found && `${id} (${found.command}, ${stateName(found.letter)})`;
}

export function readProc(path: string): string | undefined {
  try {
    return readControl(path);
  } catch {
    // ESRCH: it ended between open and read.
    return undefined;
  }
}

function stateName(letter: string): string {
  switch (letter) {
    case "R":
      return "running";
    case "S":
      return "sleeping";
    case "D":
      return "uninterruptible";
    case "T":
    case "t":
      return "stopped";
    case "Z":
      return "zombie";
    default:
      return `state ${letter}`;
  }
}

/** Set for threads of the kernel, in the ninth field of /proc/PID/stat (include/linux/sched.h). */
const PF_KTHREAD = 0x00200000;

/**
 * The process that an id stands for, when it can be moved into a container; the id of a thread stands for its process.
 *
 * @throws NOT_FOUND (there is none, or it has ended), FAILED_PRECONDITION (a kernel thread, or in another PID namespace)
 */
export function movableProcess(id: number): number {
  const gone = (what: string) => new LmctfyError("NOT_FOUND", what, { errno: "ESRCH", path: `/proc/${id}` });
  const stat = readProc(`/proc/${id}/stat`);
  const tgid = /^Tgid:\s*(\d+)$/m.exec(readProc(`/proc/${id}/status`) ?? "")?.[1];
  if (stat === undefined || tgid === undefined) throw gone(`there is no process ${id}`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (!isAlive(id)) throw gone(`process ${id} has ended`);
  if (Number(fields[6]) & PF_KTHREAD) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `process ${id} is a thread of the kernel: it stays where it is`,
    );
  }
  if (pidNamespace(id) !== pidNamespace("self")) {
    throw new LmctfyError("FAILED_PRECONDITION", `process ${id} is in another PID namespace`, {
      hint: "It belongs to whoever made that namespace, and would be lost to them.",
    });
  }
  return Number(tgid);
}

/** `pid:[4026531836]`; undefined where this process may not look. */
function pidNamespace(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
