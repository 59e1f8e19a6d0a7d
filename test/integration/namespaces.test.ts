/** What virtual hosts share with others, what is theirs alone, and what lies in them. */
import assert from "node:assert/strict";
import { readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import type { Container, ContainerSpecInput } from "../../src/index.ts";
import { eventually, Rig, textOf } from "../rig/rig.ts";
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

type Namespaces = NonNullable<ContainerSpecInput["virtual_host"]>["namespaces"];

function hostOf(
  files: Rootfs,
  namespaces: Namespaces = {},
  more: ContainerSpecInput = {},
): ContainerSpecInput {
  return {
    virtual_host: { namespaces },
    filesystem: { rootfs: files.path },
    security_spec: { privileged: true },
    ...more,
  };
}

const links = (kinds: string) => `for kind in ${kinds}; do readlink /proc/self/ns/$kind; done`;
const KINDS = "user net ipc uts";

test("it shares what another virtual host has, its users too, and the rest is its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const web = await rig.create("/web", hostOf(files));
  const init = await web.start();
  const shared = "container:/web";
  const beside = await rig.create("/beside", hostOf(files, { net: shared, ipc: shared }));
  const inWeb = (await shell(web, links(KINDS))).split("\n");
  for (const start of [false, true]) {
    if (start) await beside.start();
    const here = (await shell(beside, links(KINDS))).split("\n");
    assert.deepEqual(
      [0, 1, 2, 4].map(i => here[i]),
      [0, 1, 2, 4].map(i => inWeb[i]),
    );
    assert.notEqual(here[3], inWeb[3]);
    assert.match(await shell(beside, "hostname; id -u"), /^beside\n0\n$/);
    // root of both is the same nobody outside, and owns the files of its root
    assert.equal(
      await shell(beside, "stat -c %u /bin/busybox; touch /tmp/made && stat -c %u /tmp/made"),
      "0\n0\n",
    );
    assert.equal((await web.pids()).includes(init), true);
  }
  // they meet on the loopback interface
  const server = await web.run(["/bin/sh", "-c", "echo hello | nc -l -p 5"], { stdio: "ignore" });
  const heard = await eventually(
    () => shell(beside, "nc 127.0.0.1 5"),
    text => text.includes("hello"),
    "nobody answers",
  );
  assert.equal(heard, "hello\n");
  await server.exited;
  await using sleeper = await web.run(["/bin/sh", "-c", "sleep 1234"], { stdio: "ignore" });
  assert.doesNotMatch(await shell(beside, "ps"), /sleep 1234/);
  const same = await rig.create("/same", hostOf(files, { pid: shared }));
  await same.start();
  assert.match(await shell(same, "ps"), /sleep 1234/);
  await sleeper.kill("SIGKILL");
  // Each is stopped by itself, but without an init there are no processes in its namespace (pid_namespaces(7)).
  await web.stop();
  assert.equal(await shell(beside, "hostname"), "beside\n"); // it runs, and what it shares lives on
  await eventually(
    () => same.pids(),
    pids => pids.length === 0,
    "it goes on",
  );
  await beside.stop();
  await assert.rejects(beside.start(), {
    code: "FAILED_PRECONDITION",
    path: "/web",
    message: /^\/web does not run, and \/beside shares namespaces with it/,
    hint: "lmctfy start /web",
  });
  await assert.rejects(beside.run(["true"]), { code: "FAILED_PRECONDITION", path: "/web" });
  // and with another init than the first time
  await web.start();
  assert.equal((await shell(beside, links("net"))).trim(), (await shell(web, links("net"))).trim());
});

test("it shares what a process has, by its number or by a path", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const other = await rig.create("/other", hostOf(files, { user: "host" }));
  const pid = await other.start();
  const path = (kind: string) => readlinkSync(`/proc/${pid}/ns/${kind}`);
  const by: Namespaces[] = [
    { net: `pid:${pid}`, uts: `pid:${pid}`, pid: `pid:${pid}`, user: "host" },
    { net: `/proc/${pid}/ns/net`, uts: `/proc/${pid}/ns/uts`, pid: `/proc/${pid}/ns/pid`, user: "host" },
  ];
  for (const [i, namespaces] of by.entries()) {
    const container = await rig.create(`/by${i}`, hostOf(files, namespaces));
    assert.equal(
      await shell(container, links("net uts pid")),
      `${path("net")}\n${path("uts")}\n${path("pid")}\n`,
    );
    assert.equal(await shell(container, "hostname"), "other\n");
    assert.match(await shell(container, "ps | wc -l"), /^[3-6]\n$/); // its /proc is of these processes
  }
  const owned = await rig.create("/owned", hostOf(files));
  const owner = await owned.start();
  const within = await rig.create("/within", hostOf(files, { user: `pid:${owner}`, net: `pid:${owner}` }));
  assert.equal(await shell(within, links("user net")), await shell(owned, links("user net")));
  assert.equal(await shell(within, "stat -c %u /bin/busybox"), "0\n");
});

