/** A Debian with systemd, brought up and shut down: beside LXC, on the same root, with users of its own in both. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readLayout } from "../../src/cgroup/layout.ts";
import { prepareSystem } from "../../test/host/image.ts";
import { PREFIX } from "../cgroup.ts";
import type { Context, GroupResult } from "../group.ts";
import { BUILD, LMCTFY, which } from "../paths.ts";
import { lmctfy } from "../product.ts";
import { formatMillis, formatRatio } from "../report.ts";
import { median } from "../statistics.ts";

const ROOT = `${BUILD}/system-root`;
const LXC = `${BUILD}/lxc`;
const NAME = `${PREFIX}-system`;
/** Made by the last unit that comes up. */
const READY = `${ROOT}/ready`;
const MEMORY = 512 << 20;
/** As in lxc-start, which tells as little. */
const PATIENCE = 60_000;

interface System {
  name: string;
  start: string[];
  stop: string[];
  up: number[];
  down: number[];
  failure: string | undefined;
}

export async function system(context: Context): Promise<GroupResult[]> {
  await makeRoot();
  const name = `/${NAME}`;
  const files = `filesystem:{rootfs:${JSON.stringify(ROOT)}}`;
  const limits = `memory:{limit:${MEMORY}} pids:{limit:500}`;
  try {
    spawnSync(LMCTFY, ["destroy", "-f", name]); // of a bench that was killed
    lmctfy("create", name, `virtual_host:{init:{init_argv:"/sbin/init"}} ${files} ${limits}`);
    return await measure(context, name);
  } finally {
    spawnSync(LMCTFY, ["destroy", "-f", name]);
    for (const path of [ROOT, LXC]) rmSync(path, { recursive: true, force: true });
  }
}

async function measure(context: Context, name: string): Promise<GroupResult[]> {
  const ours: System = {
    name: "lmctfy",
    start: [LMCTFY, "start", name],
    stop: [LMCTFY, "stop", name],
    up: [],
    down: [],
    failure: undefined,
  };
  const systems = [ours];
  const missing: string[] = [];
  const others = lxc();
  if (typeof others === "string") missing.push(`LXC is missing: ${others}`);
  else systems.push(others);
  const pivots = lxcPivots().filter(path => !existsSync(path));
  try {
    const rounds = context.quick ? 3 : 12;
    for (let round = -1; round < rounds && !context.signal.aborted; round++) {
      const order = Math.random() < 0.5 ? systems : [...systems].reverse();
      for (const each of order) await bootOnce(each, round >= 0);
    }
  } finally {
    for (const { start, stop } of systems)
      if (start[0] !== LMCTFY) spawnSync(stop[0]!, [...stop.slice(1), "--kill"]);
    for (const path of pivots) if (existsSync(path)) rmdirSync(path);
  }
  for (const { name: who, failure } of systems) if (failure) missing.push(`${who} failed: ${failure}`);
  if (ours.failure) context.fail(`lmctfy start of a system: ${ours.failure}`);
  const beside = systems.find(each => each !== ours && !each.failure);
  const ratio = (of: "up" | "down") => beside && median(ours[of].map((took, i) => took / beside[of][i]!));
  const rows = [["", "up ms", "x LXC", "down ms", "x LXC"]];
  for (const each of systems) {
    const own = each === ours;
    rows.push([
      each.name,
      formatMillis(median(each.up)),
      own ? formatRatio(ratio("up")) : "",
      formatMillis(median(each.down)),
      own ? formatRatio(ratio("down")) : "",
    ]);
  }
  return [
    {
      title: "A Debian with systemd: from start to its last unit, and until it is shut down",
      rows,
      notes: missing,
      goals: [{ text: "system: start / LXC", value: ratio("up"), limit: 1.2, sense: "at most", unit: "x" }],
      data: { systems, missing },
    },
  ];
}

/** A system that fails once is not tried again. */
async function bootOnce(each: System, counts: boolean): Promise<void> {
  if (each.failure !== undefined) return;
  rmSync(READY, { force: true });
  const begin = performance.now();
  each.failure = said(each.start);
  while (each.failure === undefined && !existsSync(READY)) {
    if (performance.now() - begin > PATIENCE) each.failure = "it does not come up";
    await sleep(1);
  }
  const up = performance.now();
  each.failure ??= said(each.stop);
  if (!counts || each.failure !== undefined) return;
  each.up.push(up - begin);
  each.down.push(performance.now() - up);
}

async function makeRoot(): Promise<void> {
  rmSync(ROOT, { recursive: true, force: true });
  mkdirSync(BUILD, { recursive: true });
  execFileSync("cp", ["-a", await prepareSystem(), ROOT]);
  const units = `${ROOT}/etc/systemd/system`;
  const unit = "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/touch /ready\n";
  writeFileSync(`${units}/ready.service`, unit);
  mkdirSync(`${units}/graphical.target.wants`, { recursive: true });
  symlinkSync("../ready.service", `${units}/graphical.target.wants/ready.service`);
}

/** LXC's own configuration for containers with users of their own; or why it cannot be had. */
function lxc(): System | string {
  const [start, stop] = [which("lxc-start"), which("lxc-stop")];
  if (start === undefined || stop === undefined) return "not installed";
  const limits =
    readLayout().kind === "v2"
      ? [`lxc.cgroup2.memory.max = ${MEMORY}`, "lxc.cgroup2.pids.max = 500"]
      : [`lxc.cgroup.memory.limit_in_bytes = ${MEMORY}`, "lxc.cgroup.pids.max = 500"];
  const lines = [
    `lxc.uts.name = ${NAME}`,
    `lxc.rootfs.path = dir:${ROOT}`,
    "lxc.rootfs.options = idmap=container",
    "lxc.include = /usr/share/lxc/config/common.conf",
    "lxc.include = /usr/share/lxc/config/userns.conf",
    "lxc.idmap = u 0 2000000000 65536",
    "lxc.idmap = g 0 2000000000 65536",
    "lxc.net.0.type = empty",
    ...limits,
  ];
  mkdirSync(`${LXC}/${NAME}`, { recursive: true });
  writeFileSync(`${LXC}/${NAME}/config`, `${lines.join("\n")}\n`);
  const of = ["--lxcpath", LXC, "--name", NAME];
  spawnSync(stop, [...of, "--kill"]); // of a bench that was killed
  return { name: "LXC", start: [start, ...of], stop: [stop, ...of], up: [], down: [], failure: undefined };
}

/** Cgroups in which lxc-start leaves itself. */
const lxcPivots = (): string[] =>
  [
    "unified",
    "systemd",
    ...readLayout().hierarchies.map(({ mountPoint }) => mountPoint.replace("/sys/fs/cgroup/", "")),
  ]
    .map(path => `/sys/fs/cgroup/${path}/lxc.pivot`)
    .concat("/sys/fs/cgroup/lxc.pivot");

function said([file, ...args]: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(file!, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PATIENCE,
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split("\n").at(-1) || `exit code ${status}`);
}
