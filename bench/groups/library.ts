/** create + run + destroy through the library, per second, on Node and on Bun. */
import { spawnSync } from "node:child_process";
import type { Context, GroupResult } from "../group.ts";
import type { LibraryFigures } from "../library.ts";
import { BUILD, findBun } from "../paths.ts";
import { formatMillis } from "../report.ts";
import { median } from "../statistics.ts";

export async function library(context: Context): Promise<GroupResult[]> {
  const bun = findBun();
  const runtimes = [
    { name: `Node ${process.versions.node}`, path: process.execPath },
    ...(bun === undefined ? [] : [{ name: "Bun", path: bun }]),
  ];
  const count = context.quick ? 40 : 150;
  const figures = new Map<string, LibraryFigures[]>(runtimes.map(({ name }) => [name, []]));
  for (let round = 0; round < (context.quick ? 2 : 3); round++) {
    for (const { name, path } of runtimes) {
      const args = [`${BUILD}/library.js`, context.prepared.trueCommand, String(count)];
      const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 120_000 });
      if (status === 0) figures.get(name)!.push(JSON.parse(stdout) as LibraryFigures);
      else context.fail(`the library on ${name}: ${stderr.trim() || `exit code ${status}`}`);
    }
  }
  const rows = [["", "sequential/s", "8 at once/s", "first ms", "create ms", "run", "exited", "destroy"]];
  for (const [name, all] of figures) {
    if (all.length === 0) {
      rows.push([name, "failed"]);
      continue;
    }
    const middle = (of: (each: LibraryFigures) => number): number => median(all.map(of));
    rows.push([
      name,
      middle(each => each.sequential).toFixed(0),
      middle(each => each.eightAtOnce).toFixed(0),
      formatMillis(middle(each => each.first)),
      formatMillis(middle(each => each.parts.create)),
      formatMillis(middle(each => each.parts.run)),
      formatMillis(middle(each => each.parts.exited)),
      formatMillis(middle(each => each.parts.destroy)),
    ]);
  }
  const onNode = figures.get(runtimes[0]!.name)!.map(each => each.sequential);
  return [
    {
      title: "The library: create + run true + destroy",
      rows,
      notes: ["parts: medians of the sequential ones; exited = from the start of the command to its result"],
      goals: [
        {
          text: "library on Node, sequential, per second",
          value: onNode.length === 0 ? undefined : median(onNode),
          limit: 100,
          sense: "at least",
          unit: "/s",
        },
      ],
      data: Object.fromEntries(figures),
    },
  ];
}
