/** How long the command takes to start, for what needs its TypeScript side. */
import { type Context, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { findBun, LMCTFY } from "../paths.ts";
import { type Contender, time } from "../timer.ts";

/** What `bun -e 0` takes on the machine that the goal was set on, milliseconds. */
const BUN_THERE = 7;
const LIMIT_THERE = 15;

export async function start(context: Context): Promise<GroupResult[]> {
  const bun = findBun();
  const contenders: Contender[] = [
    ...(bun === undefined ? [] : [{ name: "bun -e 0", argv: [bun, "-e", "0"] }]),
    { name: "node -e 0", argv: [process.execPath, "-e", "0"] },
    ...["version", "help", "list"].map(command => ({ name: `lmctfy ${command}`, argv: [LMCTFY, command] })),
  ];
  const timed = await time(contenders, { ...context, timer: context.prepared.timer, pause: 1 });
  for (const { name, failure } of timed) if (failure !== undefined) context.fail(`${name}: ${failure}`);
  const find = (name: string): number | undefined => timed.find(each => each.name === name)?.timing?.median;
  const bunHere = find("bun -e 0");
  const slower = Math.max(1, (bunHere ?? BUN_THERE) / BUN_THERE);
  return [
    {
      title: "Start of the command",
      rows: timingRows(timed, ["bun -e 0"]),
      notes: timingNotes(timed),
      goals: [
        {
          text: `lmctfy version, ms (${LIMIT_THERE} where bun -e 0 takes ${BUN_THERE}; here it takes ${bunHere?.toFixed(1) ?? "?"})`,
          value: find("lmctfy version"),
          limit: LIMIT_THERE * slower,
          sense: "at most",
          unit: "ms",
        },
      ],
      data: { contenders: timed, versionPerBun: ratioOf(timed, "lmctfy version", "bun -e 0") },
    },
  ];
}
