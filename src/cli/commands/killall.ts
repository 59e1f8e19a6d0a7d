/** `lmctfy killall` */
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";

export async function killall(call: Call): Promise<undefined> {
  const name = await withLmctfy(call.flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await container.killAll();
    return container.name;
  });
  if (call.flags.style === "json") printJson({ name });
}
