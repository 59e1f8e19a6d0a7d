/** Which devices a command may open and make: what it tries, and what the kernel says. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLayout } from "../../src/cgroup/layout.ts";
import { applySteps } from "../../src/cgroup/steps.ts";
import type { Container, ContainerSpecInput } from "../../src/index.ts";
import { checkSpec, updateSteps } from "../../src/resources/index.ts";
import type { ContainerSpec } from "../../src/spec/index.ts";
import { LoopDevice } from "../rig/loop-device.ts";
import { Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";
import { Subtree } from "./cgroup-rig.ts";

type Access = "READ" | "WRITE" | "MKNOD";
type Rule = NonNullable<
  NonNullable<NonNullable<ContainerSpecInput["device"]>["restrictions_set"]>["restrictions"]
>[number];

const ALL: Access[] = ["READ", "WRITE", "MKNOD"];
const devices = (...restrictions: Rule[]) => ({ device: { restrictions_set: { restrictions } } });
const allow = (path: string, ...access: Access[]): Rule => ({ permission: "ALLOW", path, access });
const deny = (path: string, ...access: Access[]): Rule => ({ permission: "DENY", path, access });
const DENY_ALL: Rule = { permission: "DENY", type: "DEVICE_ALL", access: ALL };

const REFUSED = /Operation not permitted/;

/** What a shell says on stderr; nothing when all of it went well. */
async function tried(container: Container, script: string): Promise<string> {
  const command = await container.run(["/bin/sh", "-c", script], { stdio: ["ignore", "pipe", "pipe"] });
  const [, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  const { exitCode } = await command.exited;
  return exitCode === 0 ? "" : error || `exit ${exitCode}`;
}

const reads = (path: string) => `: < ${path}`;
const writes = (path: string) => `: > ${path}`;

test("a rule denies reading, writing and making by itself, and the last one counts", async () => {
  await using rig = Rig.create();
  const directory = mkdtempSync(join(tmpdir(), "lmctfy-device-"));
  try {
    const node = join(directory, "node");
    const makes = `mknod ${node} c 1 5 && rm ${node}`;
    const open = await rig.create("/open");
    for (const script of [reads("/dev/zero"), writes("/dev/zero"), makes])
      assert.equal(await tried(open, script), "");
    const noReads = await rig.create("/reads", devices(deny("/dev/zero", "READ")));
    assert.match(await tried(noReads, reads("/dev/zero")), REFUSED);
    assert.equal(await tried(noReads, `${writes("/dev/zero")}; ${reads("/dev/full")}`), "");
    const noWrites = await rig.create(
      "/writes",
      devices(deny("/dev/zero", "READ", "WRITE"), allow("/dev/zero", "READ")),
    );
    assert.match(await tried(noWrites, writes("/dev/zero")), REFUSED);
    assert.match(await tried(noWrites, "exec 3<> /dev/zero"), REFUSED);
    assert.equal(await tried(noWrites, reads("/dev/zero")), "");
    const noNodes = await rig.create(
      "/nodes",
      devices({ permission: "DENY", type: "DEVICE_CHAR", access: ["MKNOD"] }),
    );
    assert.match(await tried(noNodes, makes), REFUSED);
    assert.equal(await tried(noNodes, reads("/dev/zero")), "");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("isolated: what any command needs, and no disk", async () => {
  await using rig = Rig.create();
  await using disk = await LoopDevice.create();
  const container = await rig.create("/a", { device: { isolated: true } });
  for (const name of ["null", "zero", "full", "random", "urandom"])
    assert.equal(await tried(container, reads(`/dev/${name}`)), "", name);
  assert.match(await tried(container, reads(disk.path)), REFUSED);
  assert.match(await tried(container, writes(disk.path)), REFUSED);
  assert.match(await tried(container, reads("/dev/mem")), /not permitted|No such/);
  // a change names what changes: it stays isolated
  await container.update(devices(allow(disk.path, "READ")));
  assert.equal(await tried(container, reads(disk.path)), "");
  assert.match(await tried(container, `exec 3<> ${disk.path}`), REFUSED);
});

test("a container below another has what both allow", async () => {
  await using rig = Rig.create();
  await rig.create("/outer", devices(deny("/dev/zero", "READ")));
  const inner = await rig.create(
    "/outer/inner",
    devices(deny("/dev/full", "READ"), allow("/dev/zero", "WRITE")),
  );
  assert.match(await tried(inner, reads("/dev/zero")), REFUSED);
  assert.match(await tried(inner, reads("/dev/full")), REFUSED);
  assert.equal(await tried(inner, reads("/dev/null")), "");
  // until the outer one changes its mind; the inner one's own rule stays
  await (await rig.lmctfy.get("/outer")).update({ device: { restrictions_set: {} } });
  assert.equal(await tried(inner, reads("/dev/zero")), "");
  assert.match(await tried(inner, reads("/dev/full")), REFUSED);
});

test("an update counts for what runs already; replace replaces, and no moment is without rules", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", devices(deny("/dev/zero", "READ"), deny("/dev/full", "READ")));
  // It opens /dev/zero for as long as that is refused, and ends when it is not.
  const tries = await container.run(
    ["sh", "-c", "while ! (: < /dev/zero) 2>/dev/null; do sleep 0.01; done"],
    {
      stdio: "ignore",
    },
  );
  // One after the other, never without the rule.
  for (let i = 0; i < 50; i++) {
    await container.update(
      devices(deny("/dev/zero", "READ"), deny(i % 2 ? "/dev/full" : "/dev/random", "WRITE")),
      {
        mode: "replace",
      },
    );
  }
  assert.deepEqual(await container.pids().then(pids => pids.includes(tries.pid)), true);
  await container.update(devices(deny("/dev/full", "READ")), { mode: "replace" });
  assert.equal((await tries.exited).exitCode, 0);
  assert.match(await tried(container, reads("/dev/full")), REFUSED);
  await container.update({}, { mode: "replace" });
  assert.equal(await tried(container, `${reads("/dev/full")}; ${reads("/dev/zero")}`), "");
  assert.equal((await container.spec()).device, undefined);
});

test("a bad rule changes nothing: not those before it, nor what is set beside", async () => {
  await using rig = Rig.create();
  const good = devices(deny("/dev/zero", "READ"));
  const container = await rig.create("/a", { ...good, pids: { limit: 77 } });
  const bad: [Rule, RegExp][] = [
    [{ permission: "DENY", type: "DEVICE_CHAR", access: [] }, /restrictions\[1\]\.access has 0 entries/],
    [
      { permission: "DENY", type: "DEVICE_CHAR", access: ["READ"], major: 5000 },
      /\[1\]\.major 5000 is out of range/,
    ],
    [{ permission: "DENY", path: "/etc", access: ["READ"] }, /\[1\]\.path: \/etc is no device/],
    [{ permission: "DENY", path: "/dev/none", access: ["READ"] }, /\[1\]\.path: there is no \/dev\/none/],
  ];
  for (const [rule, message] of bad) {
    const update = container.update({ ...devices(deny("/dev/full", "READ"), rule), pids: { limit: 5 } });
    await assert.rejects(update, { message });
    await assert.rejects(rig.create("/b", devices(deny("/dev/full", "READ"), rule)), { message });
  }
  assert.equal(await tried(container, reads("/dev/full")), "");
  assert.match(await tried(container, reads("/dev/zero")), REFUSED);
  assert.deepEqual((await container.spec()).pids, { limit: 77n });
  await assert.rejects(rig.lmctfy.get("/b"), { code: "NOT_FOUND" });
});

test("500 rules, a paused container, and the last of many that were there before", async () => {
  await using rig = Rig.create();
  const many = Array.from(
    { length: 499 },
    (_, i): Rule => ({
      permission: "DENY",
      type: "DEVICE_BLOCK",
      access: ALL,
      major: 300 + i,
    }),
  );
  const container = await rig.create("/a", devices(...many, deny("/dev/zero", "READ")));
  assert.match(await tried(container, reads("/dev/zero")), REFUSED);
  await container.freeze();
  await container.update(devices(DENY_ALL, allow("/dev/null", "READ", "WRITE")));
  await container.thaw();
  assert.match(await tried(container, reads("/dev/full")), REFUSED);
  assert.equal(await tried(container, reads("/dev/null")), "");
  // it is destroyed with its rules, and the name is free of them
  await container.destroy();
  const anew = await rig.create("/a");
  assert.equal(await tried(anew, reads("/dev/full")), "");
});

test("a virtual host has no disk, whatever its user; a node that is mounted to be used it has", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  await using disk = await LoopDevice.create();
  // Root's own ids, all capabilities, and a place where device nodes count: only the rules are in the way.
  const host = (device?: ContainerSpecInput["device"]): ContainerSpecInput => ({
    virtual_host: { namespaces: { user: "host" } },
    filesystem: {
      rootfs: files.path,
      mounts: {
        mount: [
          { type: "TMPFS", target: "/nodes", options: ["dev"] },
          { source: "/dev/null", target: "/used", options: ["dev"] },
          { source: "/dev/full", target: "/seen" },
        ],
      },
    },
    security_spec: { capabilities: { add: ["ALL"] }, seccomp: "unconfined" },
    ...(device && { device }),
  });
  const takes = `mknod /nodes/disk b ${disk.number.replace(":", " ")} && ${reads("/nodes/disk")}`;
  const few = await rig.create("/few", host());
  assert.match(await tried(few, takes), /can't open \/nodes\/disk: Operation not permitted/);
  assert.equal(await tried(few, `${reads("/dev/zero")}; ${writes("/dev/null")}; ${writes("/used")}`), "");
  assert.match(await tried(few, reads("/seen")), /Permission denied/);
  assert.equal(await tried(await rig.create("/all", host({})), takes), "");
  // and while it runs
  await few.update({ device: {} }, { mode: "diff" });
  assert.equal(await tried(few, takes), "");
  await few.update(host(), { mode: "replace" });
  assert.match(await tried(few, takes), REFUSED);
});

test("version 1 alone: denied, changed with a container below, and what it cannot express", async t => {
  const layout = readLayout();
  const hierarchies = layout.hierarchies.filter(({ version }) => version === 1);
  if (!hierarchies.some(({ controllers }) => controllers.includes("devices")))
    return t.skip("no v1 devices controller on this machine");
  await using subtree = new Subtree({ ...layout, kind: "v1", hierarchies });
  const { cgroups } = subtree;
  let before: ContainerSpec = {};
  const update = (spec: ContainerSpec): void => {
    checkSpec(spec, { cgroups, name: "/a" });
    applySteps(updateSteps(spec, { cgroups, name: "/a", below: [], before }));
    before = spec;
  };
  const opens = async (name: string, path: string): Promise<boolean> => {
    const { ended } = await subtree.start(name, ["sh", "-c", `: < ${path}`]);
    return (await ended).code === 0;
  };
  const spec = (...rules: Rule[]) => devices(...rules) as ContainerSpec;
  before = spec(deny("/dev/zero", "READ"));
  subtree.create("/a", before);
  subtree.create("/a/b");
  for (const name of ["/a", "/a/b"])
    assert.deepEqual([await opens(name, "/dev/zero"), await opens(name, "/dev/full")], [false, true], name);
  update(spec(deny("/dev/full", "READ")));
  assert.deepEqual([await opens("/a", "/dev/zero"), await opens("/a", "/dev/full")], [true, false]);
  update({});
  assert.equal(await opens("/a", "/dev/full"), true);
  assert.throws(() => update({ device: { isolated: true } }), {
    errno: "EINVAL",
    hint: /containers below, cgroup v1 does not change/,
  });
  subtree.create("/closed", { device: { isolated: true } });
  assert.deepEqual([await opens("/closed", "/dev/zero"), await opens("/closed", "/dev/full")], [true, true]);
  const kinds = { type: "DEVICE_CHAR", access: ["READ"], permission: "DENY" } as const;
  const inexpressible = spec({ ...kinds, access: ["READ"], major: 1 }, allow("/dev/zero", "READ"));
  assert.throws(() => update(inexpressible), /cgroup v1 cannot take `ALLOW c 1:5 r` out of `DENY c 1:\* r`/);
  assert.equal(await opens("/a", "/dev/zero"), true);
});
