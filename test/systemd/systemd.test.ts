/** On a machine with systemd: its first process, a user's session, our unit. Changes the machine, so only in the test host. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openCgroups } from "../../src/cgroup/driver.ts";
import { COMMAND, eventually, execute, Rig, type Said, TOOL } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const UID = 4321;
const RUNTIME = `/run/user/${UID}`;
const MB = 1_000_000;

before(async () => {
  assert.ok(
    existsSync("/host/exchange") && existsSync("/run/systemd/system"),
    "these tests are for the test host with systemd",
  );
  execFileSync("useradd", ["--create-home", `--uid=${UID}`, "lena"]);
  execFileSync("loginctl", ["enable-linger", "lena"]);
  await eventually(() => existsSync(`${RUNTIME}/bus`), Boolean, "the user's bus");
});

/** As the user, with the environment of a session; this very process is a system service. */
function asUser(...argv: string[]): Promise<Said> {
  const become = [`--reuid=${UID}`, `--regid=${UID}`, "--init-groups"];
  const env = ["-i", `HOME=/home/lena`, `XDG_RUNTIME_DIR=${RUNTIME}`, `PATH=${process.env.PATH}`];
  return execute("setpriv", [...become, "env", ...env, ...argv], { cwd: "/" });
}

const inScope = (script: string, ...more: string[]): Promise<Said> =>
  asUser("systemd-run", "--user", "--scope", "--quiet", ...more, "sh", "-c", script);

const delegated = (script: string): Promise<Said> => inScope(script, "-p", "Delegate=yes");

function succeeded(said: Said): string {
  assert.deepEqual([said.stderr, said.code], ["", 0]);
  return said.stdout;
}

test("in a delegated scope of the own session a user's containers have limits that bite", async () => {
  const said = await delegated(`
    ${COMMAND} create box 'memory:{limit:${40 * MB}} pids:{limit:60} cpu:{max_limit:500}' || exit 1
    ${COMMAND} run box ${COMMAND} detect -v
    ${COMMAND} run box ${TOOL} memhog ${80 * MB}
    echo $?
    ${COMMAND} run box ${TOOL} forks 100
    cat /proc/self/cgroup`);
  assert.match(said.stderr, /^lmctfy: \/box: out of memory: .*\n$/);
  const [detected, code, forks, cgroup] = said.stdout.split("\n");
  assert.deepEqual([detected, code], ["/box", "137"]);
  assert.ok(Number(/\d+/.exec(forks!)?.[0]) < 60, forks);
  assert.match(cgroup!, /user@4321\.service\/app\.slice\/run-.*\.scope\/_callers$/);
});

test("its containers outlive the scope: known and stopped, and run again in another", async () => {
  await eventually(
    async () =>
      (await asUser("systemctl", "--user", "list-units", "--type=scope", "--no-legend", "run-*")).stdout,
    text => text.trim() === "",
    "the end of the first scope",
  );
  assert.equal(succeeded(await asUser(COMMAND, "list", "containers", "-v", "/")), "/box\n");
  const again = await delegated(`${COMMAND} run box ${TOOL} memhog ${80 * MB}`);
  assert.equal(again.code, 137, again.stderr);
});

test("two scopes of a user share the containers, and the hot path serves", async () => {
  // a scope that lasts, for the second to find the first one's cgroup in use
  const first = asUser(
    "systemd-run",
    "--user",
    "--scope",
    "--quiet",
    "-p",
    "Delegate=yes",
    "-u",
    "one",
    "sh",
    "-c",
    `${COMMAND} run /box true; exec sleep 1000`,
  );
  const scope = `/sys/fs/cgroup/user.slice/user-${UID}.slice/user@${UID}.service/app.slice/one.scope`;
  try {
    await eventually(() => existsSync(`${scope}/lmctfy/box`), Boolean, "the first scope's container");
    const said = await delegated(
      `${COMMAND} run /box sh -c 'tr "\\\\0" " " </proc/$PPID/cmdline'; ${COMMAND} run /box sh -c 'tr "\\\\0" " " </proc/$PPID/cmdline; cat /proc/self/cgroup'`,
    );
    assert.match(succeeded(said), /bin\/lmctfy run \/box .*0::.*\/one.scope\/lmctfy\/box\/_tasks\n$/s);
  } finally {
    await asUser("systemctl", "--user", "stop", "one.scope");
    await first;
  }
});

test("a service with Delegate=yes works as well", async () => {
  const said = await asUser(
    "systemd-run",
    "--user",
    "--quiet",
    "--wait",
    "--pipe",
    "-p",
    "Delegate=yes",
    COMMAND,
    "run",
    "/box",
    "echo",
    "in",
  );
  assert.equal(succeeded(said), "in\n");
});

test("without Delegate=yes a user is told so, and nothing is made", async () => {
  const plain = await inScope(
    `${COMMAND} create other ''; ls -d /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/*/ 2>/dev/null`,
  );
  assert.match(plain.stderr, /systemd has not delegated the cgroup of run-.*\.scope/);
  assert.match(plain.stderr, /systemd-run --user --scope -p Delegate=yes/);
  assert.equal(plain.stdout, "");
  const outside = await asUser(COMMAND, "create", "other", "");
  assert.equal(outside.code, 7);
  assert.match(
    outside.stderr,
    /user 4321 may not make containers here: the cgroup \/system\.slice\/testhost\.service/,
  );
  assert.equal(succeeded(await asUser(COMMAND, "list", "containers", "-v", "/")), "/box\n");
});

