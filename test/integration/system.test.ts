/** System containers: a Debian that systemd brings up, with users and cgroups of its own. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readLayout } from "../../src/cgroup/layout.ts";
import type { Container, ContainerSpecInput } from "../../src/index.ts";
import { eventually, Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";
import { SystemRoot } from "../rig/system.ts";

const MB = 1_000_000n;

async function output(container: Container, ...argv: string[]): Promise<string> {
  const command = await container.run(argv, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, error] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  await command.exited;
  return out + error;
}

const system = (root: string, more: ContainerSpecInput = {}): ContainerSpecInput => ({
  virtual_host: { init: { init_argv: ["/sbin/init"] } },
  filesystem: { rootfs: root },
  memory: { limit: 400n * MB },
  ...more,
});

/** Started, and all of its units. */
async function boot(container: Container): Promise<number> {
  const pid = await container.start();
  // There is nobody to ask in the first moment.
  await eventually(
    () => output(container, "systemctl", "is-system-running", "--wait"),
    said => /^(running|degraded|maintenance)$/m.test(said),
    "the system",
  );
  return pid;
}

/** It has ended by itself, and that is recorded. */
async function ended(container: Container): Promise<void> {
  await eventually(
    () => container.initPid(),
    pid => pid === undefined,
    "its init",
  );
}

test("systemd brings up all its units, as nobody outside, and stop shuts it down", async () => {
  await using rig = Rig.create();
  using root = await SystemRoot.make();
  const box = await rig.create("/box", system(root.path));
  const init = await boot(box);
  assert.equal(await output(box, "systemctl", "is-system-running"), "running\n");
  assert.equal(await output(box, "systemctl", "--failed", "--quiet", "--no-legend"), "");
  const outside = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${init}/status`, "utf8"))![1]);
  assert.ok(outside > 1_000_000, `root in it is ${outside} outside`);

  // It makes cgroups, of which it is the top, and they bind.
  assert.match(readFileSync(`/proc/${init}/cgroup`, "utf8"), /^0::.*\/box\/_init\/init\.scope$/m);
  assert.match(await output(box, "cat", "/proc/1/cgroup"), /^0::\/init\.scope$/m);
  const unit = ["systemd-run", "--quiet", "--wait", "--pipe"];
  assert.match(
    await output(box, ...unit, "cat", "/proc/self/cgroup"),
    /^0::\/system\.slice\/run-.*\.service$/m,
  );
  if (readLayout().kind === "v2") {
    const said = await output(
      box,
      ...unit,
      "-p",
      "TasksMax=3",
      "sh",
      "-c",
      "for i in 1 2 3 4 5; do sleep 1 & done; wait",
    );
    assert.match(said, /fork/i);
  }
  // They end where its own begins: neither its limits nor others are in reach.
  assert.equal(
    await output(box, "sh", "-c", "ls -d /sys/fs/cgroup/box /sys/fs/cgroup/_tasks 2>/dev/null"),
    "",
  );
  assert.match(await output(box, "sh", "-c", "echo 1 >/sys/fs/cgroup/cgroup.freeze"), /denied|nonexistent/i);
  // Nor are they by mounts of its own.
  const views = readLayout().hierarchies.map(({ version, controllers }) =>
    version === 2 ? "mount -t cgroup2 none /mnt" : `mount -t cgroup -o ${controllers.join()} none /mnt`,
  );
  const files = [
    "memory.max",
    "memory.limit_in_bytes",
    "pids.max",
    "cpuset.cpus",
    "cpu.max",
    "cgroup.max.depth",
    "tasks",
  ];
  for (const view of views) {
    const tries = files.map(file => `(echo 1 >/mnt/${file}) 2>/dev/null && echo changed ${file}`).join("; ");
    assert.equal(
      await output(box, "sh", "-c", `${view} && echo there; ${tries}; umount /mnt`),
      "there\n",
      view,
    );
  }
  // What it may do is within its own: not the machine's kernel, clock or devices.
  assert.match(await output(box, "mknod", "/root/disk", "b", "8", "0"), /not permitted/);
  assert.match(await output(box, "date", "-s", "2001-01-01"), /not permitted/);
  assert.match(await output(box, "sh", "-c", "echo x >/proc/sys/kernel/core_pattern"), /Read-only|denied/);
  assert.equal(await output(box, "sh", "-c", "mount -t tmpfs none /mnt && echo fine"), "fine\n");

  await box.run(["sleep", "1000"], { detached: true });
  const before = performance.now();
  await box.stop();
  assert.ok(performance.now() - before < 50_000, "it was not killed after a minute");
  assert.equal((await box.lastExit())?.shutdown, "poweroff");
  assert.deepEqual(await box.pids({ recursive: true }), []);
  await box.destroy();
  await rig.assertClean();
});

test("it can shut itself down, be started again, and wish to be", async () => {
  await using rig = Rig.create();
  using root = await SystemRoot.make();
  const box = await rig.create("/box", system(root.path));
  for (const [verb, shutdown] of [
    ["poweroff", "poweroff"],
    ["reboot", "reboot"],
  ] as const) {
    await boot(box);
    assert.equal(await output(box, "systemctl", verb), "");
    await ended(box);
    const end = await box.lastExit();
    assert.deepEqual([end?.reason, end?.shutdown], ["signalled", shutdown]);
    await box.stop(); // which has nothing to do
  }
  await box.destroy();
  await rig.assertClean();
});

test("an init that is no system is told to end by SIGTERM, or by what the spec says", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const script = join(files.path, "bin/app");
  const traps = ["TERM", "USR1", "RTMIN+3"].map(
    name => `trap 'echo ${name} >/told; exit 0' ${name === "RTMIN+3" ? 37 : name}`,
  );
  writeFileSync(script, `#!/bin/sh\n${traps.join("\n")}\necho ready >/told\nwhile :; do sleep 0.05; done\n`, {
    mode: 0o755,
  });
  const told = () => readFileSync(join(files.path, "told"), "utf8").trim();
  for (const [stop_signal, expected] of [
    [undefined, "TERM"],
    ["SIGUSR1", "USR1"],
    ["10", "USR1"],
    ["SIGRTMIN+3", "RTMIN+3"],
  ] as const) {
    const init = { init_argv: ["/bin/app"], ...(stop_signal && { stop_signal }) };
    const app = await rig.create("/app", { virtual_host: { init }, filesystem: { rootfs: files.path } });
    await app.start();
    await eventually(told, said => said === "ready", "the app");
    // What is no system has the few rights of any command.
    assert.match(await output(app, "mount", "-t", "tmpfs", "none", "/tmp"), /not permitted|denied/);
    await app.stop();
    assert.equal(told(), expected);
    assert.deepEqual([(await app.lastExit())?.exitCode, (await app.lastExit())?.shutdown], [0, undefined]);
    await app.destroy();
  }
  await rig.assertClean();
});

test("what makes no sense of an init is refused", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const refused = (init: object, message: RegExp) =>
    assert.rejects(rig.create("/box", { virtual_host: { init }, filesystem: { rootfs: files.path } }), {
      code: "INVALID_ARGUMENT",
      message,
    });
  for (const stop_signal of ["SIGNONE", "0", "65", "SIGRTMIN+31", "-9", ""])
    await refused({ init_argv: ["/sbin/init"], stop_signal }, /stop_signal .* is no signal/);
  await refused({ stop_signal: "SIGTERM" }, /init_argv is missing/);
  await refused({ system: true }, /init_argv is missing/);
  await rig.assertClean();
});
