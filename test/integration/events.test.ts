/** Events: each kind happens for real, is told once, and nothing is left of who listened. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readLayout } from "../../src/cgroup/layout.ts";
import { placesOf } from "../../src/container/places.ts";
import type { Container, ContainerEvent, ContainerEvents, EventSpecInput } from "../../src/index.ts";
import { COMMAND, eventually, Rig, TOOL } from "../rig/rig.ts";

const MB = 1_000_000;
const LIMITED = { memory: { limit: 40 * MB } };

/** The next event, which has to be of a kind. */
async function expect<K extends ContainerEvent["kind"]>(
  events: ContainerEvents,
  kind: K,
): Promise<Extract<ContainerEvent, { kind: K }>> {
  const { value, done } = await events.next();
  assert.equal(done ? "the end" : value.kind, kind);
  return value as Extract<ContainerEvent, { kind: K }>;
}

const quiet = { stdio: "ignore" } as const;
const hog = async (container: Container, bytes: number): Promise<string> =>
  (await (await container.run([TOOL, "memhog", String(bytes)], quiet)).exited).reason;

/** The executor that this process started. */
function executorOf(): number {
  const found = readdirSync("/proc")
    .filter(entry => /^\d+$/.test(entry))
    .map(Number)
    .filter(pid => isExecutor(pid) && statusField(pid, "PPid") === String(process.pid));
  assert.equal(found.length, 1, "one executor");
  return found[0]!;
}

function isExecutor(pid: number): boolean {
  try {
    return /\/native\/executor-/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]!);
  } catch {
    return false;
  }
}

