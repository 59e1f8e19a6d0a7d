/** A thousand containers: making, listing and reading them; crun and runc beside it with as many as they can bear. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { PREFIX } from "../cgroup.ts";
import { type Context, type Goal, type GroupResult, timingNotes } from "../group.ts";
import { findOthers } from "../others.ts";
import { BUILD, findBun, LMCTFY } from "../paths.ts";
import { lmctfy, SPEC } from "../product.ts";
import { formatMillis } from "../report.ts";
import type { ScaleFigures } from "../scale.ts";
import { median } from "../statistics.ts";
import { type Contender, time } from "../timer.ts";

/** So many that a creation which looks at all others would show it. */
const MANY = 1_000;
/** crun and runc take 10 to 30 ms to make each, so they get fewer. */
const FEW = 20;

export async function scale(context: Context): Promise<GroupResult[]> {
  return [measureLibrary(context), await measureCommands(context)];
}

function measureLibrary(context: Context): GroupResult {
  const bun = findBun();
  const runtimes = [
    { name: `Node ${process.versions.node}`, path: process.execPath },
    ...(bun === undefined ? [] : [{ name: "Bun", path: bun }]),
  ];
  const rows = [["", "create ms", "at 10", "ratio", "list", "with states", "stats summary", "stats full"]];
  const goals: Goal[] = [];
  const data: Record<string, ScaleFigures> = {};
  for (const { name, path } of runtimes) {
    const args = [`${BUILD}/scale.js`, String(MANY), context.quick ? "5" : "15"];
    const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 300_000 });
    if (status !== 0) {
      context.fail(`many containers on ${name}: ${stderr.trim() || `exit code ${status}`}`);
      rows.push([name, "failed"]);
      continue;
    }
    const figures = JSON.parse(stdout) as ScaleFigures;
    data[name] = figures;
    const early = median(figures.few);
    const late = median(figures.many);
    const { list, states, summary, full } = figures;
    const columns = [late, early].map(formatMillis);
    rows.push([
      name,
      ...columns,
      (late / early).toFixed(2),
      ...[list, states, summary, full].map(times => formatMillis(median(times))),
    ]);
    goals.push(
      goal(`stats full of ${MANY} containers on ${name}, ms`, median(full), 150, "ms"),
      goal(`list of ${MANY} containers with states on ${name}, ms`, median(states), 50, "ms"),
      goal(`creation at ${MANY} by that at 10 on ${name}`, late / early, 1.3, "x"),
    );
  }
  return {
    title: `The library, ${MANY} containers`,
    rows,
    notes: [
      "create: per container, with so many others, and with ten to twenty others (before and after); list and stats: milliseconds for all, in one call",
    ],
    goals,
    data,
  };
}

function goal(text: string, value: number, limit: number, unit: string): Goal {
  return { text, value, limit, sense: "at most", unit };
}

/** The same reads by whole processes. */
async function measureCommands(context: Context): Promise<GroupResult> {
  const others = await findOthers(context.prepared.rootfs);
  const base = `/${PREFIX}-few`;
  const contenders: Contender[] = [];
  const undo: string[][] = [];
  const missing = others.missing.map(({ name, reason }) => `${name}: ${reason}`);
  try {
    spawnSync(LMCTFY, ["destroy", "-f", base]); // of a bench that was killed
    lmctfy("create", base, "");
    undo.push([LMCTFY, "destroy", "-f", base]);
    for (let i = 0; i < FEW; i++) lmctfy("create", `${base}/${i}`, SPEC);
    contenders.push(
      { name: "lmctfy list", argv: [LMCTFY, "list", "--json", base] },
      { name: "lmctfy stats full", argv: [LMCTFY, "stats", "full", "--json", `${base}/0`] },
    );
    for (const { name, argv, mountNamespace } of others.contenders) {
      const [runtime] = name.split(" ");
      if (runtime !== "crun" && runtime !== "runc") continue;
      const inside = mountNamespace === undefined ? [] : ["nsenter", `--mount=${mountNamespace}`];
      const command = (...words: string[]): string[] => [...inside, argv[0]!, ...words];
      const ids = Array.from({ length: FEW }, (_, i) => `${PREFIX}-${runtime}-${i}`);
      let failure: string | undefined;
      for (const id of ids) {
        undo.push(command("delete", "--force", id));
        failure ??= run(command("create", "--bundle", bundleOf(argv[3]!, id), id));
      }
      if (failure !== undefined) {
        missing.push(`${name}: create: ${failure}`);
        continue;
      }
      const timed = (what: string, ...words: string[]): Contender => ({
        name: `${runtime} ${what}`,
        argv: [argv[0]!, ...words],
        mountNamespace,
      });
      contenders.push(timed("list", "list", "--format", "json"));
      if (runtime === "runc") contenders.push(timed("events --stats", "events", "--stats", ids[0]!));
      else missing.push("crun: has no command that prints statistics");
    }
    const timed = await time(contenders, {
      ...context,
      rounds: Math.min(context.rounds, 20),
      timer: context.prepared.timer,
      pause: 1,
    });
    for (const { name, failure } of timed) if (failure !== undefined) context.fail(`${name}: ${failure}`);
    const rows = [["", "median ms", "min", "p90", "per container"]];
    for (const { name, timing, argv } of timed) {
      const each = argv.includes("list") || argv.includes("-r") ? FEW : 1;
      const figures = timing && [timing.median, timing.min, timing.p90, timing.median / each];
      rows.push([name, ...(figures?.map(formatMillis) ?? ["failed"])]);
    }
    return {
      title: `The commands, ${FEW} containers`,
      rows,
      notes: [...timingNotes(timed), ...missing],
      goals: [],
      data: timed,
    };
  } finally {
    for (const argv of undo.reverse()) run(argv);
    await others.close();
  }
}

/** The same bundle with a cgroup of its own. */
function bundleOf(bundle: string, id: string): string {
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as {
    linux: { cgroupsPath: string };
  };
  config.linux.cgroupsPath = `/${id}`;
  const directory = `${BUILD}/bundles/${id}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/config.json`, JSON.stringify(config));
  return directory;
}

/** Why a command fails; undefined when it works. Its output goes nowhere: what `create` leaves behind would hold a pipe open. */
function run([file, ...args]: string[]): string | undefined {
  const { status, error } = spawnSync(file!, args, { stdio: "ignore", timeout: 20_000 });
  return status === 0 ? undefined : (error?.message ?? `exit code ${status}`);
}
