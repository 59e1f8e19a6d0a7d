/**
 * Profiles: what the JSON format of OCI and Docker says, and the tables of decisions it means for a machine and a
 * set of capabilities. As libseccomp and runc take it:
 *
 * - An entry without conditions decides a call alone, whatever conditions others have; the first such entry counts.
 * - Of entries with conditions, the first that holds counts; when none does, the default action.
 * - An entry whose action is the default says nothing.
 * - Several conditions on different arguments all have to hold; when two are about one argument, each is an entry of
 *   its own.
 * - In a 32-bit world conditions are about the lower 32 bits.
 * - Names that no architecture here has are left out.
 * - Where the default is not to allow, calls newer than all that the profile names fail with ENOSYS, for programs
 *   then use an older call.
 */
import type { Arch } from "../arch.ts";
import { type Action, answerOf, isAllowed } from "./action.ts";
import { ABIS_OF, type Abi, callsOf, isPrivateCall } from "./calls.ts";
import type { CallTable, Condition, Decision, FilterPlan } from "./filter.ts";

/** A profile as it was written. */
export interface Profile {
  readonly defaultAction: Action;
  /** The worlds beside the native one, by native architecture; undefined = the native one alone. */
  readonly architectures?: { readonly [A in Arch]?: readonly Abi[] } | undefined;
  /** Flags of seccomp(2). */
  readonly flags: number;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly names: readonly string[];
  readonly action: Action;
  readonly conditions: readonly Condition[];
  readonly includes: Requirements;
  readonly excludes: Requirements;
}

/** Where an entry counts (all of it), or does not (any of it). */
export interface Requirements {
  readonly capabilities?: readonly string[];
  /** Go's names of native architectures: `amd64`, `arm64`. */
  readonly architectures?: readonly string[];
  /** Major and minor version of the kernel. */
  readonly minKernel?: readonly [number, number];
}

/** What a profile is read for. */
export interface ProfileContext {
  readonly arch: Arch;
  /** Capabilities that the processes may have: their bounding set. */
  readonly capabilities: ReadonlySet<string>;
  readonly kernel: readonly [major: number, minor: number];
}

const GO_ARCH: { readonly [A in Arch]: string } = { x86_64: "amd64", aarch64: "arm64" };

const ENOSYS: Action = { kind: "errno", value: 38 };

/** What a profile means here. */
export function planOf(profile: Profile, context: ProfileContext): FilterPlan {
  const entries = profile.entries.filter(entry => counts(entry, context));
  const worlds = profile.architectures?.[context.arch] ?? [];
  const abis = ABIS_OF[context.arch].filter((abi, i) => i === 0 || worlds.includes(abi));
  return {
    arch: context.arch,
    worlds: new Map(abis.map(abi => [abi, tableOf(profile, entries, abi)])),
    foreign: { kind: "kill_process" },
  };
}

function tableOf(profile: Profile, entries: readonly Entry[], abi: Abi): CallTable {
  const known = callsOf(abi);
  const narrow = abi === "x86" || abi === "x32" || abi === "arm";
  // Also those that only entries name which do not count here: their author knew them.
  const named = new Map<string, Entry[]>(
    profile.entries.flatMap(({ names }) => names.map(name => [name, []])),
  );
  for (const entry of entries) for (const name of entry.names) named.get(name)!.push(entry);
  const calls = new Map<number, Decision>();
  for (const [name, about] of named) {
    const number = known.get(name);
    if (number !== undefined)
      calls.set(number, decide(narrow ? about.map(narrowed) : about, profile.defaultAction));
  }
  return { calls, unlisted: profile.defaultAction, ...newer(profile, known) };
}

function narrowed(entry: Entry): Entry {
  return { ...entry, conditions: entry.conditions.map(each => ({ ...each, narrow: true })) };
}

function decide(entries: readonly Entry[], otherwise: Action): Decision {
  const telling = entries.filter(({ action }) => answerOf(action) !== answerOf(otherwise));
  const plain = telling.find(({ conditions }) => conditions.length === 0);
  if (plain !== undefined) return { cases: [], otherwise: plain.action };
  const cases = telling.flatMap(({ action, conditions }) => {
    const once = new Set(conditions.map(({ index }) => index)).size === conditions.length;
    return once ? [{ when: conditions, action }] : conditions.map(each => ({ when: [each], action }));
  });
  return { cases, otherwise };
}

function newer({ defaultAction, entries }: Profile, known: Map<string, number>) {
  if (isAllowed(defaultAction)) return {};
  const numbers = entries.flatMap(({ names }) => names.flatMap(name => known.get(name) ?? []));
  const counting = numbers.filter(number => !isPrivateCall(number));
  return counting.length === 0 ? {} : { newest: Math.max(...counting), beyond: ENOSYS };
}

function counts({ includes, excludes }: Entry, context: ProfileContext): boolean {
  const { capabilities, arch, kernel } = context;
  const has = (name: string): boolean => capabilities.has(name);
  const here = (names: readonly string[]): boolean => names.includes(GO_ARCH[arch]);
  const since = ([major, minor]: readonly [number, number]): boolean =>
    kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
  return (
    (includes.capabilities ?? []).every(has) &&
    (includes.architectures === undefined || here(includes.architectures)) &&
    (includes.minKernel === undefined || since(includes.minKernel)) &&
    !(excludes.capabilities ?? []).some(has) &&
    !here(excludes.architectures ?? []) &&
    (excludes.minKernel === undefined || !since(excludes.minKernel))
  );
}
