/** The library has all that the command has: a twin of each command, and a way to stop waiting where it waits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../../src/cli/table.ts";
import { Container, Lmctfy } from "../../src/index.ts";
import { Rig } from "../rig/rig.ts";

/** By command: methods of a container, or of the whole installation. */
const TWINS: { readonly [command: string]: string } = {
  create: "Lmctfy.create",
  run: "Container.run",
  "list containers": "Container.subcontainers",
  "list pids": "Container.pids",
  "list tids": "Container.pids",
  "stats summary": "Container.stats",
  "stats full": "Container.watchStats",
  "stats histograms": "Container.histograms",
  top: "Lmctfy.watchStats",
  check: "Container.check",
  spec: "Container.spec",
  "update diff": "Container.update",
  "update replace": "Container.update",
  destroy: "Container.destroy",
  enter: "Container.enter",
  wait: "Container.wait",
  start: "Container.start",
  stop: "Container.stop",
  restart: "Container.start",
  "notify any": "Container.events",
  "notify memory": "Container.events",
  "notify empty": "Container.events",
  "notify pressure": "Container.events",
  pause: "Container.freeze",
  resume: "Container.thaw",
  killall: "Container.killAll",
  detect: "Lmctfy.detect",
  plan: "Container.plan",
  init: "Lmctfy.init",
  gc: "Lmctfy.recover",
  features: "Lmctfy.features",
  version: "nothing: package.json has it",
  help: "nothing: it is about the command",
};

test("every command has a twin", () => {
  const classes: { [name: string]: object } = { Container: Container.prototype, Lmctfy: Lmctfy.prototype };
  for (const { words } of COMMANDS) {
    const twin = TWINS[words.join(" ")];
    assert.ok(twin !== undefined, `nobody thought of a twin of ${words.join(" ")}`);
    if (twin.startsWith("nothing")) continue;
    const [owner, method] = twin.split(".") as [string, string];
    assert.equal(typeof (classes[owner] as Record<string, unknown>)[method], "function", twin);
  }
});

test("whatever waits ends when its signal is aborted, with the caller's reason", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  await using sleeper = await container.run(["sleep", "1000"], { stdio: "ignore" });
  const waiting: [string, (signal: AbortSignal) => Promise<unknown>][] = [
    ["wait", signal => container.wait({ signal })],
    ["events", signal => container.events({ container_empty: {} }, { signal }).next()],
    [
      "watchStats",
      async signal => {
        for await (const _ of container.watchStats({ intervalMs: 60_000, signal }));
      },
    ],
    [
      "Lmctfy.watchStats",
      async signal => {
        for await (const _ of rig.lmctfy.watchStats({ intervalMs: 60_000, signal }));
      },
    ],
  ];
  for (const [what, wait] of waiting) {
    const reason = new Error(`no more ${what}`);
    await assert.rejects(wait(AbortSignal.timeout(20)), { name: "TimeoutError" }, what);
    await assert.rejects(wait(AbortSignal.abort(reason)), { message: reason.message }, what);
  }
  // A command is ended with it.
  const end = new AbortController();
  const command = await container.run(["sleep", "1000"], { stdio: "ignore", signal: end.signal });
  end.abort();
  assert.deepEqual(await command.exited.then(({ reason, signal }) => [reason, signal]), [
    "aborted",
    "SIGKILL",
  ]);
  const frozen = await rig.create("/frozen");
  await frozen.freeze();
  await assert.rejects(frozen.run(["true"], { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  await frozen.thaw();
  assert.deepEqual(await container.pids(), [sleeper.pid]);
});