test("its clocks are ahead of the machine's, or behind", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const uptime = () => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const ahead = await rig.create("/ahead", hostOf(files));
  await ahead.update({ virtual_host: { clocks: { boottime: 1_000_000n, monotonic: -1n } } });
  for (const start of [false, true]) {
    if (start) await ahead.start();
    const inside = Number((await shell(ahead, "cat /proc/uptime")).split(" ")[0]);
    assert.ok(Math.abs(inside - uptime() - 1_000_000) < 100, `${inside}`);
    assert.notEqual((await shell(ahead, links("time"))).trim(), readlinkSync("/proc/self/ns/time"));
  }
  assert.equal((await shell(ahead, "hostname; id -u; ps | wc -l")).startsWith("ahead\n0\n"), true);
  const host = await rig.create("/own", hostOf(files, { user: "host", pid: "host", time: "new" }));
  assert.notEqual((await shell(host, links("time"))).trim(), readlinkSync("/proc/self/ns/time"));
  assert.equal((await shell(host, links("pid"))).trim(), readlinkSync("/proc/self/ns/pid"));
  const before = await rig.create("/before", {
    virtual_host: { clocks: { boottime: -4_000_000_000n } },
  });
  await assert.rejects(before.run(["true"]), { message: /setting the clocks/, errno: "ERANGE" });
  const refused = (virtual_host: ContainerSpecInput["virtual_host"], message: RegExp) =>
    assert.rejects(rig.create("/bad", { virtual_host: virtual_host! }), {
      code: "INVALID_ARGUMENT",
      message,
    });
  await refused({ clocks: { boottime: 5_000_000_000n } }, /clocks\.boottime 5000000000 is out of range/);
  await refused({ clocks: {}, namespaces: { time: "host" } }, /clocks needs a time namespace of its own/);
  await refused({ namespaces: { net: "container:web" } }, /or an absolute path: "container:web"/);
  await refused({ namespaces: { net: "pid:0" } }, /"pid:0"/);
  await refused({ namespaces: { cgroup: "container:/web" } }, /cgroup is new or host/);
  await refused({ namespaces: { user: "new", net: "container:/web" } }, /cannot join it/);
});

test("a container in a virtual host sees what that sees, with limits and accounts of its own", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const host = await rig.create("/host", {
    virtual_host: {},
    filesystem: { rootfs: files.path },
    pids: { limit: 50 },
  });
  const part = await rig.create("/host/part", { pids: { limit: 7 } });
  assert.equal(await part.virtualHost(), "/host");
  await assert.rejects(part.run(["true"]), {
    code: "FAILED_PRECONDITION",
    message: "/host does not run, and /host/part lies in it",
    hint: "lmctfy start /host",
  });
  const { code, stderr } = await rig.command(["run", "/host/part", "true"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /\/host does not run/);
  await host.start();
  assert.equal(await shell(part, links(KINDS)), await shell(host, links(KINDS)));
  assert.equal(await shell(part, "hostname; pwd; echo $container"), "host\n/\nlmctfy\n");
  assert.equal(await shell(part, "id -un", { user: "someone" }), "someone\n");
  const said = await rig.command([
    "run",
    "/host/part",
    "/bin/sh",
    "-c",
    "hostname; grep -c Seccomp:.2 /proc/self/status",
  ]);
  assert.deepEqual([said.stdout, said.code], ["host\n1\n", 0]); // protected as its host is
  await using sleeper = await part.run(["/bin/sleep", "1000"], { stdio: "ignore" });
  assert.deepEqual(await part.pids(), [sleeper.pid]);
  assert.equal((await part.stats()).pids?.limit, 7n);
  assert.match(
    await shell(part, "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 >&- 2>&- & done 2>&1"),
    /can't fork/,
  );
  await assert.rejects(part.enter([process.pid]), { code: "FAILED_PRECONDITION", path: "/host" });
  // stopped with what is in it; started anew, it is joined anew
  await host.stop({ graceMs: 100 });
  assert.deepEqual(await part.pids(), []);
  await host.start();
  assert.equal(await shell(part, links("net")), await shell(host, links("net")));
  // a virtual host in a virtual host is one of its own
  const inner = await rig.create("/host/inner", hostOf(files));
  assert.equal(await shell(inner, "hostname"), "inner\n");
  assert.notEqual(await shell(inner, links("net")), await shell(host, links("net")));
});

test("a container that comes to lie in a virtual host follows", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const outer = await rig.create("/outer");
  const part = await rig.create("/outer/part", { security_spec: {} });
  const name = readFileSync("/proc/sys/kernel/hostname", "utf8");
  assert.equal((await rig.command(["run", "/outer/part", "hostname"])).stdout, name);
  await outer.update({ virtual_host: {}, filesystem: { rootfs: files.path } });
  assert.match((await rig.command(["run", "/outer/part", "hostname"])).stderr, /\/outer does not run/);
  await outer.start();
  assert.equal((await rig.command(["run", "/outer/part", "/bin/hostname"])).stdout, "outer\n");
  await outer.stop();
  await outer.update({}, { mode: "replace" });
  assert.equal((await rig.command(["run", "/outer/part", "hostname"])).stdout, name);
  void part;
});
