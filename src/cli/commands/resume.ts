/** `lmctfy resume` */
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";
import { interruptible } from "../signals.ts";

export async function resume(call: Call): Promise<undefined> {
  const name = await withLmctfy(call.flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await interruptible(signal => container.thaw({ signal }));
    return container.name;
  });
  if (call.flags.style === "json") printJson({ name });
}
