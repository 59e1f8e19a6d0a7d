/** `lmctfy update diff` and `update replace` */
import { LmctfyError } from "../../errors.ts";
import { readSpecInput } from "../input.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";
import { interruptible } from "../signals.ts";

export async function update(call: Call): Promise<undefined> {
  const { args, command, flags } = call;
  const mode = command.words[1] === "replace" ? "replace" : "diff";
  const input = readSpecInput(args[1], flags);
  if (input === undefined) {
    throw new LmctfyError("INVALID_ARGUMENT", "update: the spec is missing", {
      hint: `Give it as an argument or with -c FILE: lmctfy update ${mode} ${args[0]} 'pids:{limit:50}'`,
    });
  }
  const { parseSpec } = await import("../../spec/parse.ts");
  const spec = await parseSpec(input.content, { source: input.source });
  const name = await withLmctfy(flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await interruptible(signal => container.update(spec, { mode, signal }));
    return container.name;
  });
  if (flags.style === "json") printJson({ name });
}
