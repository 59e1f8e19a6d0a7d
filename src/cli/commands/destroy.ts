/** `lmctfy destroy` */
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";

export async function destroy(call: Call): Promise<undefined> {
  const { flags } = call;
  const name = await withLmctfy(flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await container.destroy({ force: flags.force ?? false });
    return container.name;
  });
  if (flags.style === "json") printJson({ name });
}
