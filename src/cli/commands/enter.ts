/** `lmctfy enter` */
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";
import { parsePid } from "../pid.ts";

export async function enter(call: Call): Promise<undefined> {
  const words = call.args.slice(1);
  const pids = words.length === 0 ? [process.ppid] : words.map(parsePid);
  const name = await withLmctfy(call.flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await container.enter(pids);
    return container.name;
  });
  if (call.flags.style === "json") printJson({ name, pids });
}
