/** `lmctfy init` */
import { readSpecInput } from "../input.ts";
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";

export async function init({ args, flags }: Call): Promise<undefined> {
  const input = readSpecInput(args[0], flags);
  const { parseMessage } = await import("../../spec/parse.ts");
  const { InitSpec } = await import("../../spec/messages/init.ts");
  const spec = await parseMessage(InitSpec, input?.content ?? "", { source: input?.source });
  await withLmctfy(flags, lmctfy => lmctfy.init(spec));
  if (flags.style === "json") printJson({});
}
