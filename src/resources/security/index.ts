/** What commands may not do, whoever they run as: `security_spec` of a spec. */
import { LmctfyError } from "../../errors.ts";
import { type Arch, hostArch } from "../../kernel/arch.ts";
import type { ContainerSpec } from "../../spec/index.ts";
import type { SecuritySpec } from "../../spec/messages/security.ts";
import { hasOwnUsers } from "../namespaces.ts";
import type { Resource } from "../resource.ts";
import { checkAppArmor } from "./apparmor.ts";
import { type CapabilitySets, capabilitySets, checkCapabilities } from "./capabilities.ts";
import { readFacts, type SecurityFacts } from "./facts.ts";
import { checkLandlock, type LandlockRule, landlockRules } from "./landlock.ts";
import { filterOf, readProfile, type SeccompFilter } from "./seccomp.ts";
import { checkSelinux } from "./selinux.ts";

/** What a process does to itself before it becomes a command. */
export interface ProcessSecurity {
  readonly noNewPrivs: boolean;
  readonly newKeyring: boolean;
  /** Undefined: they stay as they are. */
  readonly capabilities: (CapabilitySets & { lastCapability: number; lowerBounding: boolean }) | undefined;
  readonly seccomp: SeccompFilter | undefined;
  /** The only files that there are; undefined = all. */
  readonly landlock?: readonly LandlockRule[] | undefined;
  /** The name of an AppArmor profile. */
  readonly appArmor: string | undefined;
  /** A label of SELinux. */
  readonly selinux?: string | undefined;
}

const bit = (number: number): bigint => 1n << BigInt(number);
const CAP_SETPCAP = bit(8);
const CAP_SYS_ADMIN = bit(21);

export const security: Resource<"security_spec"> = {
  section: "security_spec",

  check(spec, { proc, spec: whole }) {
    const facts = factsFor(whole, proc);
    if (spec.apparmor_profile !== undefined) checkAppArmor(spec.apparmor_profile);
    checkCapabilities(spec.capabilities ?? {}, facts);
    const { noNewPrivs, capabilities, seccomp } = processSecurity(spec, hostArch()!, facts);
    if (seccomp !== undefined && !facts.seccomp) {
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        "security_spec.seccomp: this kernel has no seccomp filters",
        {
          hint: 'Do without: seccomp:"unconfined".',
        },
      );
    }
    if (spec.selinux_label !== undefined) checkSelinux(spec.selinux_label);
    if (spec.landlock !== undefined) checkLandlock(spec.landlock, noNewPrivs);
    if (noNewPrivs) return;
    const need = (what: string, name: string, set: bigint): void => {
      if ((facts.permitted & set) !== 0n) return;
      throw new LmctfyError(
        "FAILED_PRECONDITION",
        `security_spec: without no_new_privs, ${what} needs ${name}, which this process does not have`,
        { hint: "Leave no_new_privs on." },
      );
    };
    if (seccomp !== undefined) need("a seccomp filter", "CAP_SYS_ADMIN", CAP_SYS_ADMIN);
    if (capabilities !== undefined) need("giving up capabilities", "CAP_SETPCAP", CAP_SETPCAP);
  },

  settings: () => [],
  update: () => [],

  processSettings: (spec, whole) => ({ security: processSecurity(spec, hostArch()!, factsFor(whole)) }),
};

/** Root of a user namespace has all capabilities in it, whatever this process has. */
function factsFor(spec: ContainerSpec | undefined, proc?: string): SecurityFacts {
  const facts = readFacts(proc);
  return spec && hasOwnUsers(spec) ? { ...facts, permitted: bit(facts.lastCapability + 1) - 1n } : facts;
}

/** What a section means for a process. */
export function processSecurity(spec: SecuritySpec, arch: Arch, facts: SecurityFacts): ProcessSecurity {
  const { privileged = false, capabilities, seccomp, no_new_privs, new_keyring } = spec;
  const noNewPrivs = no_new_privs ?? !privileged;
  const sets =
    capabilities === undefined && privileged ? undefined : capabilitySets(capabilities ?? {}, facts);
  const everything = bit(facts.lastCapability + 1) - 1n;
  return {
    noNewPrivs,
    newKeyring: new_keyring ?? !privileged,
    appArmor: spec.apparmor_profile?.name,
    ...(spec.selinux_label !== undefined && { selinux: spec.selinux_label }),
    ...(spec.landlock && { landlock: landlockRules(spec.landlock) }),
    capabilities: sets && {
      ...sets,
      lastCapability: facts.lastCapability,
      // Who may not do it has no capabilities to keep either, and with no_new_privs will get none.
      lowerBounding: (facts.permitted & CAP_SETPCAP) !== 0n || !noNewPrivs,
    },
    seccomp: filterOf(
      seccomp || (privileged ? "unconfined" : "default"),
      arch,
      sets?.bounding ?? everything,
      facts,
    ),
  };
}

/** A spec that stands for itself: files that it names are read. */
export function withFilesRead(spec: ContainerSpec): ContainerSpec {
  const { security_spec } = spec;
  if (security_spec?.seccomp === undefined) return spec;
  return { ...spec, security_spec: { ...security_spec, seccomp: readProfile(security_spec.seccomp) } };
}
