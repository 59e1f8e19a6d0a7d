/** `security_spec.selinux_label`: whether it can be had. */
import { existsSync } from "node:fs";
import { LmctfyError } from "../../errors.ts";
import { invalid } from "../resource.ts";

const FIELD = "security_spec.selinux_label";

/** @param root put before /sys, for tests */
export function checkSelinux(label: string, root = ""): void {
  if (!/^[^:\s\0]+:[^:\s\0]+:[^:\s\0]+(:[^\s\0]+)?$/.test(label))
    throw invalid(
      `${FIELD} is no label: ${JSON.stringify(label)}`,
      "user:role:type, or user:role:type:level.",
    );
  if (existsSync(`${root}/sys/fs/selinux/enforce`)) return;
  throw new LmctfyError("FAILED_PRECONDITION", `${FIELD}: SELinux is not active on this kernel`, {
    hint: "`lmctfy features` shows the active security modules.",
  });
}
