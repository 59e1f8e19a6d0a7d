/** Names of error numbers, from the C library of the running machine. */
import { constants } from "node:os";

/** `ENOENT` for 2; `errno 4000` for what has no name. */
export function errnoName(errno: number): string {
  // EAGAIN and EWOULDBLOCK, EOPNOTSUPP and ENOTSUP share their numbers; the kernel's name goes first.
  if (errno === constants.errno.EAGAIN) return "EAGAIN";
  if (errno === constants.errno.EOPNOTSUPP) return "EOPNOTSUPP";
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${errno}`;
}
