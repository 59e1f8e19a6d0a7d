/** What `--json` prints, of every command: names and types that programs rely on, and so are only ever added to. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "../../src/cli/table.ts";
import type { Message } from "../../src/spec/descriptor.ts";
import { ContainerSpec, formatSpec } from "../../src/spec/index.ts";
import { ContainerStats } from "../../src/spec/messages/stats.ts";
import { HistogramMap } from "../../src/spec/messages/stats-cpu.ts";
import { eventually, Rig } from "../rig/rig.ts";

/** A type by its name, an array by its items, an object by its fields; `?` at its end says that a field may be missing. */
type Shape =
  | "string"
  | "number"
  | "boolean"
  | "any"
  | readonly [Shape]
  | { readonly [field: string]: Shape }
  | Message;

const isMessage = (shape: object): shape is Message => "byName" in shape;

function assertShape(value: unknown, shape: Shape, where: string): void {
  if (typeof shape === "string") {
    if (shape !== "any") assert.equal(typeof value, shape, where);
    return;
  }
  if (Array.isArray(shape)) {
    assert.ok(Array.isArray(value), `${where} is no list`);
    for (const [i, item] of value.entries()) assertShape(item, shape[0]!, `${where}[${i}]`);
    return;
  }
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), `${where} is no object`);
  if (isMessage(shape as object)) {
    for (const name of Object.keys(value))
      assert.ok((shape as Message).byName.has(name), `${where}.${name} is not known`);
    return;
  }
  const fields = new Map(
    Object.entries(shape as object).map(([name, of]) => [name.replace("?", ""), of as Shape]),
  );
  for (const name of Object.keys(shape as object))
    if (!name.endsWith("?")) assert.ok(name in value, `${where}.${name} is missing`);
  for (const [name, item] of Object.entries(value)) {
    const of = fields.get(name);
    assert.ok(of !== undefined, `${where}.${name} is not told of`);
    assertShape(item, of, `${where}.${name}`);
  }
}

const NAME = { name: "string" } as const;
const NAMED = { name: "string", pid: "number" } as const;
const CONTAINERS = { containers: [NAME] } as const;
const EVENT = "any";

const histograms = { histograms: [HistogramMap] } as const;

/** What each command is called with, and prints then. `/web` runs nothing, `/host` is a virtual host, `/busy` has a process. */
const CALLS: { readonly [command: string]: { words: string[]; shape: Shape } | string } = {
  create: { words: ["/new", "pids:{limit:5}"], shape: NAME },
  run: { words: ["-n", "/web", "true"], shape: NAMED },
  "list containers": { words: ["-r", "/"], shape: { containers: [{ name: "string", state: "string" }] } },
  "list pids": { words: ["/busy"], shape: { pids: ["number"] } },
  "list tids": { words: ["/busy"], shape: { tids: ["number"] } },
  "stats summary": { words: ["/busy"], shape: ContainerStats },
  "stats full": { words: ["/busy"], shape: ContainerStats },
  "stats histograms": { words: ["/busy"], shape: histograms },
  top: {
    words: ["--count", "1", "--delay", "0.1", "/"],
    shape: {
      time: "string",
      containers: [
        {
          name: "string",
          "cpu_percent?": "number",
          "memory_bytes?": "number",
          "memory_limit_bytes?": "number",
          "read_bytes_per_second?": "number",
          "write_bytes_per_second?": "number",
          "pids?": "number",
        },
      ],
    },
  },
  spec: { words: ["/web"], shape: ContainerSpec },
  check: {
    words: ["/busy"],
    shape: {
      name: "string",
      grade: "string",
      score: "number",
      findings: [{ item: "string", verdict: "string", cost: "number", text: "string" }],
      processes: "number",
      differences: ["any"],
    },
  },
  "update diff": { words: ["/web", "pids:{limit:50}"], shape: NAME },
  "update replace": { words: ["/web", "pids:{limit:60}"], shape: NAME },
  destroy: { words: ["/gone"], shape: NAME },
  enter: { words: ["/web", "PID"], shape: { name: "string", pids: ["number"] } },
  wait: { words: ["/gone"], shape: NAME },
  start: { words: ["/host"], shape: NAMED },
  restart: { words: ["/host"], shape: NAMED },
  stop: { words: ["-t", "0.1", "/host"], shape: NAME },
  "notify any": "waits for several events; events.test.ts",
  "notify memory": "waits for memory to run out; events.test.ts",
  "notify pressure": "waits for pressure; events.test.ts",
  "notify empty": { words: ["/web"], shape: EVENT },
  pause: { words: ["/busy"], shape: NAME },
  resume: { words: ["/busy"], shape: NAME },
  killall: { words: ["/busy"], shape: NAME },
  detect: { words: [], shape: NAME },
  plan: {
    words: ["/web"],
    shape: {
      name: "string",
      create: ["string"],
      run: [{ step: "number", label: "string", stage: "string", on_error: "string", "target?": "number" }],
    },
  },
  init: { words: [], shape: CONTAINERS },
  gc: { words: [], shape: CONTAINERS },
  features: {
    words: [],
    shape: {
      kernel: { release: "string", arch: "string" },
      cgroup: {
        layout: "string",
        hierarchies: [{ version: "number", mount_point: "string", controllers: ["string"] }],
        disabled: ["string"],
        kill: "string",
        freeze: "string",
        swap_accounting: "string",
        pressure: "string",
      },
      namespaces: "any",
      user_namespaces: { max: "number", unprivileged: "string" },
      perf_events: { software: "string", hardware: "string" },
      syscalls: "any",
      syscalls_error: "any",
      security: { lsms: "any", seccomp_actions: ["string"] },
      caller: { uid: "number", gid: "number", capabilities: ["string"], missing_capabilities: ["string"] },
    },
  },
  version: {
    words: [],
    shape: {
      version: "string",
      program_format: "number",
      arch: "string",
      runtime: { name: "string", version: "string" },
    },
  },
  help: { words: [], shape: { commands: ["any"], flags: ["any"] } },
};

