/** A sandbox through the library, on Node and on Bun. */
import { spawnSync } from "node:child_process";
import type { Context, Goal, GroupResult } from "../group.ts";
import { BUILD, findBun } from "../paths.ts";
import { formatMillis } from "../report.ts";
import type { SandboxFigures } from "../sandbox.ts";
import { median } from "../statistics.ts";

const PARTS = ["make", "run", "destroy", "all"] as const;

export async function sandbox(context: Context): Promise<GroupResult[]> {
  const bun = findBun();
  const runtimes = [
    { name: `Node ${process.versions.node}`, path: process.execPath, limit: 8 },
    ...(bun === undefined ? [] : [{ name: "Bun", path: bun, limit: 5 }]),
  ];
  const figures = new Map<string, SandboxFigures[]>(runtimes.map(({ name }) => [name, []]));
  for (let round = 0; round < (context.quick ? 2 : 4); round++) {
    for (const { name, path } of runtimes) {
      const args = [`${BUILD}/sandbox.js`, context.quick ? "30" : "60"];
      const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 120_000 });
      if (status === 0) figures.get(name)!.push(JSON.parse(stdout) as SandboxFigures);
      else context.fail(`the sandbox on ${name}: ${stderr.trim() || `exit code ${status}`}`);
    }
  }
  const of = (name: string, part: (typeof PARTS)[number]): number | undefined => {
    const all = figures.get(name)!;
    return all.length === 0 ? undefined : median(all.map(each => each[part]));
  };
  const rows = runtimes.map(({ name }) => [
    name,
    ...PARTS.map(part => {
      const value = of(name, part);
      return value === undefined ? "failed" : formatMillis(value);
    }),
  ]);
  return [
    {
      title: "sandbox(): make, run true, destroy",
      rows: [["", "make ms", "run true ms", "destroy ms", "all ms"], ...rows],
      notes: ["medians; `true` is the host's, which loads its libraries"],
      goals: runtimes.map(
        ({ name, limit }): Goal => ({
          text: `a sandbox on ${name}: from nothing to gone, ms`,
          value: of(name, "all"),
          limit,
          sense: "at most",
          unit: "ms",
        }),
      ),
      data: Object.fromEntries(figures),
    },
  ];
}
