/** `lmctfy gc` */
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";

export async function gc({ flags }: Call): Promise<undefined> {
  const names = await withLmctfy(flags, lmctfy => lmctfy.recover());
  printPairs(
    flags.style,
    names.map(name => ["name", name]),
    { containers: names.map(name => ({ name })) },
  );
}
