/**
 * Landlock rules (Documentation/userspace-api/landlock.rst): the process gives up all access to files but what is named. A kernel
 * refuses rights that it does not know, so there is a list for each version of its interface, and the program asks which one it has.
 */
import { AT_FDCWD, O } from "../kernel/constants.ts";
import type { ProgramBuilder, Register } from "../kernel/program.ts";
import type { LandlockRule } from "../resources/security/landlock.ts";

const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const EXECUTE = 1 << 0;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
/** Removing and making files of all kinds. */
const CHANGE_DIR = 0x1ff0;
const REFER = 1 << 13;
const TRUNCATE = 1 << 14;
const IOCTL_DEV = 1 << 15;

const READ = READ_FILE | READ_DIR;
const RIGHTS = {
  read: READ,
  write: READ | WRITE_FILE | CHANGE_DIR | REFER | TRUNCATE | IOCTL_DEV,
  execute: READ | EXECUTE,
} as const;
/** What a rule about a file that is no directory may have. */
const OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

/** By version of the interface, the newest first: all rights over files that it knows. */
const KNOWN = [
  [5, 0xffff],
  [3, 0x7fff],
  [2, 0x3fff],
  [1, 0x1fff],
] as const;

/** After no_new_privs, which it needs. */
export function restrictFiles(b: ProgramBuilder, rules: readonly LandlockRule[]): void {
  b.stage("applying security_spec.landlock");
  const version = b.syscall("landlock_create_ruleset", [0, 0, CREATE_RULESET_VERSION], { into: "landlock" });
  const set = b.register("ruleset");
  const path = b.register("path");
  const restrict = b.label();
  for (const [least, known] of KNOWN) {
    const older = b.label();
    b.jumpIf(version, "<", least, older);
    // struct landlock_ruleset_attr; of later fields the kernel takes 0
    const attr = b.struct([[8, known]], `{handled_access_fs=0x${known.toString(16)}}`);
    b.syscall("landlock_create_ruleset", [attr, attr.extent, 0], { into: set });
    for (const rule of rules) addRule(b, set, path, rule, known);
    b.jump(restrict);
    b.place(older);
  }
  b.place(restrict);
  b.syscall("landlock_restrict_self", [set, 0]);
}

function addRule(b: ProgramBuilder, set: Register, fd: Register, rule: LandlockRule, known: number): void {
  const file = b.label();
  const added = b.label();
  b.syscall("openat", [AT_FDCWD, b.string(rule.path), O.PATH | O.CLOEXEC, 0], { into: fd });
  const add = (rights: number, onError?: ReturnType<ProgramBuilder["label"]>): void => {
    // struct landlock_path_beneath_attr is packed: 12 bytes
    const attr = b.struct(
      [
        [8, rights & known],
        [4, 0],
      ],
      `{0x${(rights & known).toString(16)}, ${fd.name}}`,
    );
    b.store(b.slice(attr, 8, 4), fd, 4);
    const call = [set, RULE_PATH_BENEATH, attr, 0] as const;
    b.syscall("landlock_add_rule", call, onError ? { onError } : {});
  };
  add(RIGHTS[rule.access], file);
  b.jump(added);
  b.place(file);
  add(RIGHTS[rule.access] & OF_FILES); // EINVAL: it is no directory; any other error comes again
  b.place(added);
  b.syscall("close", [fd]);
}
