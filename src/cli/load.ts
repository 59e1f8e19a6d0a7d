/** Which module does a command; loaded when it is called, so that a command pays only for what it uses. */
import type { CommandFunction } from "./model.ts";

type Loader = () => Promise<CommandFunction>;

export const LOADERS: Readonly<Record<string, Loader>> = {
  help: async () => (await import("./commands/help.ts")).help,
  version: async () => (await import("./commands/version.ts")).version,
};
