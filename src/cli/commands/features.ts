/** `lmctfy features` */
import { withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { print, printJson } from "../output.ts";

export async function features({ flags }: Call): Promise<undefined> {
  const found = await withLmctfy(flags, lmctfy => lmctfy.features());
  if (flags.style === "json") {
    printJson(found);
    return;
  }
  const { formatFeatures } = await import("../../features/text.ts");
  print(formatFeatures(found));
}
