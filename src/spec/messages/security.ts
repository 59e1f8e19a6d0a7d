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

export const LandlockSpec = message(
  "SecuritySpec.Landlock",
  "The only files that commands may use, as they see them, whoever they are and whatever the files' permissions allow. What is not named is out of reach. Paths must exist when a command starts.",
  {
    read: repeated(1, "string", "Files and directories below which all may be read.", { default: "none" }),
    write: repeated(2, "string", "Below which all may be read, written, made and removed.", {
      default: "none",
    }),
    execute: repeated(3, "string", "Below which all may be read and executed. One is needed.", {
      default: "none",
    }),
  },
);
export interface LandlockSpec extends Resolved<typeof LandlockSpec> {}

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
    landlock: optional(
      105,
      LandlockSpec,
      "The only files that commands may use, where the kernel has Landlock. Needs `no_new_privs`.",
      { default: "all that their users may" },
    ),
    selinux_label: optional(
      106,
      "string",
      "The label that commands are executed under, where the kernel has SELinux: `user:role:type:level`.",
      { default: "what the policy says" },
    ),
  },
);
export interface SecuritySpec extends Resolved<typeof SecuritySpec> {}