test("every command prints what its page says, on one line", async () => {
  await using rig = Rig.create();
  await rig.create("/web");
  await rig.create("/gone");
  await rig.create("/host", { virtual_host: {} });
  const busy = await rig.create("/busy", { memory: { limit: 100_000_000 } });
  await using _sleeper = await busy.run(["sleep", "1000"], { stdio: "ignore" });
  const moved = spawn("sleep", ["1000"]);
  try {
    for (const { words, json } of COMMANDS) {
      const key = words.join(" ");
      const call = CALLS[key];
      assert.ok(call !== undefined && json, `nobody thought of --json for ${key}`);
      if (typeof call === "string") continue;
      if (key === "wait" || key === "destroy") await rig.lmctfy.get("/gone").catch(() => rig.create("/gone"));
      if (key === "notify empty") setTimeout(() => moved.kill(), 300); // what is empty already it does not tell
      const given = call.words.map(word => (word === "PID" ? String(moved.pid) : word));
      const args = [...words, "--json", ...given];
      const { stdout, stderr, code } = await rig.command(args);
      if (key === "stats histograms" && code === 9) continue; // no bpftrace: that error is told of by histograms.test.ts
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      assert.match(stdout, /^[^\n]+\n$/, key);
      assertShape(JSON.parse(stdout), call.shape, key);
    }
  } finally {
    moved.kill("SIGKILL");
  }
});

/** One of everything that is served and goes together. */
const ALL = `
owner: 65534 owner_group: 65534 children_limit: 7
cpu { limit: 500 max_limit: 1500 burst: 100 scheduling_latency: PREMIER cpus: "0" mems: "0" }
memory { limit: 100000000 swap_limit: 200000000 reservation: 1000 eviction_priority: 5000 oom_group: false kmem_charge_usage: true }
filesystem { fd_limit: 100 rootfs: "/" read_only: true mounts { mount { source: "/usr" target: "/mnt" read_only: true options: "noexec" } mount { type: TMPFS target: "/tmp" size: 4096000 } } }
virtual_host { virtual_hostname: "a-name" domain_name: "a.domain" namespaces { net: "host" time: "new" } init { init_argv: "/bin/sleep" init_argv: "1000" } clocks { boottime: 5 } }
device { isolated: true restrictions_set { restrictions { permission: ALLOW access: READ access: WRITE path: "/dev/full" } restrictions { permission: DENY type: DEVICE_BLOCK access: MKNOD major: 7 minor: 3 } } }
security_spec { no_new_privs: true seccomp: "default" new_keyring: false capabilities { add: "CAP_NET_RAW" drop: "CAP_CHOWN" } }
pids { limit: 99 } rlimits { core { soft: 0 hard: 10 } stack { soft: 1000000 } }
monitoring { enable_perf_counters: false }
`;

test("what spec prints, create accepts, in each form, and it is the same container", async () => {
  await using rig = Rig.create();
  const made = await rig.command(["create", "/a", ALL]);
  assert.deepEqual([made.stderr, made.code], ["", 0]);
  const stored = await (await rig.lmctfy.get("/a")).spec();
  const text = await rig.command(["spec", "/a"]);
  const json = await rig.command(["spec", "/a", "--json"]);
  const { stringify } = await import("yaml");
  const yaml: string = stringify(JSON.parse(json.stdout));
  for (const [i, form] of [text.stdout, json.stdout, yaml, await formatSpec(stored, "text")].entries()) {
    const file = join(rig.root, form === yaml ? "spec.yaml" : "spec");
    writeFileSync(file, form);
    const { stderr, code } = await rig.command(["create", `/again${i}`, "-c", file]);
    assert.deepEqual([stderr, code], ["", 0], form.slice(0, 100));
    assert.deepEqual(await (await rig.lmctfy.get(`/again${i}`)).spec(), stored);
  }
  assert.equal(Object.keys(stored).length, 12);
  await eventually(
    async () => (await rig.lmctfy.list("/")).length,
    count => count === 5,
    "containers",
  );
});
