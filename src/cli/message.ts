/** Printing specs and statistics. */
import type { Message, Resolved } from "../spec/descriptor.ts";
import type { Style } from "./model.ts";
import { print, printJson } from "./output.ts";

/** Prints a message in the form that the flags ask for: text format, JSON or bytes. */
export async function printMessage<M extends Message>(
  type: M,
  value: Resolved<M>,
  style: Style,
): Promise<void> {
  switch (style) {
    case "binary": {
      const { formatMessage } = await import("../spec/format.ts");
      print(await formatMessage(type, value, "binary"));
      return;
    }
    case "json": {
      const { toJson } = await import("../spec/json-print.ts");
      printJson(toJson(type, value));
      return;
    }
    default: {
      const { formatText } = await import("../spec/text-print.ts");
      print(formatText(type, value));
    }
  }
}
