/** `security_spec.seccomp`: a word or a profile → a filter. */
import { readFileSync } from "node:fs";
import { fromSystemError } from "../../errors.ts";
import type { Arch } from "../../kernel/arch.ts";
import { isAllowed } from "../../kernel/seccomp/action.ts";
import { callsOf } from "../../kernel/seccomp/calls.ts";
import { defaultPlan } from "../../kernel/seccomp/default.ts";
import { compileFilter, type FilterPlan } from "../../kernel/seccomp/filter.ts";
import { parseProfile } from "../../kernel/seccomp/parse.ts";
import { type Profile, planOf } from "../../kernel/seccomp/profile.ts";
import { invalid } from "../resource.ts";
import { namesOf } from "./capabilities.ts";
import type { SecurityFacts } from "./facts.ts";

export interface SeccompFilter {
  /** struct sock_filter[] */
  readonly filter: Uint8Array;
  /** Flags of seccomp(2). */
  readonly flags: number;
}

const FIELD = "security_spec.seccomp";
const SPEC_ALLOW = 4;
/** Kept in a spec, as a text in JSON, where each quotation mark takes two bytes, it stays below what a spec may have. */
const MOST_BYTES = 500_000;

/** Puts the profile that a path names in the place of the path. Throws when it cannot be read, or is none. */
export function readProfile(seccomp: string): string {
  if (!seccomp.startsWith("/")) return seccomp;
  let text: string;
  try {
    text = readFileSync(seccomp, "utf8");
  } catch (error) {
    throw fromSystemError(error, "read", seccomp, `${FIELD} names it.`);
  }
  parse(text, seccomp); // here, for the errors to name the file
  return text.trim();
}

/** Filters that were compiled, by all that they follow from: those of one program's containers are mostly alike. */
const compiled = new Map<string, SeccompFilter>();
const MOST_COMPILED = 16;

/** Undefined for no filter. Throws for what is no profile, or one under which no command could start. */
export function filterOf(
  seccomp: string,
  arch: Arch,
  bounding: bigint,
  facts: SecurityFacts,
): SeccompFilter | undefined {
  const key = [arch, bounding, facts.kernel, seccomp].join(" ");
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const filter = compileFor(seccomp, arch, bounding, facts);
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  if (filter !== undefined) compiled.set(key, filter);
  return filter;
}

function compileFor(
  seccomp: string,
  arch: Arch,
  bounding: bigint,
  facts: SecurityFacts,
): SeccompFilter | undefined {
  if (seccomp === "unconfined") return undefined;
  const capabilities = namesOf(bounding);
  if (seccomp === "default")
    return { filter: compileFilter(defaultPlan(arch, capabilities)), flags: SPEC_ALLOW };
  if (!seccomp.startsWith("{")) {
    throw invalid(
      `${FIELD} ${JSON.stringify(seccomp.slice(0, 64))}: expected default, unconfined, a profile ({…}) or the absolute path of one`,
    );
  }
  const profile = parse(seccomp, FIELD);
  const plan = planOf(profile, { arch, capabilities, kernel: facts.kernel });
  refuseStillborn(plan, arch);
  return { filter: compile(plan), flags: profile.flags };
}

function parse(text: string, name: string): Profile {
  const size = Buffer.byteLength(text);
  if (size > MOST_BYTES) throw invalid(`${name}: a profile of ${size} bytes, at most ${MOST_BYTES}`);
  return parseProfile(text, name);
}

function compile(plan: FilterPlan): Uint8Array {
  try {
    return compileFilter(plan);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(`${FIELD}: ${error.message}`, "Look at fewer arguments, or name fewer calls.");
  }
}

/** Without execve there is no command, and nobody could say why. */
function refuseStillborn({ worlds }: FilterPlan, arch: Arch): void {
  const table = worlds.get(arch)!;
  const decision = table.calls.get(callsOf(arch).get("execve")!);
  const actions = decision
    ? [decision.otherwise, ...decision.cases.map(({ action }) => action)]
    : [table.unlisted];
  if (actions.some(isAllowed)) return;
  throw invalid(`${FIELD}: the profile allows no execve, so that no command could start`, "Allow it.");
}