test("what a user's session made, it removes", async () => {
  succeeded(await delegated(`${COMMAND} destroy box`));
  assert.equal(succeeded(await asUser(COMMAND, "list", "containers", "-v", "/")), "");
});

test("systemd leaves root's containers and their controllers alone", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", {
    memory: { limit: BigInt(40 * MB) },
    pids: { limit: 100n },
    cpu: { limit: 500n },
  });
  const { pid } = await container.run(["sleep", "1000"], { detached: true });
  const controllers = () => readFileSync("/sys/fs/cgroup/cgroup.subtree_control", "utf8");
  const before = controllers();
  for (const args of [
    ["daemon-reload"],
    ["start", "systemd-journald.service"],
    ["set-property", "--runtime", "system.slice", "MemoryMax=1G", "CPUWeight=50", "IOWeight=50"],
    ["revert", "system.slice"],
    ["daemon-reload"],
    ["daemon-reexec"],
  ])
    execFileSync("systemctl", args, { stdio: "ignore" });
  for (const property of ["MemoryMax=100M", "TasksMax=10", "CPUQuota=50%", "AllowedCPUs=0"])
    execFileSync("systemd-run", ["--quiet", "--wait", "-p", property, "true"]);
  assert.equal(controllers(), before);
  assert.deepEqual(await container.pids(), [pid]);
  assert.equal((await rig.tool(container, "memhog", String(80 * MB))).reason, "oom");
  await container.destroy({ force: true });
});

test("lmctfy.service brings back what a restart took, and stops nothing", async () => {
  const unit = readFileSync(join(repository, "packaging/systemd/lmctfy.service"), "utf8");
  const path = "/etc/systemd/system/lmctfy.service";
  writeFileSync(path, unit.replaceAll("@PREFIX@", repository));
  execFileSync("systemctl", ["daemon-reload"]);
  const verified = await execute("systemd-analyze", ["verify", "--man=no", path]);
  assert.deepEqual([verified.stderr, verified.code], ["", 0]);
  const lmctfy = (...args: string[]) => execute(COMMAND, args, { env: { LMCTFY_ROOT: "" } });
  succeeded(await lmctfy("create", "/web", `memory:{limit:${40 * MB}}`));
  succeeded(await lmctfy("create", "/web/worker", ""));
  // A restart.
  const cgroups = openCgroups();
  await cgroups.remove("/web");
  cgroups.removeRootIfEmpty();
  rmSync("/run/lmctfy", { recursive: true });

  assert.equal((await execute("systemctl", ["enable", "lmctfy"])).code, 0);
  // What the machine boots into elsewhere; here it is not reached yet.
  execFileSync("systemctl", ["start", "--no-block", "multi-user.target"]);
  const state = async () => (await execute("systemctl", ["is-active", "lmctfy"])).stdout;
  await eventually(state, said => said === "active\n", "the unit");
  assert.equal(succeeded(await execute("systemctl", ["is-active", "lmctfy"])), "active\n");
  assert.equal(succeeded(await execute("systemctl", ["is-enabled", "lmctfy"])), "enabled\n");
  assert.ok(cgroups.exists("/web/worker"));
  assert.equal((await lmctfy("run", "/web/worker", TOOL, "memhog", String(80 * MB))).code, 137);
  const { stdout } = await lmctfy("run", "-n", "/web", "sleep", "1000");
  const pid = Number(/\d+/.exec(stdout)![0]);
  for (const action of ["restart", "stop"]) {
    execFileSync("systemctl", [action, "lmctfy"]);
    assert.deepEqual(cgroups.pids("/web"), [pid]);
  }
  succeeded(await lmctfy("destroy", "-f", "/web"));
  execFileSync("systemctl", ["disable", "--now", "lmctfy"], { stdio: "ignore" });
});

test("containers that run follow lxcfs when it starts, restarts and ends", async () => {
  using files = new Rootfs();
  const conf = readFileSync(join(repository, "packaging/systemd/lxcfs.service.d/lmctfy.conf"), "utf8");
  const directory = "/etc/systemd/system/lxcfs.service.d";
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/lmctfy.conf`, conf.replaceAll("@PREFIX@", repository));
  execFileSync("systemctl", ["unmask", "lxcfs"], { stdio: "ignore" });
  execFileSync("systemctl", ["daemon-reload"]);
  const lmctfy = (...args: string[]) => execute(COMMAND, args, { env: { LMCTFY_ROOT: "" } });
  const spec = `virtual_host:{} filesystem:{rootfs:"${files.path}"} memory:{limit:${40 * 1024 * 1024}}`;
  succeeded(await lmctfy("create", "/box", spec));
  succeeded(await lmctfy("start", "/box"));
  const total = async () =>
    Number(/^MemTotal: +(\d+) kB$/m.exec(succeeded(await lmctfy("run", "/box", "cat", "/proc/meminfo")))![1]);
  const machine = await total();
  assert.ok(machine > 40 * 1024);
  for (const [action, expected] of [
    ["start", 40 * 1024],
    ["restart", 40 * 1024],
    ["stop", machine],
  ] as const) {
    execFileSync("systemctl", [action, "lxcfs"]);
    assert.equal(await total(), expected, action);
  }
  succeeded(await lmctfy("destroy", "-f", "/box"));
});
