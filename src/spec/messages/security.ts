/** `security_spec` of a spec: what its commands may not do, whoever they run as. */
import { message, optional, type Resolved, repeated } from "../descriptor.ts";

export const AppArmorProfile = message("SecuritySpec.AppArmorProfile", "A profile of AppArmor.", {
  name: optional(1, "string", "Name of a profile that is loaded on the host; must be given."),
});
export interface AppArmorProfile extends Resolved<typeof AppArmorProfile> {}

export const CapabilitiesSpec = message(
  "SecuritySpec.Capabilities",
  "Which rights of root a command may have, or get by executing something. Names as in capabilities(7), `CAP_CHOWN`; `ALL` is all of them.",
  {
    add: repeated(
      1,
      "string",
      "More than the default: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_NET_BIND_SERVICE, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_CHROOT.",
    ),
    drop: repeated(
      2,
      "string",
      'Less than the default, or than `add: "ALL"`; `ALL` leaves those that `add` names.',
    ),
    ambient: repeated(
      3,
      "string",
      "Those that commands of a user other than root have, too; they must be among the container's.",
      { default: "none" },
    ),
  },
);
export interface CapabilitiesSpec extends Resolved<typeof CapabilitiesSpec> {}

export const SecuritySpec = message(
  "SecuritySpec",
  "What commands may not do, whoever they run as. Given, even empty, it protects with all its defaults. Counts for commands that are started from then on.",
  {
    apparmor_profile: optional(
      1,
      AppArmorProfile,
      "The profile that confines the container, where the kernel has AppArmor.",
      {
        default: "the caller's",
      },
    ),
    no_new_privs: optional(
      100,
      "bool",
      "Whether executing a file never gives more rights: set-user-ID programs (`sudo`, `su`) and file capabilities have no effect.",
      { default: "true" },
    ),
    capabilities: optional(101, CapabilitiesSpec, "Which rights of root there are.", {
      default: "a few that do not reach the machine (`add` lists them)",
    }),
    seccomp: optional(
      102,
      "string",
      "Which system calls there are: `default`, `unconfined`, a profile in the JSON format of OCI and Docker (`{…}`), or the absolute path of such a profile, which is read now and kept in the spec.",
      { default: "`default`" },
    ),
    new_keyring: optional(
      103,
      "bool",
      "Whether commands have an empty session keyring of their own, instead of the caller's.",
      { default: "true, also in a privileged virtual host" },
    ),
    privileged: optional(
      104,
      "bool",
      "Whether the other fields, where they are not given, restrict nothing.",
      { default: "false" },
    ),
  },
);
export interface SecuritySpec extends Resolved<typeof SecuritySpec> {}
