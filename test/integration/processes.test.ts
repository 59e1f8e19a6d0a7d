/** Limits of each process (`rlimits`, `filesystem.fd_limit`), and of the number of containers (`children_limit`). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Container } from "../../src/index.ts";
import { LmctfyError } from "../../src/index.ts";
import { Rig, textOf } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

async function shell(container: Container, script: string, options = {}) {
  const command = await container.run(["/bin/sh", "-c", script], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  const [stdout, stderr] = await Promise.all([textOf(command.stdout), textOf(command.stderr)]);
  return { stdout, stderr, ...(await command.exited) };
}

test("rlimits bind: open files, size of files, CPU time", async () => {
  await using rig = Rig.create();
  const container = await rig.create("/a", {
    rlimits: {
      nofile: { soft: 6, hard: 30 },
      fsize: { soft: 8192 },
      core: { hard: 0 },
      cpu: { soft: 1, hard: 2 },
    },
  });
  const many = "exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null";
  assert.equal((await shell(container, `${many} && echo open`)).stdout, "");
  assert.equal((await shell(container, "ulimit -Sn; ulimit -Hn; ulimit -Sc")).stdout, "6\n30\n0\n");
  assert.equal((await shell(container, `ulimit -Sn 30; ${many} && echo open`)).stdout, "open\n");
  const large = await shell(
    container,
    "dd if=/dev/zero of=/dev/shm/lmctfy-large bs=4096 count=10; rm -f /dev/shm/lmctfy-large",
  );
  assert.match(large.stderr, /File too large|File size limit/);
  assert.equal((await shell(container, "while :; do :; done")).signal, "SIGXCPU");
  const hot = await rig.command(["run", "/a", "sh", "-c", "ulimit -Sn; ulimit -Hn"]);
  assert.equal(hot.stdout, "6\n30\n", hot.stderr);
});

test("they follow an update, hold for other users, and in virtual hosts", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const container = await rig.create("/a", {
    virtual_host: {},
    filesystem: { rootfs: files.path, fd_limit: 9 },
    rlimits: { stack: { soft: 1_048_576 } },
  });
  const look = "ulimit -Sn; ulimit -Hn; ulimit -s";
  assert.equal((await shell(container, look)).stdout, "9\n9\n1024\n");
  assert.equal((await shell(container, look, { user: "someone" })).stdout, "9\n9\n1024\n");
  await container.start();
  assert.equal((await shell(container, look)).stdout, "9\n9\n1024\n");
  await container.update({ filesystem: { fd_limit: 12 } });
  assert.equal((await shell(container, look)).stdout, "12\n12\n1024\n");
  await container.destroy({ force: true });
});

test("what cannot be had is refused when the container is made", async () => {
  await using rig = Rig.create();
  const refuse = (spec: object, code: string, message: RegExp) =>
    assert.rejects(rig.create("/a", spec), { code, message });
  await refuse(
    { rlimits: { nofile: { soft: 10, hard: 5 } } },
    "INVALID_ARGUMENT",
    /soft 10 is more than .*hard 5/,
  );
  await refuse({ rlimits: { nofile: {} } }, "INVALID_ARGUMENT", /neither soft nor hard/);
  await refuse({ rlimits: { core: { soft: -2 } } }, "INVALID_ARGUMENT", /out of range/);
  await refuse(
    { rlimits: { nofile: { soft: 5 } }, filesystem: { fd_limit: 6 } },
    "INVALID_ARGUMENT",
    /the same limit: give one/,
  );
  await refuse({ rlimits: { files: { soft: 5 } } }, "INVALID_ARGUMENT", /unknown field "files"/);
  assert.deepEqual(await rig.lmctfy.list("/"), []);
});

const CAP_SYS_RESOURCE = 24n;
const effective = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))![1]}`);
const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))![1]!;

test("raising a hard limit takes a capability", async () => {
  await using rig = Rig.create();
  const more = Number(hard) + 1;
  const spec = { rlimits: { nofile: { soft: more } } };
  if ((effective >> CAP_SYS_RESOURCE) & 1n) {
    const container = await rig.create("/a", spec);
    assert.equal((await shell(container, "ulimit -Hn")).stdout, `${more}\n`);
  } else {
    await assert.rejects(rig.create("/a", spec), { code: "PERMISSION_DENIED", message: /CAP_SYS_RESOURCE/ });
  }
});

test("children_limit: so many containers directly below, however many are made at once", async () => {
  await using rig = Rig.create();
  const parent = await rig.create("/a", { children_limit: 3 });
  const made = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => rig.create(`/a/c${i}`)));
  const refused = made.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  assert.equal(refused.length, 5);
  for (const { reason } of refused) {
    assert.ok(reason instanceof LmctfyError);
    assert.equal(reason.code, "RESOURCE_EXHAUSTED");
    assert.match(reason.message, /^\/a has as many containers as its children_limit allows: 3/);
  }
  const [first] = await parent.subcontainers();
  await rig.create(`${first!.name}/below`); // not directly below
  const said = await rig.command(["create", "/a/more", ""]);
  assert.equal(said.code, 8, said.stderr);
  await assert.rejects(parent.update({ children_limit: 2 }), {
    code: "FAILED_PRECONDITION",
    message: /children_limit 2 is less than the containers in `\/a`, which are 3/,
  });
  await parent.update({ children_limit: 4 });
  await rig.create("/a/more");
  await first!.destroy({ force: true });
  await parent.update({ children_limit: 3 });
  await parent.destroy({ force: true });
  await rig.assertClean();
});
