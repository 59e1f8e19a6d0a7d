/** Block devices: `blockio` of a spec. */
import type { Cgroups } from "../../cgroup/driver.ts";
import type { HostStep } from "../../cgroup/steps.ts";
import type { BlockIoSpec } from "../../spec/index.ts";
import { needController, type Resource, type UpdateContext } from "../resource.ts";
import { type Machine, THIS_MACHINE } from "./device.ts";
import { targetSteps, targetsOf } from "./latency.ts";
import { ioController } from "./lines.ts";
import { rateSteps, ratesOf, releaseSteps } from "./rates.ts";
import { blockioStats } from "./stats.ts";
import { weightSteps, weightsOf } from "./weights.ts";

export function blockioOf(machine: Machine): Resource<"blockio"> {
  /** What has to be written; the same for a new container and for an old one, which has other lines to lose. */
  function steps(spec: BlockIoSpec, context: UpdateContext): HostStep[] {
    const { cgroups, name } = context;
    const { weights, rates, targets } = plan(spec, cgroups, machine);
    return [
      ...weightSteps(weights, cgroups, name),
      ...rateSteps(rates, context, machine),
      ...targetSteps(targets, cgroups, name),
    ];
  }
  return {
    section: "blockio",
    inherits: true,

    check(spec, { cgroups }) {
      for (const field of ["device_limit_set", "max_device_limit_set", "latency_target_set"] as const) {
        if (spec[field] !== undefined && ioController(cgroups) === undefined)
          needController(`blockio.${field}`, "io", cgroups);
      }
      plan(spec, cgroups, machine);
    },

    settings: (spec, cgroups, name) => steps(spec, { cgroups, name, below: [] }),
    update: steps,
    release: releaseSteps,
    stats: (cgroups, name, level) => blockioStats(cgroups, name, level, machine.sys),
  };
}

export const blockio = blockioOf(THIS_MACHINE);

/** Throws when it makes no sense here. */
function plan(spec: BlockIoSpec, cgroups: Cgroups, machine: Machine) {
  return {
    weights: weightsOf(spec.device_limit_set, cgroups, machine),
    rates: ratesOf(spec.max_device_limit_set, machine),
    targets: targetsOf(spec.latency_target_set, cgroups, machine),
  };
}
