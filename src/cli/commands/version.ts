/** `lmctfy version` */
import type { Call, Style } from "../model.ts";
import { print, printJson } from "../output.ts";
import { VERSION } from "../version.ts";

export async function version({ flags }: Call): Promise<undefined> {
  await printVersion(flags.style);
}

export async function printVersion(style: Style): Promise<void> {
  if (style !== "json") {
    print(`lmctfy version ${VERSION}\n`);
    return;
  }
  const { FORMAT_VERSION } = await import("../../kernel/image.ts");
  const { hostArch } = await import("../../kernel/arch.ts");
  const { bun, node } = process.versions;
  printJson({
    version: VERSION,
    program_format: FORMAT_VERSION,
    arch: hostArch() ?? process.arch,
    runtime: bun === undefined ? { name: "node", version: node } : { name: "bun", version: bun },
  });
}
