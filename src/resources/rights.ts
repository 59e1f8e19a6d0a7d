/** What of a spec takes root's rights. */
import { LmctfyError } from "../errors.ts";
import type { ContainerSpec } from "../spec/index.ts";

/** Throws for what a user without them asks for: the kernel would refuse it half way, in words about something else. */
export function checkRights(
  spec: ContainerSpec,
  uid = process.geteuid!(),
  groups = process.getgroups!(),
): void {
  if (uid === 0) return;
  if (spec.virtual_host !== undefined) {
    throw refused(uid, "virtual_host", "its mounts and user ids take root's rights");
  }
  if (spec.device !== undefined) {
    throw refused(uid, "device", "only root decides which devices may be opened");
  }
  if (spec.monitoring?.enable_perf_counters) {
    throw refused(uid, "monitoring.enable_perf_counters", "counters for whole CPUs take root's rights");
  }
  if (spec.owner !== undefined && Number(spec.owner) !== uid) {
    throw refused(uid, `owner ${spec.owner}`, "only root hands a container over to another user");
  }
  if (spec.owner_group !== undefined && !groups.includes(Number(spec.owner_group))) {
    throw refused(uid, `owner_group ${spec.owner_group}`, "that is none of the caller's groups");
  }
}

function refused(uid: number, field: string, why: string): LmctfyError {
  return new LmctfyError("PERMISSION_DENIED", `user ${uid} cannot have ${field}: ${why}`, {
    hint: "Leave it out, or have root create the container.",
  });
}
