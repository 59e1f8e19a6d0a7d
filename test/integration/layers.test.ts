/** Roots of layers: what shows through, where writes go, and that the layers themselves stay as they are. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { placesOf, stateDirectory } from "../../src/container/places.ts";
import type { Container, ContainerSpecInput } from "../../src/index.ts";
import { Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

async function shell(container: Container, script: string, options = {}): Promise<string> {
  const command = await container.run(["/bin/sh", "-c", script], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  const [out, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  await command.exited;
  return out + error;
}

type Files = NonNullable<ContainerSpecInput["filesystem"]>;

/** A root with programs, and a layer to lie over it. */
class Layered extends Rootfs {
  readonly over = join(this.directory, "over");

  constructor() {
    super();
    for (const path of [join(this.path, "data/inner"), join(this.over, "etc"), join(this.over, "bin")])
      mkdirSync(path, { recursive: true });
    writeFileSync(join(this.path, "data/low"), "low\n");
    writeFileSync(join(this.path, "etc/which"), "low\n");
    writeFileSync(join(this.over, "etc/which"), "high\n");
    symlinkSync("busybox", join(this.over, "bin/rmdir"));
    symlinkSync("busybox", join(this.over, "bin/rm"));
    symlinkSync("busybox", join(this.over, "bin/mv"));
  }

  spec(files: Files = {}, more: ContainerSpecInput = {}): ContainerSpecInput {
    return { virtual_host: {}, filesystem: { layers: [this.path, this.over], ...files }, ...more };
  }
}

const CHANGES = [
  "echo mine > /etc/which",
  "touch /new",
  "rm /data/low",
  "mv /data/inner /data/moved 2>/dev/null || (rmdir /data/inner && mkdir /data/moved)",
  "mkdir /data/inner",
].join(" && ");
const LOOK = "cat /etc/which; ls / | grep -c new; ls /data";

test("what is written is kept apart until the container is destroyed", async () => {
  await using rig = Rig.create();
  using files = new Layered();
  const container = await rig.create("/a", files.spec());
  const before = "high\n0\ninner\nlow\n";
  assert.equal(await shell(container, LOOK), before);
  await container.start();
  assert.equal(await shell(container, CHANGES), "");
  const after = "mine\n1\ninner\nmoved\n";
  assert.equal(await shell(container, LOOK), after);
  // root's files are root's, also those of the layers, and nobody outside has them
  assert.equal(await shell(container, "stat -c %u / /new /bin/busybox /etc/which"), "0\n0\n0\n0\n");
  await container.stop();
  assert.equal(await shell(container, LOOK), after); // another start
  const beside = await rig.create("/beside", files.spec());
  assert.equal(await shell(beside, LOOK), before);
  assert.equal(readFileSync(join(files.path, "etc/which"), "utf8"), "low\n");
  assert.equal(readFileSync(join(files.over, "etc/which"), "utf8"), "high\n");
  assert.deepEqual(readdirSync(join(files.path, "data")).sort(), ["inner", "low"]);
  const top = join(stateDirectory(placesOf(rig.root), "/a"), "_top");
  assert.equal(existsSync(join(top, "data/new")), true);
  await container.destroy();
  assert.equal(existsSync(top), false);
  const anew = await rig.create("/a", files.spec());
  assert.equal(await shell(anew, LOOK), before);
  await anew.destroy();
  await beside.destroy();
  rig.assertClean();
});

test("ephemeral: what is written is in memory, and gone when it stops", async () => {
  await using rig = Rig.create();
  using files = new Layered();
  const container = await rig.create(
    "/a",
    files.spec({ ephemeral: true }, { memory: { limit: 60_000_000 } }),
  );
  await container.start();
  assert.equal(await shell(container, "echo mine > /etc/which && touch /new && rm /data/low"), "");
  assert.equal(await shell(container, LOOK), "mine\n1\ninner\n");
  assert.match(await shell(container, "dd if=/dev/zero of=/big bs=1M count=100"), /Killed|^$/); // it is its memory
  await container.stop();
  assert.equal(await shell(container, LOOK), "high\n0\ninner\nlow\n");
  assert.equal(existsSync(join(stateDirectory(placesOf(rig.root), "/a"), "_top")), false);
});

test("read-only layers, one alone too, and with the machine's users", async () => {
  await using rig = Rig.create();
  using files = new Layered();
  for (const [i, layers] of [[files.path], [files.path, files.over]].entries()) {
    const container = await rig.create(`/read${i}`, files.spec({ layers, read_only: true }));
    assert.match(await shell(container, "touch /new"), /Read-only file system/);
    assert.equal(await shell(container, "cat /etc/which"), i === 0 ? "low\n" : "high\n");
  }
  const host = await rig.create("/host", { ...files.spec(), virtual_host: { namespaces: { user: "host" } } });
  await host.start();
  assert.equal(await shell(host, CHANGES), "");
  assert.equal(await shell(host, LOOK), "mine\n1\ninner\nmoved\n");
});

test("nothing of the machine is reached by who joins, and users are those of the topmost layer", async () => {
  await using rig = Rig.create();
  using files = new Layered();
  writeFileSync(join(files.over, "etc/passwd"), "over:x:4321:4321::/:/bin/sh\n");
  const container = await rig.create("/a", files.spec());
  const alone = await shell(container, "ls /; cat /proc/self/mounts | wc -l");
  await container.start();
  assert.equal(await shell(container, "ls /; cat /proc/self/mounts | wc -l"), alone);
  assert.equal(await shell(container, "id -u", { user: "over" }), "4321\n");
  assert.equal(await shell(container, "echo 'mine:x:77:77::/:/bin/sh' > /etc/passwd"), "");
  assert.equal(await shell(container, "id -u", { user: "mine" }), "77\n");
  for (let i = 0; i < 5; i++) {
    await container.stop();
    await container.start();
  }
});

test("what makes no sense is refused, and changes nothing", async () => {
  await using rig = Rig.create();
  using files = new Layered();
  const refused = (given: Files, message: RegExp, code = "INVALID_ARGUMENT") =>
    assert.rejects(rig.create("/a", { virtual_host: {}, filesystem: given }), { code, message });
  await refused({ layers: [files.path], rootfs: "/" }, /layers and filesystem\.rootfs exclude/);
  await refused({ layers: [files.path], empty_root: true }, /layers and filesystem\.empty_root exclude/);
  await refused({ layers: [files.path, files.path] }, /layers\[1\] .* is there before/);
  await refused({ layers: ["/no/such"] }, /layers\[0\] \/no\/such does not exist/, "NOT_FOUND");
  await refused({ layers: ["etc"] }, /absolute path: "etc"/);
  await refused({ layers: [join(files.path, "bin/busybox")] }, /is not a directory/);
  await refused({ ephemeral: true }, /ephemeral needs filesystem\.layers/);
  await refused({ layers: [files.path], ephemeral: true, read_only: true }, /exclude each other/);
  await assert.rejects(rig.create("/a", { filesystem: { layers: [files.path] } }), {
    message: /filesystem\.layers needs a virtual_host/,
  });
  assert.deepEqual(await rig.lmctfy.list("/"), []);
});
