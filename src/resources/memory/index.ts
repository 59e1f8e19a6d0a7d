/** Memory, swap and huge pages: `memory` of a spec. */
import type { MemorySpec } from "../../spec/index.ts";
import { invalid, needController, type Resource, type Target } from "../resource.ts";
import { checkEviction, oomGroupSteps, oomScoreAdjOf } from "./eviction.ts";
import { checkHugetlb, hugetlbSteps, newHugetlbSteps } from "./hugetlb.ts";
import { checkLimits, checkZswap, limitSteps, zswapSteps } from "./limits.ts";
import {
  checkReservation,
  checkReservationBelow,
  reservationAtTop,
  reservationSteps,
  reservesAtTop,
} from "./reservation.ts";
import { makeRoom } from "./room.ts";
import { memoryStats } from "./stats.ts";

/** What is kept by the memory controller, and so needs it. */
const CONTROLLED = [
  "zswap_limit",
  "limit",
  "max_limit",
  "reservation",
  "swap_limit",
  "oom_group",
] as const satisfies (keyof MemorySpec)[];

const steps = (spec: MemorySpec, target: Target) => [
  ...limitSteps(spec, target),
  ...reservationSteps(spec, target),
  ...oomGroupSteps(spec, target),
  ...zswapSteps(spec, target),
];

export const memory: Resource<"memory"> = {
  section: "memory",

  check(spec, context) {
    checkLimits(spec, context);
    checkReservation(spec, context);
    checkEviction(spec, context);
    checkZswap(spec, context);
    checkHugetlb(spec);
    if (spec.hugetlb !== undefined) needController("memory.hugetlb", "hugetlb", context.cgroups);
    if (spec.kmem_charge_usage === false) {
      throw invalid("memory.kmem_charge_usage false: today's kernels always count it", "Leave it out.");
    }
    for (const field of CONTROLLED)
      if (spec[field] !== undefined) needController(`memory.${field}`, "memory", context.cgroups);
  },

  settings: (spec, cgroups, name) => [
    ...steps(spec, { cgroups, name, fresh: true }),
    ...newHugetlbSteps(spec, cgroups, name),
  ],
  checkBelow: checkReservationBelow,
  prepareUpdate: makeRoom,
  update: (spec, context) => [...steps(spec, { ...context, fresh: false }), ...hugetlbSteps(spec, context)],
  concernsTop: reservesAtTop,
  atTop: reservationAtTop,
  processSettings: ({ eviction_priority }) =>
    eviction_priority === undefined ? {} : { oomScoreAdj: oomScoreAdjOf(eviction_priority) },
  stats: memoryStats,
};
