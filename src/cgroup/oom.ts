/** Where the kernel counts the processes that it killed for want of memory. */

/** The count in the text of memory.events (version 2) or memory.oom_control (version 1); 0 where it is not counted. */
export function parseOomKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}
