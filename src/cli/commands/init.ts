/** `lmctfy init` */
import { LmctfyError } from "../../errors.ts";
import { readSpecInput } from "../input.ts";
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";

export async function init({ args, flags }: Call): Promise<undefined> {
  const input = readSpecInput(args[0], flags);
  const { parseMessage } = await import("../../spec/parse.ts");
  const { InitSpec } = await import("../../spec/messages/init.ts");
  const spec = await parseMessage(InitSpec, input?.content ?? "", { source: input?.source });
  const { revived, failed } = await withLmctfy(flags, lmctfy => lmctfy.init(spec));
  printPairs(
    flags.style,
    revived.map(name => ["name", name]),
    { containers: revived.map(name => ({ name })) },
  );
  if (failed.length === 0) return;
  const reasons = failed.map(({ name, error }) => `\n  ${name}: ${error.message}`).join("");
  throw new LmctfyError(
    "FAILED_PRECONDITION",
    `${failed.length} container${failed.length === 1 ? "" : "s"} could not be made again:${reasons}`,
    { path: failed[0]!.name, hint: "Update them to what this machine has, or destroy them." },
  );
}
