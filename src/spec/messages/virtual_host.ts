/** `virtual_host` of a spec: a container that looks like a machine of its own. */
import { message, optional, type Resolved, repeated } from "../descriptor.ts";
import { Network } from "./network.ts";
import { RunSpec } from "./run.ts";

export const VirtualHostInit = message("VirtualHostSpec.Init", "The first process, PID 1 of the container.", {
  init_argv: repeated(1, "string", "Command and arguments.", {
    default: "a small init that waits and reaps",
  }),
  run_spec: optional(2, RunSpec, "How it is run."),
});
export interface VirtualHostInit extends Resolved<typeof VirtualHostInit> {}

export const VirtualHostSpec = message(
  "VirtualHostSpec",
  "Makes the container look like a machine of its own: its own processes, mounts and IPC, and a network if given.",
  {
    virtual_hostname: optional(1, "string", "Host name in the container.", { default: "that of the host" }),
    init: optional(2, VirtualHostInit, "The first process."),
    network: optional(3, Network, "The network.", { default: "that of the host" }),
  },
);
export interface VirtualHostSpec extends Resolved<typeof VirtualHostSpec> {}
