/** `lmctfy stats summary` and `stats full` */
import { containerOf, withLmctfy } from "../library.ts";
import { printMessage } from "../message.ts";
import type { Call } from "../model.ts";

export async function stats(call: Call): Promise<undefined> {
  const level = call.command.words[1] === "full" ? "full" : "summary";
  const value = await withLmctfy(call.flags, async lmctfy => (await containerOf(lmctfy, call)).stats(level));
  const { ContainerStats } = await import("../../spec/messages/stats.ts");
  await printMessage(ContainerStats, value, call.flags.style);
}
