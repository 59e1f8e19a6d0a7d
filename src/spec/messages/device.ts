/** `device` of a spec: which device nodes may be opened and made. */
import { type EnumName, enumeration, message, optional, type Resolved, repeated } from "../descriptor.ts";

export const DeviceType = enumeration("DeviceSpec.DeviceType", "The kind of a device node.", {
  DEVICE_CHAR: [0, "Character devices."],
  DEVICE_BLOCK: [1, "Block devices."],
  DEVICE_ALL: [2, "Both."],
});
export type DeviceType = EnumName<typeof DeviceType>;

export const DeviceAccess = enumeration("DeviceSpec.DeviceAccess", "What is done with a device.", {
  READ: [1, "Open for reading."],
  WRITE: [2, "Open for writing."],
  MKNOD: [3, "Make a device node."],
});
export type DeviceAccess = EnumName<typeof DeviceAccess>;

export const DevicePermission = enumeration(
  "DeviceSpec.DevicePermission",
  "Whether a rule opens or closes.",
  {
    ALLOW: [1, "Allow what the rule names."],
    DENY: [2, "Deny what the rule names."],
  },
);
export type DevicePermission = EnumName<typeof DevicePermission>;

export const DeviceRestrictions = message("DeviceSpec.DeviceRestrictions", "One rule.", {
  permission: optional(1, DevicePermission, "Allow or deny; must be given."),
  type: optional(2, DeviceType, "The kind of device; must be given, or a path."),
  access: repeated(3, DeviceAccess, "What is allowed or denied: one to three of them."),
  major: optional(4, "int64", "Major number.", { default: "every major number" }),
  minor: optional(5, "int64", "Minor number.", { default: "every minor number" }),
  path: optional(
    100,
    "string",
    "Absolute path of a device node on the machine, such as /dev/fuse; in the place of type and numbers.",
  ),
});
export interface DeviceRestrictions extends Resolved<typeof DeviceRestrictions> {}

export const DeviceRestrictionsSet = message(
  "DeviceSpec.DeviceRestrictionsSet",
  "Rules: for each access, the last one that matches wins. What none matches is as the parent allows it.",
  {
    restrictions: repeated(1, DeviceRestrictions, "The rules, in the order in which they are applied."),
  },
);
export interface DeviceRestrictionsSet extends Resolved<typeof DeviceRestrictionsSet> {}

export const DeviceSpec = message("DeviceSpec", "Access to devices.", {
  restrictions_set: optional(1, DeviceRestrictionsSet, "The rules.", { default: "what the parent allows" }),
  isolated: optional(
    100,
    "bool",
    "Whether the rules begin with what a container needs that has no business with hardware: null, zero, full, random, urandom, tty, console, ptmx and pts; everything else is denied.",
    { default: "true in a virtual host whose spec has no `device`, unless it is privileged" },
  ),
});
export interface DeviceSpec extends Resolved<typeof DeviceSpec> {}
