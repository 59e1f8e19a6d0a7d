/** CPU time: `cpu` of a spec. */
import type { Resource } from "../resource.ts";
import { checkSets, checkSetsBelow, setSettings, updateSets } from "./cpuset.ts";
import { checkQuota, checkQuotaBelow, quotaSettings, updateQuota } from "./quota.ts";
import { cpuStats } from "./stats.ts";
import { checkWeight, updateWeight, weightSettings } from "./weight.ts";

export const cpu: Resource<"cpu"> = {
  section: "cpu",

  check(spec, context) {
    checkWeight(spec, context);
    checkQuota(spec, context);
    checkSets(spec, context);
  },

  settings: (spec, cgroups, name) => [
    ...weightSettings(spec, cgroups, name),
    ...quotaSettings(spec, cgroups, name),
    ...setSettings(spec, cgroups, name),
  ],

  checkBelow(spec, context) {
    checkQuotaBelow(spec, context);
    checkSetsBelow(spec, context);
  },

  update: (spec, context) => [
    ...updateWeight(spec, context.cgroups, context.name),
    ...updateQuota(spec, context.cgroups, context.name),
    ...updateSets(spec, context),
  ],

  stats: cpuStats,
};
