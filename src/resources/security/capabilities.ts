/** `security_spec.capabilities`: names → sets. */
import { LmctfyError } from "../../errors.ts";
import { CAPABILITIES } from "../../features/capabilities.ts";
import type { CapabilitiesSpec } from "../../spec/messages/security.ts";
import { nearest } from "../../spec/suggest.ts";
import { invalid } from "../resource.ts";
import type { SecurityFacts } from "./facts.ts";

/** Sets of bits, numbered as in include/uapi/linux/capability.h. */
export interface CapabilitySets {
  /** What a process can have at most, whatever it executes. */
  readonly bounding: bigint;
  /** What root's processes have; at most what this process has. */
  readonly permitted: bigint;
  /** What those of other users have, too. */
  readonly ambient: bigint;
}

/** Those that work on what a user owns anyway, and not on the machine. No CAP_MKNOD, CAP_NET_RAW, CAP_AUDIT_WRITE. */
const DEFAULT = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

const FIELD = "security_spec.capabilities";

/** Which capabilities a section means, in this process's hands. Throws for names that are none. */
export function capabilitySets(spec: CapabilitiesSpec, facts: SecurityFacts): CapabilitySets {
  const all = (1n << BigInt(facts.lastCapability + 1)) - 1n;
  const added = setOf("add", spec.add ?? [], all);
  const dropped = setOf("drop", spec.drop ?? [], all);
  const ambient = setOf("ambient", spec.ambient ?? [], all);
  // `drop: "ALL"` is where `add` starts from; `add: "ALL"` is where `drop` does.
  const base = dropped === all ? 0n : setOf("add", DEFAULT, all) & ~dropped;
  const bounding = added === all && dropped !== all ? all & ~dropped : base | added;
  return { bounding, permitted: bounding & facts.permitted, ambient };
}

/** Throws when the sets contradict each other, or name what this process cannot give. */
export function checkCapabilities(spec: CapabilitiesSpec, facts: SecurityFacts): void {
  const { bounding, ambient } = capabilitySets(spec, facts);
  refuse(
    ambient & ~bounding,
    "ambient",
    "is not among the container's capabilities",
    "Name it in `add`, too.",
  );
  const all = (1n << BigInt(facts.lastCapability + 1)) - 1n;
  for (const field of ["add", "ambient"] as const) {
    const named = setOf(
      field,
      (spec[field] ?? []).filter(name => name !== "ALL"),
      all,
    );
    const missing = nameOf(named & ~facts.permitted);
    if (missing === undefined) continue;
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      `${FIELD}.${field}: this process does not have ${missing} itself, so it cannot give it to a command`,
      { hint: "`lmctfy features` shows what it has." },
    );
  }
}

/** The names of a set's capabilities. */
export function namesOf(set: bigint): Set<string> {
  return new Set(CAPABILITIES.filter((_, bit) => (set >> BigInt(bit)) & 1n));
}

function nameOf(set: bigint): string | undefined {
  return [...namesOf(set)][0];
}

function refuse(set: bigint, field: string, why: string, hint: string): void {
  const name = nameOf(set);
  if (name !== undefined) throw invalid(`${FIELD}.${field}: ${name} ${why}`, hint);
}

function setOf(field: string, names: readonly string[], all: bigint): bigint {
  return names.reduce((set, name) => set | (name === "ALL" ? all : bitOf(field, name) & all), 0n);
}

function bitOf(field: string, name: string): bigint {
  const bit = (CAPABILITIES as readonly string[]).indexOf(name);
  if (bit >= 0) return 1n << BigInt(bit);
  const guess = nearest(name.startsWith("CAP_") ? name : `CAP_${name}`, CAPABILITIES);
  throw invalid(
    `${FIELD}.${field}: unknown capability ${JSON.stringify(name)}`,
    guess === undefined
      ? "Names are those of capabilities(7), such as CAP_CHOWN, and ALL."
      : `Did you mean ${guess}?`,
  );
}
