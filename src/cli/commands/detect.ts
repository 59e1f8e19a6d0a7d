/** `lmctfy detect` */
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";
import { parsePid } from "../pid.ts";

export async function detect({ args, flags }: Call): Promise<undefined> {
  const pid = args[0] === undefined ? undefined : parsePid(args[0]);
  const name = await withLmctfy(flags, async lmctfy => lmctfy.detect(pid));
  printPairs(flags.style, [["name", name]], { name });
}
