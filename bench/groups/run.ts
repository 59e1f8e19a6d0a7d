/** `lmctfy run` of a created container, as a whole process. */
import { writeFileSync } from "node:fs";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { type Context, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { BUILD, LMCTFY } from "../paths.ts";
import { withContainer } from "../product.ts";
import { type Contender, time } from "../timer.ts";

const PAUSES = [1, 20];

export async function run(context: Context): Promise<GroupResult[]> {
  const { floor, trueCommand, timer } = context.prepared;
  return withContainer("run", async name => {
    const { cloneInto, procs } = openCgroups().enter(name);
    const lock = `${BUILD}/lock`;
    writeFileSync(lock, "");
    const contenders: Contender[] = [
      { name: "fork and exec", argv: [trueCommand] },
      {
        name: "floor",
        argv: [floor, "enter", lock, cloneInto ?? "-", ...procs, "--", trueCommand],
        note: "lock, clone3, the container's cgroups, exec, wait",
      },
      { name: "lmctfy run", argv: [LMCTFY, "run", name.slice(1), trueCommand] },
    ];
    const results: GroupResult[] = [];
    for (const pause of PAUSES) {
      const timed = await time(contenders, { ...context, timer, pause });
      for (const each of timed) if (each.failure !== undefined) context.fail(`${each.name}: ${each.failure}`);
      const first = pause === PAUSES[0];
      results.push({
        title: `true in a created container with CPU, memory and pids limits; ${pause} ms apart`,
        rows: timingRows(timed, ["floor"]),
        notes: first ? timingNotes(timed) : [],
        goals: first
          ? [
              {
                text: "lmctfy run / floor",
                value: ratioOf(timed, "lmctfy run", "floor"),
                limit: 1.4,
                sense: "at most",
                unit: "x",
              },
            ]
          : [],
        data: { pause, contenders: timed },
      });
    }
    return results;
  });
}
