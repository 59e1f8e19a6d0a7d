/** `lmctfy create` */
import { LmctfyError } from "../../errors.ts";
import { readSpecInput } from "../input.ts";
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";
import { interruptible } from "../signals.ts";

export async function create({ args: [name, inline], flags }: Call): Promise<undefined> {
  const input = readSpecInput(inline, flags);
  if (input === undefined) {
    throw new LmctfyError("INVALID_ARGUMENT", "create: the spec is missing", {
      hint: `Give it as an argument or with -c FILE; '' is one that limits nothing: lmctfy create ${name} ''`,
    });
  }
  const { parseSpec } = await import("../../spec/parse.ts");
  const spec = await parseSpec(input.content, { source: input.source });
  const made = await withLmctfy(flags, lmctfy =>
    interruptible(async signal => (await lmctfy.create(name!, spec, { signal })).name),
  );
  if (flags.style === "json") printJson({ name: made });
}
