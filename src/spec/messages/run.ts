/** How a command is run in a container. */
import { type EnumName, enumeration, type Input, message, optional, type Resolved } from "../descriptor.ts";

export const FdPolicy = enumeration("RunSpec.FdPolicy", "What happens to the caller's open files.", {
  UNKNOWN: [0, "Not a policy."],
  INHERIT: [1, "The command inherits them."],
  DETACHED: [2, "Standard input, output and error become /dev/null, the others are closed."],
});
export type FdPolicy = EnumName<typeof FdPolicy>;

export const Console = message("RunSpec.Console", "A terminal for the command.", {
  slave_pty: optional(1, "string", "Name of the terminal below /dev/pts of the host, such as `3`."),
});
export interface Console extends Resolved<typeof Console> {}

export const RunSpec = message("RunSpec", "How a command is run in a container.", {
  fd_policy: optional(1, FdPolicy, "What happens to the caller's open files.", { default: "INHERIT" }),
  console: optional(2, Console, "The terminal of the command.", { default: "none" }),
  apparmor_profile: optional(3, "string", "AppArmor profile of the command.", {
    default: "that of the caller",
  }),
});
export interface RunSpec extends Resolved<typeof RunSpec> {}
export interface RunSpecInput extends Input<typeof RunSpec> {}
