/** What a restart of the machine does to containers, and `init` after it: cgroups and runtime files are taken away here. */
import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { placesOf, runtimeDirectory, stateDirectory } from "../../src/container/places.ts";
import { Rig } from "../rig/rig.ts";

async function restart(rig: Rig): Promise<void> {
  const { subtree, runtime } = placesOf(rig.root);
  const cgroups = openCgroups({ subtree });
  for (const name of cgroups.children("/")) {
    await cgroups.kill(name);
    await cgroups.remove(name);
  }
  cgroups.removeRootIfEmpty();
  rmSync(runtime, { recursive: true });
}

test("after a restart containers are known and stopped, and init makes them whole, once", async () => {
  await using rig = Rig.create();
  await rig.create("/a", { pids: { limit: 20n } });
  const inner = await rig.create("/a/b", { pids: { limit: 500n } });
  await rig.create("/c");
  await inner.run(["sleep", "1000"], { detached: true });
  const spec = await inner.spec();
  await restart(rig);

  const said = await rig.command(["list", "containers", "-r", "/", "--json"]);
  assert.deepEqual(
    JSON.parse(said.stdout).containers.map(({ name, state }: { name: string; state: string }) => [
      name,
      state,
    ]),
    ["/a", "/a/b", "/c"].map(name => [name, "empty"]),
  );
  assert.deepEqual(rig.cgroups(), []);
  const init = await rig.command(["init", "-v"]);
  assert.deepEqual([init.stderr, init.stdout, init.code], ["", "/a\n/a/b\n/c\n", 0]);
  assert.ok(rig.cgroups().length >= 3);
  assert.deepEqual(await inner.spec(), spec);
  // The limit bites again: of the outer one, in the inner one.
  const { stdout } = await rig.tool(inner, "forks", "60");
  assert.ok(Number(/\d+/.exec(stdout)?.[0]) < 20, stdout);
  assert.ok(existsSync(join(runtimeDirectory(placesOf(rig.root), "/a/b"), "_run.prog")));
  assert.equal((await rig.command(["init", "-v"])).stdout, "");
});

test("init leaves what runs alone, and renews a program of another boot", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a");
  const { pid } = await container.run(["sleep", "1000"], { detached: true });
  assert.deepEqual(await rig.lmctfy.init(), { revived: [], failed: [] });
  const program = join(runtimeDirectory(placesOf(rig.root), "/a"), "_run.prog");
  const before = readFileSync(program);
  const file = openSync(program, "r+");
  writeSync(file, Buffer.alloc(8, 7), 0, 8, 64);
  closeSync(file);
  assert.deepEqual(await rig.lmctfy.init(), { revived: ["/a"], failed: [] });
  assert.deepEqual(readFileSync(program), before);
  assert.deepEqual(await container.pids(), [pid]);
});

test("one that cannot be made again keeps no other from it, and is named", async () => {
  await using rig = Rig.create();
  await rig.create("/bad");
  await rig.create("/good");
  const spec = join(stateDirectory(placesOf(rig.root), "/bad"), "_spec.json");
  const right = readFileSync(spec);
  writeFileSync(spec, "{ no spec");
  await restart(rig);
  const said = await rig.command(["init", "-v"]);
  assert.deepEqual([said.stdout, said.code], ["/good\n", 9]);
  assert.match(said.stderr, /1 container could not be made again:\n {2}\/bad: /);
  writeFileSync(spec, right);
  assert.equal((await rig.command(["init", "-v"])).stdout, "/bad\n");
});
