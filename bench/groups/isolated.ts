/** A fully isolated `/bin/true` as a whole process. */
import { mkdirSync, writeFileSync } from "node:fs";
import { applySteps } from "../../src/cgroup/steps.ts";
import { hostArch } from "../../src/kernel/arch.ts";
import { closeSubtree, openSubtree, planCgroup } from "../cgroup.ts";
import { type Context, type Goal, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { isolatedProgram } from "../isolated.ts";
import { findOthers } from "../others.ts";
import { BUILD, EXECUTOR, LMCTFY } from "../paths.ts";
import { withContainer } from "../product.ts";
import { type Contender, time } from "../timer.ts";

/** Back to back, and after a rest: the second is what a lone start costs (cgroup v1 then waits for RCU). */
const PAUSES = [1, 20];

const PROTECTED = "lmctfy run";
const BARE = "lmctfy run, privileged";

export async function isolated(context: Context): Promise<GroupResult[]> {
  const { rootfs } = context.prepared;
  const files = `filesystem:{rootfs:${JSON.stringify(rootfs)}}`;
  const bare = `virtual_host:{namespaces:{user:"host"}} security_spec:{privileged:true} ${files}`;
  return withContainer(
    "protected",
    name => withContainer("bare", other => measure(context, name, other), bare),
    `virtual_host:{} ${files}`,
  );
}

async function measure(context: Context, protectedName: string, bareName: string): Promise<GroupResult[]> {
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
      {
        name: PROTECTED,
        argv: [LMCTFY, "run", protectedName, "/bin/true"],
        note: "of a created virtual host, with every default protection: users of its own, capabilities, seccomp, hidden files",
      },
      {
        name: BARE,
        argv: [LMCTFY, "run", bareName, "/bin/true"],
        note: "without users of its own, capabilities and seccomp, as crun and runc are told here",
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
        goals: first ? goalsOf(timed) : [],
        data: { pause, contenders: timed, missing: others.missing, versions: others.versions },
      });
    }
    return results;
  } finally {
    await others.close();
    await closeSubtree(cgroups);
  }
}

function goalsOf(timed: Awaited<ReturnType<typeof time>>): Goal[] {
  const goal = (of: string, to: string, limit: number): Goal => ({
    text: `isolated: ${of} / ${to}`,
    value: ratioOf(timed, of, to),
    limit,
    sense: "at most",
    unit: "x",
  });
  return [
    goal(PROTECTED, "floor", 1.6),
    goal(PROTECTED, "crun run", 0.35),
    goal(PROTECTED, "runc run", 0.17),
  ];
}
