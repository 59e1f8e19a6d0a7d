/** What a spec means beyond what it says. */
import { statSync } from "node:fs";
import type { Cgroups } from "../cgroup/driver.ts";
import type { ContainerSpec, DeviceRestrictions, DeviceSpec } from "../spec/index.ts";
import { canFilter } from "./device/index.ts";
import { systemSecurity } from "./system.ts";

/**
 * A virtual host hides the machine, and so its commands have few rights and few devices unless the spec says otherwise, in
 * sections of its own or with `privileged`. Without `cgroups` the devices are left out: those are for who sets them.
 */
export function withDefaults(spec: ContainerSpec, cgroups?: Cgroups): ContainerSpec {
  if (spec.virtual_host === undefined) return spec;
  const { security_spec = systemSecurity(spec) ?? {}, device } = spec;
  const few =
    device === undefined && !security_spec.privileged && cgroups !== undefined && canFilter(cgroups);
  return { ...spec, security_spec, ...(few && { device: fewDevices(spec) }) };
}

/** Those that any command needs, and the nodes that are mounted to be used. */
function fewDevices({ filesystem }: ContainerSpec): DeviceSpec {
  const restrictions = (filesystem?.mounts?.mount ?? []).flatMap(
    ({ source, options }): DeviceRestrictions[] =>
      source !== undefined && options?.includes("dev") && isDevice(source)
        ? [{ permission: "ALLOW", access: ["READ", "WRITE"], path: source }]
        : [],
  );
  return { isolated: true, restrictions_set: { restrictions } };
}

function isDevice(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && (found.isCharacterDevice() || found.isBlockDevice());
}
