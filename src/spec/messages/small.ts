/** The small sections of a spec: `monitoring`, `security_spec`, `pids`. */
import { message, optional, type Resolved } from "../descriptor.ts";

export const MonitoringSpec = message("MonitoringSpec", "Measurements.", {
  enable_perf_counters: optional(1, "bool", "Whether hardware performance counters are collected.", {
    unserved: "use `perf stat --for-each-cgroup` on the container",
  }),
});
export interface MonitoringSpec extends Resolved<typeof MonitoringSpec> {}

export const AppArmorProfile = message("SecuritySpec.AppArmorProfile", "A profile of AppArmor.", {
  name: optional(1, "string", "Name of a profile that is loaded on the host."),
});
export interface AppArmorProfile extends Resolved<typeof AppArmorProfile> {}

export const SecuritySpec = message("SecuritySpec", "Mandatory access control.", {
  apparmor_profile: optional(1, AppArmorProfile, "The profile that confines the container.", {
    default: "none",
  }),
});
export interface SecuritySpec extends Resolved<typeof SecuritySpec> {}

export const PidsSpec = message("PidsSpec", "Number of tasks.", {
  limit: optional(1, "int64", "Most tasks (processes and threads) at a time; -1 is no limit.", {
    unit: "tasks",
    default: "-1 (no limit)",
  }),
});
export interface PidsSpec extends Resolved<typeof PidsSpec> {}
