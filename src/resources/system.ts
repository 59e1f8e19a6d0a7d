/** A virtual host with the init of a whole system, such as systemd: what that needs beyond what a command needs. */
import { constants } from "node:os";
import type { ContainerSpec, VirtualHostSpec } from "../spec/index.ts";
import type { SecuritySpec } from "../spec/messages/security.ts";
import { hasOwnUsers, ownsNamespace } from "./namespaces.ts";
import { invalid } from "./resource.ts";

/** As Podman has it: whoever says one of these means a system. */
const INIT = /^(\/usr(\/local)?)?\/sbin\/init$|^(\/usr)?\/lib\/systemd\/systemd$/;

/** What is the whole machine's, in no user namespace: LXC's list (config/common.conf), and the kernel's log of audits. */
const NEVER = [
  "CAP_AUDIT_CONTROL",
  "CAP_AUDIT_READ",
  "CAP_MAC_ADMIN",
  "CAP_MAC_OVERRIDE",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_TIME",
];

/** Numbered as in the GNU C library, which keeps the first two for itself. */
const RTMIN = 34;
const RTMAX = 64;

export function isSystem({ virtual_host: host }: ContainerSpec): boolean {
  const { system, init_argv = [] } = host?.init ?? {};
  return host !== undefined && init_argv.length > 0 && (system ?? INIT.test(init_argv[0]!));
}

/** Whether its init has a subtree of cgroups to itself. */
export function managesCgroups(spec: ContainerSpec): boolean {
  return isSystem(spec) && ownsNamespace(spec.virtual_host!, "cgroup");
}

/** Root of its own users may do there what root of a machine may; without such users, no more than others. */
export function systemSecurity(spec: ContainerSpec): SecuritySpec | undefined {
  if (!isSystem(spec) || !hasOwnUsers(spec)) return undefined;
  return { no_new_privs: false, capabilities: { add: ["ALL"], drop: NEVER } };
}

export function checkInit({ init }: VirtualHostSpec): void {
  const { init_argv = [], system, stop_signal } = init ?? {};
  if (stop_signal !== undefined) signalNumber(stop_signal);
  for (const [field, value] of Object.entries({ system: system || undefined, stop_signal })) {
    if (value === undefined || init_argv.length > 0) continue;
    throw invalid(
      `virtual_host.init.${field} is for an init of your own, and init_argv is missing`,
      'Name it: init_argv:"/sbin/init".',
    );
  }
}

/** `SIGTERM`, `TERM`, `SIGRTMIN+3`, `15`, as in the configuration of an OCI image (StopSignal). */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  const [, end, sign, by] = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  const number = /^\d{1,2}$/.test(text)
    ? Number(text)
    : end !== undefined
      ? (end === "MIN" ? RTMIN : RTMAX) + Number(`${sign ?? "+"}${by ?? 0}`)
      : constants.signals[name as NodeJS.Signals];
  if (number !== undefined && number >= 1 && number <= RTMAX) return number;
  throw invalid(
    `virtual_host.init.stop_signal ${JSON.stringify(text)} is no signal`,
    "A name or number of signal(7): SIGTERM, SIGRTMIN+3, 15.",
  );
}