function statusField(pid: number, key: string): string | undefined {
  try {
    return new RegExp(`^${key}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** Descriptors and children of the executor. */
function holdings(executor: number): { fds: number; children: number } {
  const children = readFileSync(`/proc/${executor}/task/${executor}/children`, "utf8").trim();
  return {
    fds: readdirSync(`/proc/${executor}/fd`).length,
    children: children === "" ? 0 : children.split(" ").length,
  };
}

/** Whatever holds descriptors and children here: all kinds at once. */
const ALL_KINDS: EventSpecInput = {
  oom: {},
  memory_threshold: { usage: 20 * MB },
  container_empty: {},
  container_populated: {},
  pressure: [{ resource: "CPU" }, { resource: "MEMORY", level: "FULL", window: 500_000 }, { resource: "IO" }],
};

test("oom: what ran out in a container or below, also in one that was made later", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a", LIMITED);
  await using events = outer.events({ oom: {} });
  const before = Date.now();
  assert.equal(await hog(outer, 80 * MB), "oom");
  const first = await expect(events, "oom");
  assert.deepEqual([first.name, first.kills, first.ooms > 0], ["/a", 1, true]);
  assert.ok(first.time.getTime() >= before && first.time.getTime() <= Date.now());
  // one with less than the one above it
  const inner = await rig.create("/a/b", { memory: { limit: 20 * MB } });
  assert.equal(await hog(inner, 30 * MB), "oom");
  assert.equal((await expect(events, "oom")).kills, 1);
});

test("oom: whoever is killed for want of memory above is told of, too", async () => {
  await using rig = Rig.create();
  await rig.create("/a", LIMITED);
  const inner = await rig.create("/a/b");
  await using events = inner.events({ oom: {} });
  assert.equal(await hog(inner, 80 * MB), "oom");
  assert.equal((await expect(events, "oom")).kills, 1);
});

test("oom: while nobody asks nothing is lost, and what came together is one event", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", LIMITED);
  await using events = container.events({ oom: {} });
  for (let i = 0; i < 3; i++) assert.equal(await hog(container, 80 * MB), "oom");
  let kills = 0;
  while (kills < 3) kills += (await expect(events, "oom")).kills;
  assert.equal(kills, 3);
  // what is over before is no event
  await using later = container.events({ oom: {} });
  const nothing = later.next();
  assert.equal(await Promise.race([nothing, sleep(100, "nothing")]), "nothing");
  await later.return();
  assert.deepEqual(await nothing, { done: true, value: undefined });
});

test("memory_threshold: above and below take turns; what is above is told at once", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const usage = 30 * MB;
  await using events = container.events({ memory_threshold: { usage } });
  // gone again before anybody looks: the first time is seen all the same
  assert.equal(await hog(container, 40 * MB), "exited");
  const above = await expect(events, "memory_threshold");
  assert.deepEqual([above.threshold, above.above, above.usage >= 30_000_000n], [30_000_000n, true, true]);
  const below = await expect(events, "memory_threshold");
  assert.deepEqual([below.above, below.usage < 30_000_000n], [false, true]);
  const holder = await container.run([TOOL, "memhog", String(40 * MB), "1000"]);
  await once(holder.stdout!, "data");
  assert.equal((await expect(events, "memory_threshold")).above, true);
  await using late = container.events({ memory_threshold: { usage } });
  assert.equal((await expect(late, "memory_threshold")).above, true);
  await holder.kill("SIGKILL");
  assert.equal((await expect(late, "memory_threshold")).above, false);
  assert.equal((await expect(events, "memory_threshold")).above, false);
});

test("populated and empty: the first process and the last one, here and below", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b");
  await using events = outer.events({ container_empty: {}, container_populated: {} });
  const one = await outer.run(["sleep", "1000"], quiet);
  await expect(events, "populated");
  const two = await inner.run(["sleep", "1000"], quiet);
  await outer.freeze();
  await outer.thaw();
  await one.kill("SIGKILL");
  await one.exited;
  await two.kill("SIGKILL");
  await expect(events, "empty");
  // by default, with oom
  await using all = outer.events();
  const three = await outer.run(["sleep", "1000"], quiet);
  await expect(all, "populated");
  await three.kill("SIGKILL");
  await expect(all, "empty");
});

const V2 = readLayout().hierarchies.some(({ version }) => version === 2);

test("empty: however short a process was, its end is told", {
  skip: V2 ? false : "no cgroup v2 mount on this machine, which tells of changes",
}, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await using events = container.events({ container_empty: {} });
  for (let i = 0; i < 5; i++) {
    assert.equal((await (await container.run([TOOL, "exit", "0"], quiet)).exited).exitCode, 0);
    await expect(events, "empty");
  }
});

const PRESSURE = V2 && existsSync("/proc/pressure/cpu");
const withPressure = { skip: PRESSURE ? false : "pressure (PSI) is not measured on this machine" };

test("pressure: processes that wait for a CPU, some and all", withPressure, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { cpu: { max_limit: 100 } });
  // two seconds: every caller may have a trigger; half a second: it takes CAP_SYS_RESOURCE, or is read
  for (const [level, window] of [
    ["SOME", 2_000_000],
    ["FULL", 500_000],
  ] as const) {
    await using events = container.events({
      pressure: [{ resource: "CPU", level, window, stall: window / 20 }],
    });
    const spinner = await container.run([TOOL, "spin", "1000"], quiet);
    for (let i = 0; i < 2; i++) {
      const { resource, level: told, stall, window: of } = await expect(events, "pressure");
      assert.deepEqual(
        [resource, told, stall, of],
        ["cpu", level.toLowerCase(), BigInt(window / 20), BigInt(window)],
      );
    }
    await spinner.kill("SIGKILL");
    await spinner.exited;
  }
});

test("pressure: processes that wait for memory", withPressure, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { memory: { limit: 16 * MB } });
  await using events = container.events({ pressure: [{ resource: "MEMORY", stall: 1000 }] });
  // One after the other looks for memory where nothing can be freed, until it is killed.
  await container.run(["sh", "-c", `while :; do ${TOOL} memhog ${80 * MB}; done`], quiet);
  const told = await expect(events, "pressure");
  assert.deepEqual([told.resource, told.level, told.stall], ["memory", "some", 1000n]);
  await container.killAll();
});

test(
  "pressure: where nobody measures it, that is said, at the beginning and later",
  withPressure,
  async t => {
    await using rig = Rig.create();
    const container = await rig.create("/a");
    const mount = readLayout().hierarchies.find(({ version }) => version === 2)!.mountPoint;
    const file = join(mount, placesOf(rig.root).subtree, "a/cgroup.pressure");
    if (!existsSync(file)) return t.skip("Linux before 6.1 has no cgroup.pressure");
    const off = {
      code: "FAILED_PRECONDITION",
      message: /pressure of cpu is not measured here/,
      hint: /echo 1 > .*\/a\/cgroup\.pressure/,
    };
    const spec: EventSpecInput = { pressure: [{ resource: "CPU" }] };
    writeFileSync(file, "0");
    await assert.rejects(container.events(spec).next(), off);
    writeFileSync(file, "1");
    const listening = assert.rejects(container.events(spec).next(), off);
    await sleep(100);
    writeFileSync(file, "0");
    await listening;
    assert.equal(existsSync(file), true);
  },
);

test("gone: the last event, whatever one waits for, and of that very container", async () => {
  await using rig = Rig.create();
  for (const spec of [{ oom: {} }, { memory_threshold: { usage: 999 * MB } }, { container_empty: {} }]) {
    const container = await rig.create("/a");
    const told: string[] = [];
    const loop = (async () => {
      for await (const { kind, name } of container.events(spec)) told.push(`${kind} ${name}`);
    })();
    await container.destroy();
    await rig.create("/a"); // another one
    await loop;
    assert.deepEqual(told, ["gone /a"]);
    await container.destroy();
    await assert.rejects(container.events(spec).next(), { code: "NOT_FOUND" });
  }
});

test("however a loop is left, nothing stays open or running", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await rig.create("/a/b");
  await hog(container, MB);
  const executor = executorOf();
  const before = await eventually(
    () => holdings(executor),
    ({ children }) => children === 0,
    "the executor has children",
  );
  const isClean = () =>
    eventually(
      () => holdings(executor),
      // What the command before held may be closed only now.
      now => now.children === 0 && now.fds <= before.fds,
      `the executor held ${JSON.stringify(before)}`,
    );
  const spec = PRESSURE ? ALL_KINDS : { ...ALL_KINDS, pressure: [] };
  const happen = () => hog(container, MB);

  // break
  let loop = (async () => {
    for await (const { kind } of container.events(spec)) if (kind === "populated") break;
  })();
  if (PRESSURE)
    await eventually(
      () => holdings(executor).children,
      children => children >= 1,
      "nobody waits",
    );
  await happen();
  await loop;
  await isClean();

  // throw
  loop = assert.rejects(
    (async () => {
      for await (const event of container.events(spec)) throw new Error(event.kind);
    })(),
    /populated|empty/,
  );
  await happen();
  await loop;
  await isClean();

  // abort, before and while it waits
  const aborted = container.events(spec, { signal: AbortSignal.abort(new Error("never")) });
  await assert.rejects(aborted.next(), /never/);
  assert.deepEqual(await aborted.next(), { done: true, value: undefined });
  const controller = new AbortController();
  const waiting = assert.rejects(container.events(spec, { signal: controller.signal }).next(), /enough/);
  await sleep(20);
  controller.abort(new Error("enough"));
  await waiting;
  await isClean();

  // never begun, and ended at once
  await container.events(spec).return();
  {
    await using _events = container.events(spec);
  }
  await isClean();

  // refused half way
  await assert.rejects(container.events({ ...spec, pressure: [{ resource: "CPU", window: 1 }] }).next(), {
    code: "INVALID_ARGUMENT",
  });
  await isClean();

  // destroyed
  loop = (async () => {
    for await (const _ of container.events(spec));
  })();
  await container.destroy({ force: true });
  await loop;
  await isClean();
});

test("the executor's death ends the loop, with an error", {
  skip: PRESSURE || readLayout().kind !== "v2" ? false : "nothing is waited for in the executor here",
}, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const spec: EventSpecInput = PRESSURE ? { pressure: [{ resource: "IO" }] } : { oom: {} };
  const ended = assert.rejects(container.events(spec).next(), { code: "UNAVAILABLE" });
  const executor = executorOf();
  await eventually(
    () => holdings(executor).children,
    children => children === 1,
    "nobody waits",
  );
  const child = Number(readFileSync(`/proc/${executor}/task/${executor}/children`, "utf8"));
  process.kill(executor, "SIGKILL");
  await ended;
  await eventually(
    () => isExecutor(child),
    is => !is,
    "who waited is still there",
  );
  // the next one has a new executor
  await using events = container.events({ container_empty: {} });
  await container.run([TOOL, "exit", "0"], quiet);
  await expect(events, "empty");
});

test("bad input changes nothing and says what is wrong", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const refused = (spec: unknown, expected: object) =>
    assert.rejects(container.events(spec as EventSpecInput).next(), {
      code: "INVALID_ARGUMENT",
      ...expected,
    });
  await refused({ memory_threshold: {} }, { place: "events.memory_threshold.usage" });
  await refused({ memory_threshold: { usage: 0 } }, { place: "events.memory_threshold.usage" });
  await refused({ memory_threshold: { usage: "many" } }, {});
  await refused({ ooom: {} }, { message: /unknown field "ooom"/ });
  if (PRESSURE) {
    await refused({ pressure: [{}] }, { place: "events.pressure[0].resource" });
    await refused({ pressure: [{ resource: "DISK" }] }, { message: /DISK/ });
    await refused(
      { pressure: [{ resource: "CPU", window: 10_000_001 }] },
      { place: "events.pressure[0].window" },
    );
    await refused({ pressure: [{ resource: "CPU", stall: 0 }] }, { place: "events.pressure[0].stall" });
    await refused({ pressure: [{ resource: "CPU", stall: 2_000_001 }] }, { message: /at most the window/ });
  }
  await assert.rejects((await rig.lmctfy.get("/")).events().next(), { code: "FAILED_PRECONDITION" });
});

/** The command, as it runs. */
function start(rig: Rig, ...args: string[]) {
  const child = spawn(COMMAND, ["notify", ...args], {
    env: { ...process.env, LMCTFY_ROOT: rig.root },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", chunk => {
    said.stdout += chunk;
  });
  child.stderr.on("data", chunk => {
    said.stderr += chunk;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, ...said }));
  const lines = () => said.stdout.trimEnd().split("\n").filter(Boolean);
  const sees = (count: number) => eventually(lines, all => all.length >= count, `${args}: ${said.stderr}`);
  /** It watches by inotify, on every machine at least whether the container goes away. */
  const listens = () =>
    eventually(
      () => descriptorsOf(child.pid!),
      links => links.includes("anon_inode:inotify"),
      `${args}: it does not listen`,
    );
  return { child, ended, sees, listens };
}

function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** Does something again and again until somebody who started just now has seen it. */
async function until<T>(ended: Promise<T>, act: () => Promise<unknown>): Promise<T> {
  let over = false;
  const done = ended.then(() => {
    over = true;
  });
  while (!over) await Promise.race([done, act().then(() => sleep(20))]);
  return ended;
}

test("notify, the command: one event, in each form", { timeout: 120_000 }, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", LIMITED);
  const oom = () => hog(container, 80 * MB);
  const json = await until(start(rig, "memory", "oom", "--json", "/a").ended, oom);
  const { time, ...event } = JSON.parse(json.stdout);
  assert.deepEqual([json.code, json.stderr, event.event, event.name], [0, "", "oom", "/a"]);
  assert.equal(typeof event.kills, "number");
  assert.equal(new Date(time).toISOString(), time);

  const short = () => container.run([TOOL, "exit", "0"], quiet).then(({ exited }) => exited);
  const pairs = await until(start(rig, "empty", "/a").ended, short);
  assert.match(pairs.stdout, /^event="empty" name="\/a" time="[^"]+"\n$/);
  const values = await until(start(rig, "-v", "/a").ended, short);
  assert.match(values.stdout, /^(populated|empty) \/a \S+\n$/);
  const spec = await until(start(rig, "any", "/a", "--json", "container_empty:{} oom:{}").ended, short);
  assert.equal(JSON.parse(spec.stdout).event, "empty");
  const threshold = await rig.command(["notify", "memory", "threshold", "--json", "/a", "1"]);
  const { event: kind, threshold: bytes, above } = JSON.parse(threshold.stdout);
  assert.deepEqual([kind, bytes, above], ["memory_threshold", 1, true]);
  assert.deepEqual(
    rig.files().filter(path => /_new|\.new$/.test(path)),
    [],
  );
});

test("notify, the command: --follow streams, and ends when the container goes away", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const all = start(rig, "-F", "--json", "/a");
  const first = start(rig, "memory", "oom", "/a");
  await first.listens();
  const sleeper = await container.run(["sleep", "1000"], quiet);
  const short = async () => {
    await (await container.run([TOOL, "exit", "0"], quiet)).exited;
  };
  await sleeper.kill("SIGKILL");
  await until(all.sees(4), short);
  await container.destroy({ force: true });
  const end = await all.ended;
  assert.deepEqual([end.code, end.signal], [5, null]);
  assert.match(end.stderr, /"code":"NOT_FOUND"/);
  const events = end.stdout
    .trimEnd()
    .split("\n")
    .map(line => JSON.parse(line).event);
  assert.equal(events.at(-1), "gone");
  const one = await first.ended;
  assert.deepEqual([one.code, one.stdout], [5, ""]);
  assert.match(one.stderr, /container \/a was destroyed meanwhile \(NOT_FOUND, exit 5\)/);
});

test("notify, the command: time, signals and closed output end it", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const late = await rig.command(["notify", "memory", "oom", "-t", "0.05", "/a"]);
  assert.equal(late.code, 4);
  assert.match(late.stderr, /no such event in \/a within 0\.05 s \(DEADLINE_EXCEEDED, exit 4\)/);
  const follow = await rig.command(["notify", "memory", "threshold", "-F", "-t", "0.2", "/a", "1"]);
  if (follow.stdout !== "") assert.equal(follow.code, 0);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const { child, ended, listens } = start(rig, "-F", "/a");
    await listens();
    child.kill(signal);
    const end = await ended;
    assert.deepEqual([end.code, end.signal, end.stdout], [null, signal, ""]);
  }
  const closed = start(rig, "-F", "/a");
  closed.child.stdout.destroy();
  const end = await until(closed.ended, async () => {
    await (await container.run([TOOL, "exit", "0"], quiet)).exited;
  });
  assert.deepEqual([end.code, end.stderr], [0, ""]);
});

test("notify, the command: pressure", withPressure, async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", { cpu: { max_limit: 100 } });
  const spinner = await container.run([TOOL, "spin", "1000"], quiet);
  const args = ["notify", "pressure", "cpu", "--json", "--full", "--window", "1", "--stall", "0.05", "/a"];
  const said = await rig.command(args);
  assert.deepEqual([said.code, said.stderr], [0, ""]);
  const { time: _, ...event } = JSON.parse(said.stdout);
  assert.deepEqual(event, {
    event: "pressure",
    name: "/a",
    resource: "cpu",
    level: "full",
    stall: 50_000,
    window: 1_000_000,
  });
  await spinner.kill("SIGKILL");
});

test("notify, the command: bad input", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  for (const [args, code, message] of [
    [["memory", "oom", "/nope"], 5, /no container/],
    [["memory", "oom", "/a", "5"], 3, /takes no number/],
    [["memory", "leak", "/a"], 3, /oom and threshold/],
    [["memory", "threshold", "/a"], 3, /BYTES is missing/],
    [["memory", "threshold", "/a", "5M"], 3, /not a number of bytes/],
    [["pressure", "disk", "/a"], 3, /cpu, memory and io/],
    [["pressure", "cpu", "--window", "0.1", "/a"], PRESSURE ? 3 : 9, /window|pressure/],
    [["pressure", "cpu", "--window", "x", "/a"], 3, /--window x/],
    [["any", "/a", "memory_threshold:{}"], 3, /usage/],
    [["any", "/a", "nothing:{}"], 3, /unknown field/],
    [["any", "-c", "/nonexistent", "/a"], 5, /nonexistent/],
    [["oom", "/a"], 3, /lmctfy notify memory oom/],
    [["empty", "-t", "soon", "/a"], 3, /--timeout/],
    [["empty", "/"], 9, /is the machine/],
  ] as const) {
    const said = await rig.command(["notify", ...args]);
    assert.equal(said.code, code, `${args.join(" ")}: ${said.stderr}`);
    assert.match(said.stderr, message);
    assert.equal(said.stdout, "");
  }
});
