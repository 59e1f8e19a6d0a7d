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
  type: optional(2, DeviceType, "The kind of device; must be given."),
  access: repeated(3, DeviceAccess, "What is allowed or denied: one to three of them."),
  major: optional(4, "int64", "Major number.", { default: "every major number" }),
  minor: optional(5, "int64", "Minor number.", { default: "every minor number" }),
});
export interface DeviceRestrictions extends Resolved<typeof DeviceRestrictions> {}

export const DeviceRestrictionsSet = message(
  "DeviceSpec.DeviceRestrictionsSet",
  "Rules, the later ones win.",
  {
    restrictions: repeated(1, DeviceRestrictions, "The rules, in the order in which they are applied."),
  },
);
export interface DeviceRestrictionsSet extends Resolved<typeof DeviceRestrictionsSet> {}

export const DeviceSpec = message("DeviceSpec", "Access to devices.", {
  restrictions_set: optional(1, DeviceRestrictionsSet, "The rules.", { default: "those of the parent" }),
});
export interface DeviceSpec extends Resolved<typeof DeviceSpec> {}
