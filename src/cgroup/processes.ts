/** What /proc tells about a process. */
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
