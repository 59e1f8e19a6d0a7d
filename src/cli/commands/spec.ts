/** `lmctfy spec` */
import { containerOf, withLmctfy } from "../library.ts";
import { printMessage } from "../message.ts";
import type { Call } from "../model.ts";

export async function spec(call: Call): Promise<undefined> {
  const value = await withLmctfy(call.flags, async lmctfy => (await containerOf(lmctfy, call)).spec());
  const { ContainerSpec } = await import("../../spec/messages/container.ts");
  await printMessage(ContainerSpec, value, call.flags.style);
}
