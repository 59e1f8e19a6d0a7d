/** A command in a virtual host that runs already, as a whole process. */
import { type Context, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { findRunning } from "../others.ts";
import { LMCTFY } from "../paths.ts";
import { lmctfy, withContainer } from "../product.ts";
import { type Contender, time } from "../timer.ts";

const OURS = "lmctfy run";

export async function exec(context: Context): Promise<GroupResult[]> {
  const { rootfs, timer } = context.prepared;
  const others = await findRunning(rootfs);
  try {
    return await withContainer(
      "exec",
      async name => {
        lmctfy("start", name);
        const contenders: Contender[] = [
          {
            name: OURS,
            argv: [LMCTFY, "run", name, "/bin/true"],
            note: "with every default protection, into namespaces with users of their own",
          },
          ...others.contenders,
        ];
        const timed = await time(contenders, { ...context, timer, pause: 1 });
        for (const each of timed)
          if (each.name === OURS && each.failure !== undefined) context.fail(`${each.name}: ${each.failure}`);
        return [
          {
            title: "true in a virtual host that runs",
            rows: timingRows(timed, ["crun exec"]),
            notes: [
              ...timingNotes(timed),
              ...others.missing.map(({ name: who, reason }) => `${who} is missing: ${reason}`),
            ],
            goals: [
              {
                text: "exec: lmctfy run / crun exec",
                value: ratioOf(timed, OURS, "crun exec"),
                limit: 0.5,
                sense: "at most",
                unit: "x",
              },
            ],
            data: { contenders: timed },
          },
        ];
      },
      `virtual_host:{} filesystem:{rootfs:${JSON.stringify(rootfs)}}`,
    );
  } finally {
    await others.close();
  }
}
