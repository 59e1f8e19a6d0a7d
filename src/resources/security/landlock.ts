/** `security_spec.landlock`: which files a command may use, whoever it is. */
import { readControl } from "../../cgroup/files.ts";
import { LmctfyError } from "../../errors.ts";
import type { LandlockSpec } from "../../spec/messages/security.ts";
import { invalid } from "../resource.ts";

export interface LandlockRule {
  readonly access: "read" | "write" | "execute";
  /** Absolute, as the command sees it. */
  readonly path: string;
}

const FIELD = "security_spec.landlock";
/** Each is a rule for each version of the interface, and a program has 4096 steps. */
const MOST_PATHS = 64;

/** Throws for what makes no sense; @param root put before /sys, for tests */
export function checkLandlock(spec: LandlockSpec, noNewPrivs: boolean, root = ""): void {
  const rules = landlockRules(spec);
  for (const { access, path } of rules) {
    if (path.startsWith("/") && !path.includes("\0")) continue;
    throw invalid(`${FIELD}.${access} must be absolute paths: ${JSON.stringify(path)}`);
  }
  if (rules.length > MOST_PATHS) throw invalid(`${FIELD} has ${rules.length} paths: at most ${MOST_PATHS}`);
  if (!rules.some(({ access }) => access === "execute"))
    throw invalid(
      `${FIELD}.execute is empty, so that no command could start`,
      "Name the directories of programs and their libraries.",
    );
  if (!noNewPrivs) throw invalid(`${FIELD} needs no_new_privs`, "Leave no_new_privs on.");
  // Where the list cannot be read, the start of a command tells.
  const active = readControl(`${root}/sys/kernel/security/lsm`)?.trim().split(",");
  if (active === undefined || active.includes("landlock")) return;
  throw new LmctfyError("FAILED_PRECONDITION", `${FIELD}: Landlock is not active on this kernel`, {
    hint: "It takes Linux 5.13 with landlock among the security modules (lsm=… on the kernel's command line).",
  });
}

export function landlockRules({ read = [], write = [], execute = [] }: LandlockSpec): LandlockRule[] {
  return [
    ...read.map(path => ({ access: "read", path }) as const),
    ...write.map(path => ({ access: "write", path }) as const),
    ...execute.map(path => ({ access: "execute", path }) as const),
  ];
}
