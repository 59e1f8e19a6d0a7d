/** `security_spec.apparmor_profile`: whether it can be had. */

import { readControl } from "../../cgroup/files.ts";
import { LmctfyError } from "../../errors.ts";
import type { AppArmorProfile } from "../../spec/messages/security.ts";
import { invalid } from "../resource.ts";

const FIELD = "security_spec.apparmor_profile";

/** What the kernel says about AppArmor, below a root for tests. */
export function checkAppArmor({ name }: AppArmorProfile, root = ""): void {
  if (name === undefined || name === "" || /[\0\n]/.test(name))
    throw invalid(`${FIELD}.name is missing or malformed: ${JSON.stringify(name ?? "")}`);
  if (readControl(`${root}/sys/module/apparmor/parameters/enabled`)?.trim() !== "Y") {
    throw new LmctfyError("FAILED_PRECONDITION", `${FIELD}: AppArmor is not active on this kernel`, {
      hint: "`lmctfy features` shows the active security modules.",
    });
  }
  // Each line is `NAME (mode)`. Where it cannot be read, the start of a command tells.
  const loaded = readControl(`${root}/sys/kernel/security/apparmor/profiles`);
  const known = loaded?.split("\n").map(line => line.replace(/ \(\w+\)$/, ""));
  if (known === undefined || name === "unconfined" || known.includes(name)) return;
  throw new LmctfyError("FAILED_PRECONDITION", `${FIELD}: no profile ${JSON.stringify(name)} is loaded`, {
    hint: "Load it: apparmor_parser -r FILE",
  });
}
