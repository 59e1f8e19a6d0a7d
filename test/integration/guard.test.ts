/** What must never happen to the machine itself, and what always ends. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { COMMANDS } from "../../src/cli/table.ts";
import { COMMAND, eventually, execute, Rig, TOOL } from "../rig/rig.ts";

/** What each command answers for `/`; those that only look are served, with these words as well. */
const FOR_ROOT: Readonly<
  Record<string, { words: readonly string[]; code: number } | "look" | { look: string[] }>
> = {
  check: { words: ["/"], code: 9 },
  create: { words: ["/", ""], code: 6 },
  run: { words: ["/", "true"], code: 3 },
  "update diff": { words: ["/", "pids:{limit:1}"], code: 9 },
  "update replace": { words: ["/", ""], code: 9 },
  destroy: { words: ["-f", "/"], code: 9 },
  enter: { words: ["/"], code: 3 },
  wait: { words: ["/"], code: 9 },
  "notify any": { words: ["/"], code: 9 },
  "notify memory": { words: ["oom", "/"], code: 9 },
  "notify empty": { words: ["/"], code: 9 },
  "notify pressure": { words: ["cpu", "/"], code: 9 },
  pause: { words: ["/"], code: 9 },
  resume: { words: ["/"], code: 9 },
  killall: { words: ["-r", "/"], code: 9 },
  start: { words: ["/"], code: 9 },
  stop: { words: ["/"], code: 9 },
  restart: { words: ["/"], code: 9 },
  "list containers": "look",
  "list pids": "look",
  "list tids": "look",
  "stats summary": "look",
  "stats full": "look",
  // Where nothing counts them, what is answered is that.
  "stats histograms": spawnSync("bpftrace", ["--version"]).error ? { words: ["/"], code: 9 } : "look",
  top: { look: ["--count", "1", "--delay", "0.1"] },
  spec: "look",
  plan: "look",
};

test("/ is never made, changed, entered, paused, killed or destroyed, in whatever spelling", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const inside = await container.run(["sleep", "1000"], { stdio: "ignore" });
  const membership = readFileSync("/proc/self/cgroup", "utf8");
  for (const { words, args } of COMMANDS) {
    if (!args.some(({ name }) => name === "NAME")) continue;
    const key = words.join(" ");
    const answer = FOR_ROOT[key];
    assert.ok(answer !== undefined, `nobody thought of / for ${key}`);
    if (answer === "look" || "look" in answer) {
      const more = answer === "look" ? [] : answer.look;
      assert.equal((await rig.command([...words, ...more, "/"])).code, 0, key);
      continue;
    }
    for (const spelling of ["/", "//", "/a/..", "/.."]) {
      const call: string[] = [...words, ...answer.words.map(word => (word === "/" ? spelling : word))];
      const { code, stdout, stderr } = await rig.command(call);
      assert.deepEqual([code, stdout], [answer.code, ""], `${call.join(" ")}: ${stderr}`);
    }
  }
  // The caller is in no container, so that a relative name may mean the machine as well.
  for (const name of [".", "..", "./"]) assert.equal((await rig.command(["killall", name])).code, 9, name);
  assert.equal(readFileSync("/proc/self/cgroup", "utf8"), membership);
  assert.deepEqual([await container.state(), await container.pids()], ["running", [inside.pid]]);
  const root = await rig.lmctfy.get("/");
  const refused = [
    root.killAll(),
    root.destroy({ force: true }),
    root.freeze(),
    root.thaw(),
    root.update({ pids: { limit: 1 } }),
    root.wait(),
    root.events().next(),
  ];
  for (const each of refused) await assert.rejects(each, { code: "FAILED_PRECONDITION" });
  for (const each of [root.enter([process.pid]), root.run(["true"])])
    await assert.rejects(each, { code: "INVALID_ARGUMENT" });
  await inside.kill("SIGKILL");
});

test("killall ends fork bombs in nested containers, whole, and what is beside them goes on", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a", { pids: { limit: 60 } });
  const nested = [
    await rig.create("/a/b", { pids: { limit: 40 } }),
    await rig.create("/a/b/c", { pids: { limit: 20 } }),
  ];
  const beside = await (await rig.create("/beside")).run(["sleep", "1000"], { stdio: "ignore" });
  // The innermost first: each has room that those before it cannot take.
  const all = [outer, ...nested].reverse();
  for (const words of [["/a"], ["-r", "/a"]]) {
    for (const container of all) await container.run([TOOL, "forkbomb"], { stdio: "ignore" });
    // the bound is reached: from now on each end makes room for a new one
    await eventually(
      async () => (await outer.pids({ recursive: true })).length,
      count => count >= 50,
      "the bombs do not go off",
    );
    const { code, stderr } = await rig.command(["killall", ...words]);
    assert.equal(code, 0, stderr);
    for (const container of all) {
      assert.deepEqual(await container.pids(), []);
      assert.equal(await container.state(), "empty");
    }
  }
  // of those below alone, too; and all of them take commands afterwards
  await nested[1]!.run([TOOL, "forkbomb"], { stdio: "ignore" });
  const kept = await outer.run(["sleep", "1000"], { stdio: "ignore" });
  await nested[0]!.killAll();
  assert.deepEqual(await outer.pids({ recursive: true }), [kept.pid]);
  for (const container of all) assert.equal((await rig.tool(container, "exit", "3")).exitCode, 3);
  assert.deepEqual(await (await rig.lmctfy.get("/beside")).pids(), [beside.pid]);
  await kept.kill("SIGKILL");
  await beside.kill("SIGKILL");
});

test("run: a command that gets SIGSTOP by its number is continued by it, and run ends with it", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const ended = execute(COMMAND, ["run", "/a", "sh", "-c", "kill -STOP $$; exit 7"], {
    env: { LMCTFY_ROOT: rig.root },
  });
  const stateOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]![0];
  const [pid] = await eventually(
    () => container.pids(),
    pids => pids.length === 1 && stateOf(pids[0]!) === "T",
    "it does not stop",
  );
  process.kill(pid!, "SIGCONT");
  assert.equal((await ended).code, 7);
});
