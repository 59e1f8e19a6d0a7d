/** A fully isolated `/bin/true` as a whole process. */
import { mkdirSync, writeFileSync } from "node:fs";
import { applySteps } from "../../src/cgroup/steps.ts";
import { hostArch } from "../../src/kernel/arch.ts";
import { closeSubtree, openSubtree, planCgroup } from "../cgroup.ts";
import { type Context, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { isolatedProgram } from "../isolated.ts";
import { findOthers } from "../others.ts";
import { BUILD, EXECUTOR } from "../paths.ts";
import { type Contender, time } from "../timer.ts";

/** Back to back, and after a rest: the second is what a lone start costs (cgroup v1 then waits for RCU). */
const PAUSES = [1, 20];

export async function isolated(context: Context): Promise<GroupResult[]> {
  const { rootfs, floor, timer } = context.prepared;
  const cgroups = openSubtree();
  const others = await findOthers(rootfs);
  try {
    const kept = planCgroup(cgroups, "/kept");
    applySteps(kept.steps);
    const entry = [kept.entry.cloneInto ?? "-", ...kept.entry.procs];
    const ours = (file: string, makeCgroup: boolean): string[] => {
      const cgroup = makeCgroup ? planCgroup(cgroups, "/fresh") : kept;
      const image = isolatedProgram(hostArch()!, { rootfs, cgroup, makeCgroup });
      mkdirSync(BUILD, { recursive: true });
      writeFileSync(`${BUILD}/${file}`, image, { mode: 0o600 });
      return [EXECUTOR, "--executor", "run", `${BUILD}/${file}`, "/bin/true"];
    };
    const contenders: Contender[] = [
      { name: "floor", argv: [floor, "isolated", rootfs, ...entry, "--", "/bin/true"] },
      { name: "lmctfy engine", argv: ours("isolated.prog", false) },
      {
        name: "lmctfy engine, fresh cgroups",
        argv: ours("isolated-fresh.prog", true),
        note: "makes its cgroups with their limits and removes them, as crun and runc do",
      },
      ...others.contenders,
    ];
    const results: GroupResult[] = [];
    for (const pause of PAUSES) {
      const timed = await time(contenders, { ...context, timer, pause });
      for (const { name, failure } of timed) {
        if (failure !== undefined && (name === "floor" || name.startsWith("lmctfy"))) {
          context.fail(`${name}: ${failure}`);
        }
      }
      const first = pause === PAUSES[0];
      results.push({
        title: `A fully isolated true: six namespaces, own root, /proc /dev /sys, limits; ${pause} ms apart`,
        rows: timingRows(timed, ["floor", "crun run"]),
        notes: first
          ? [
              ...timingNotes(timed),
              ...others.missing.map(({ name, reason }) => `${name} is missing: ${reason}`),
            ]
          : [],
        goals: first
          ? [
              {
                text: "isolated: engine / crun run",
                value: ratioOf(timed, "lmctfy engine", "crun run"),
                limit: 0.35,
                sense: "at most",
                unit: "x",
              },
            ]
          : [],
        data: { pause, contenders: timed, missing: others.missing, versions: others.versions },
      });
    }
    return results;
  } finally {
    await others.close();
    await closeSubtree(cgroups);
  }
}
