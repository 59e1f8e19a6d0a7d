/** Creating, naming, nesting and destroying; refusals change nothing. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ContainerSpecInput, Lmctfy } from "../../src/index.ts";
import { Rig, TOOL } from "../rig/rig.ts";

test("a container is created, listed, told about and destroyed; nothing is left", async () => {
  await using rig = Rig.create();
  const spec: ContainerSpecInput = { cpu: { limit: 100, max_limit: 500 }, memory: { limit: 100_000_000 } };
  const container = await rig.create("/a", spec);
  assert.equal(container.name, "/a");
  assert.deepEqual(
    (await rig.lmctfy.list()).map(c => c.name),
    ["/a"],
  );
  assert.deepEqual(await container.spec(), {
    cpu: { limit: 100n, max_limit: 500n },
    memory: { limit: 100_000_000n },
  });
  assert.deepEqual(await container.pids(), []);
  await container.destroy();
  await assert.rejects(container.spec(), { code: "NOT_FOUND" });
  await assert.rejects(container.destroy({ force: true }), { code: "NOT_FOUND" });
  rig.assertClean();
});

test("what `spec` gives back creates the same container again", async () => {
  await using rig = Rig.create();
  const first = await rig.create("/a", {
    cpu: { limit: 100, scheduling_latency: "PREMIER" },
    memory: { limit: 50_000_000, reservation: 1_000_000 },
    pids: { limit: 9 },
  });
  const second = await rig.create("/b", await first.spec());
  assert.deepEqual(await second.spec(), await first.spec());
});

test("names: existing, missing parent, the root", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  await assert.rejects(rig.create("/a"), { code: "ALREADY_EXISTS" });
  await assert.rejects(rig.create("/"), { code: "ALREADY_EXISTS" });
  await assert.rejects(rig.create("/missing/child"), { code: "FAILED_PRECONDITION", path: "/missing" });
  await assert.rejects(rig.create("/_x"), { code: "INVALID_ARGUMENT" });
  await assert.rejects(rig.lmctfy.get("/nope"), { code: "NOT_FOUND" });
  await assert.rejects((await rig.lmctfy.get("/")).destroy({ force: true }), { code: "FAILED_PRECONDITION" });
  await assert.rejects((await rig.lmctfy.get("/")).killAll(), { code: "FAILED_PRECONDITION" });
  await assert.rejects((await rig.lmctfy.get("/")).run(["true"]), { code: "INVALID_ARGUMENT" });
  assert.deepEqual(
    (await rig.lmctfy.list("/", { recursive: true })).map(c => c.name),
    ["/a"],
  );
});

test("containers nest, and are destroyed from the leaves up", async () => {
  await using rig = Rig.create();
  const names = [
    "/a",
    "/a/b",
    "/a/b/c",
    "/a/b/c/d",
    "/a/b/c/d/e",
    "/a/b/c/d/e/f",
    "/a/b/c/d/e/f/g",
    "/a/b/c/d/e/f/g/h",
    "/a/z",
  ];
  for (const name of names) await rig.create(name, { memory: { limit: 100_000_000 } });
  assert.deepEqual(
    (await rig.lmctfy.list("/", { recursive: true })).map(c => c.name),
    names,
  );
  assert.deepEqual(
    (await rig.lmctfy.list("/a")).map(c => c.name),
    ["/a/b", "/a/z"],
  );
  const deep = await rig.lmctfy.get("/a/b/c/d/e/f/g/h");
  const command = await deep.run(["sleep", "1000"], { stdio: "ignore" });
  assert.equal(rig.lmctfy.detect(command.pid), "/a/b/c/d/e/f/g/h");
  const top = await rig.lmctfy.get("/a");
  assert.deepEqual(await top.pids(), []);
  assert.deepEqual(await top.pids({ recursive: true }), [command.pid]);
  await assert.rejects(top.destroy(), { code: "FAILED_PRECONDITION" });
  await assert.rejects(deep.destroy(), { code: "FAILED_PRECONDITION" });
  await top.destroy({ force: true });
  assert.equal((await command.exited).signal, "SIGKILL");
  rig.assertClean();
});

test("detect: this process is in no container of ours", async () => {
  await using rig = Rig.create();
  assert.equal(rig.lmctfy.detect(), "/");
  assert.throws(() => rig.lmctfy.detect(0x3fffff), { code: "NOT_FOUND" });
});

test("sections that are not served, and values that make no sense, are refused by name and change nothing", async () => {
  await using rig = Rig.create();
  const refused: [object, string, RegExp][] = [
    [{ network: {} }, "UNIMPLEMENTED", /network/],
    [{ device: { restrictions_set: { restrictions: [{}] } } }, "INVALID_ARGUMENT", /permission is missing/],
    [{ virtual_host: { network: { interface: "eth9" } } }, "UNIMPLEMENTED", /virtual_host.network.interface/],
    [{ filesystem: { fd_limit: -3 } }, "INVALID_ARGUMENT", /fd_limit/],
    [{ children_limit: -1 }, "INVALID_ARGUMENT", /children_limit -1 is out of range/],
    [{ memory: { tmpfs: { path: ["/tmp"] } } }, "UNIMPLEMENTED", /tmpfs/],
    [{ memory: { eviction_priority: 10_001 } }, "INVALID_ARGUMENT|OUT_OF_RANGE", /eviction_priority/],
    [{ memory: { limit: 100_000_000, swap_limit: 50_000_000 } }, "INVALID_ARGUMENT", /swap_limit/],
    [{ cpu: { max_limit: 3 } }, "INVALID_ARGUMENT|OUT_OF_RANGE", /max_limit/],
    [{ cpu: { mask: { data: [1n << 63n] } } }, "INVALID_ARGUMENT", /63/],
    [{ cpu: { limit: -1 } }, "INVALID_ARGUMENT|OUT_OF_RANGE", /limit/],
    [{ memory: { limit: "lots" } }, "INVALID_ARGUMENT", /limit/],
    [{ memroy: {} }, "INVALID_ARGUMENT", /memroy/],
    [{ owner: -5 }, "INVALID_ARGUMENT|OUT_OF_RANGE", /owner/],
  ];
  for (const [spec, code, message] of refused) {
    await assert.rejects(
      rig.create("/bad", spec as ContainerSpecInput),
      (error: { code: string; message: string; place?: string }) => {
        assert.match(
          error.code,
          new RegExp(`^(${code})$`),
          JSON.stringify(spec, (_, v) => (typeof v === "bigint" ? String(v) : v)),
        );
        assert.match(`${error.place ?? ""} ${error.message}`, message);
        return true;
      },
    );
  }
  rig.assertClean();
});

test("owner: the container's cgroups belong to them", async () => {
  await using rig = Rig.create();
  await rig.create("/theirs", { owner: 65534, owner_group: 65534 });
  const owned = rig.cgroups().filter(path => path.endsWith("/theirs"));
  assert.ok(owned.length > 0);
  for (const path of owned) {
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [65534, 65534], path);
    assert.equal(statSync(`${path}/cgroup.procs`).uid, 65534, path);
  }
});

test("of many that create the same container at once, one does", async () => {
  await using rig = Rig.create();
  const results = await Promise.allSettled(
    Array.from({ length: 12 }, () => rig.create("/same", { pids: { limit: 3 } })),
  );
  const codes = results
    .map(result => (result.status === "fulfilled" ? "created" : result.reason.code))
    .sort();
  assert.deepEqual(codes, [...Array(11).fill("ALREADY_EXISTS"), "created"]);
  assert.deepEqual(await rig.lmctfy.recover(), []);
});

test("creating, running and destroying the same name at once never breaks anything", {
  timeout: 120_000,
}, async () => {
  await using rig = Rig.create();
  const allowed = new Set(["ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION", "UNAVAILABLE"]);
  const one = async (i: number): Promise<void> => {
    try {
      const container = await rig.create("/same", { memory: { limit: 50_000_000 } });
      const command = await container.run([TOOL, "exit", "0"], { stdio: "ignore" });
      const end = await command.exited;
      assert.ok(end.exitCode === 0 || end.signal === "SIGKILL", JSON.stringify(end));
      if (i % 2) await container.destroy({ force: true });
    } catch (error) {
      const code = (error as { code?: string }).code ?? "";
      if (code === "ALREADY_EXISTS")
        await rig.lmctfy
          .get("/same")
          .then(c => c.destroy({ force: true }))
          .catch(expected);
      else expected(error);
    }
  };
  const expected = (error: unknown): void => {
    if (!allowed.has((error as { code?: string }).code ?? "")) throw error;
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 8 }, (_, i) => one(i)));
  for (const container of await rig.lmctfy.list()) await container.destroy({ force: true });
  rig.assertClean();
});

test("a failure half way undoes what was done", async () => {
  await using rig = Rig.create();
  await rig.create("/first");
  // Its memory is written before the kernel refuses so many processes.
  await assert.rejects(
    rig.create("/half", { memory: { limit: 50_000_000 }, pids: { limit: 4_000_000_000_000 } }),
    (error: { code: string }) => ["UNAVAILABLE", "INVALID_ARGUMENT"].includes(error.code),
  );
  assert.deepEqual(
    rig.cgroups().filter(path => path.endsWith("/half")),
    [],
  );
  await (await rig.lmctfy.get("/first")).destroy();
  rig.assertClean();
});

test("cgroups whose container lost its state: empty ones are taken over, processes are left alone", async () => {
  await using rig = Rig.create();
  const lost = await rig.create("/lost");
  const command = await lost.run(["sleep", "1000"], { stdio: "ignore" });
  rmSync(join(rig.root, "lib/containers/lost"), { recursive: true });
  await assert.rejects(rig.create("/lost"), { code: "FAILED_PRECONDITION", path: "/lost" });
  await command.kill("SIGKILL");
  await command.exited;
  await rig.create("/lost", { pids: { limit: 7 } });
});

test("killAll ends every process, and the container can be used again", async () => {
  await using rig = Rig.create();
  const outer = await rig.create("/a");
  const inner = await rig.create("/a/b", { pids: { limit: 50 } });
  const commands = [
    await outer.run(["sleep", "1000"], { stdio: "ignore" }),
    await inner.run(["sleep", "1000"], { stdio: "ignore" }),
  ];
  await rig.tool(inner, "orphan");
  await outer.killAll();
  for (const command of commands) assert.equal((await command.exited).signal, "SIGKILL");
  assert.deepEqual(await outer.pids({ recursive: true }), []);
  assert.equal((await rig.tool(outer, "exit", "3")).exitCode, 3);
  assert.equal((await rig.tool(inner, "exit", "4")).exitCode, 4);
});

test("await using destroys the container", async () => {
  await using rig = Rig.create();
  {
    await using container = await rig.create("/scoped");
    await container.run(["sleep", "1000"], { stdio: "ignore" });
  }
  rig.assertClean();
});

test("two spellings of a root are one installation", async () => {
  await using rig = Rig.create();
  const link = `${rig.root}-link`;
  symlinkSync(rig.root, link);
  try {
    const container = await rig.create("/a");
    await container.run(["sleep", "1000"], { stdio: "ignore" });
    using other = new Lmctfy({ root: `${link}/.` });
    await assert.rejects((await other.get("/a")).destroy(), { code: "FAILED_PRECONDITION" });
    await (await other.get("/a")).destroy({ force: true });
    rig.assertClean();
  } finally {
    rmSync(link);
  }
});

test("odd entries in the state directories stop no command", async () => {
  await using rig = Rig.create();
  await rig.create("/a");
  mkdirSync(join(rig.root, "lib/pending"), { recursive: true });
  writeFileSync(join(rig.root, "lib/pending/junk"), "");
  symlinkSync("/../../etc", join(rig.root, "lib/pending/evil"));
  mkdirSync(join(rig.root, "run/containers/a/_directory/deep"), { recursive: true });
  assert.deepEqual(
    (await rig.lmctfy.list()).map(c => c.name),
    ["/a"],
  );
  assert.deepEqual(await rig.lmctfy.recover(), []);
  await (await rig.lmctfy.get("/a")).destroy();
  rmSync(join(rig.root, "lib/pending"), { recursive: true });
  rig.assertClean();
});

test("a library that was closed starts nothing again", async () => {
  await using rig = Rig.create();
  const other = new Lmctfy({ root: rig.root });
  other.close();
  other.close();
  await assert.rejects(other.create("/a"), { code: "CANCELLED" });
  assert.deepEqual(rig.cgroups(), []);
});
