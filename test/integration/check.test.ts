/** `lmctfy check`: that it says what is so, and sees when a process is not what the spec says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerSpecInput, SecurityCheck } from "../../src/index.ts";
import { Rig } from "../rig/rig.ts";
import { Rootfs } from "../rig/rootfs.ts";

const limits = { memory: { limit: 100_000_000 }, pids: { limit: 50 } };

const verdict = ({ findings }: SecurityCheck, item: string): string | undefined =>
  findings.find(each => each.item === item)?.verdict;

test("the more protects, the better the grade; and each weakness is named", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const filesystem = { rootfs: files.path };
  const grades = async (specs: ContainerSpecInput[]): Promise<SecurityCheck[]> => {
    const found: SecurityCheck[] = [];
    for (const [i, spec] of specs.entries()) found.push(await (await rig.create(`/c${i}`, spec)).check());
    return found;
  };
  const found = await grades([
    { virtual_host: {}, filesystem, ...limits },
    { virtual_host: {}, filesystem },
    { virtual_host: {}, filesystem, security_spec: { privileged: true }, ...limits },
    { virtual_host: { namespaces: { user: "host", net: "host" } }, filesystem, ...limits },
    { security_spec: {}, ...limits },
    { virtual_host: { namespaces: { user: "host" } }, filesystem, security_spec: { privileged: true } },
    {},
  ]);
  const scores = found.map(({ score }) => score);
  assert.deepEqual(
    scores,
    [...scores].sort((a, b) => b - a),
    `${scores}`,
  );
  assert.equal(found[0]!.grade, "A");
  assert.equal(found.at(-1)!.grade, "F");
  assert.equal(verdict(found[1]!, "pids"), "weak");
  assert.equal(verdict(found[2]!, "seccomp"), "bad");
  assert.equal(verdict(found[2]!, "users"), "good");
  assert.equal(verdict(found[3]!, "users"), "bad");
  assert.match(found[3]!.findings.find(({ item }) => item === "namespaces")!.text, /shared: net \(host\)/);
  assert.equal(verdict(found[5]!, "capabilities"), "bad");
});

test("a call that a profile lets pass is named, and a limit from above counts", async () => {
  await using rig = Rig.create();
  await rig.create("/a", limits);
  const box = await rig.create("/a/b", {
    security_spec: {
      seccomp: '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["bpf"],"action":"SCMP_ACT_ERRNO"}]}',
    },
  });
  const found = await box.check();
  const text = found.findings.find(({ item }) => item === "seccomp")!.text;
  assert.match(text, /keyctl/);
  assert.doesNotMatch(text, /bpf/);
  assert.equal(verdict(found, "memory"), "good");
});

test("the kernel is asked about the processes in it", async () => {
  await using rig = Rig.create();
  using files = new Rootfs();
  const box = await rig.create("/box", { virtual_host: {}, filesystem: { rootfs: files.path }, ...limits });
  assert.equal((await box.check()).processes, 0);
  await box.start();
  assert.equal((await box.check()).processes, 0, "its init is lmctfy's own");
  const inside = await box.run(["sleep", "1000"], { stdio: "ignore" });
  const found = await box.check();
  assert.deepEqual([found.processes, found.differences], [1, []]);
  const said = await rig.command(["check", "/box"]);
  assert.match(said.stdout, /^good +users +of its own/m, said.stderr);
  assert.match(said.stdout, /The kernel says so of the process in it\.\n\/box: A \(\d+ of 100\)\n$/);
  const json = JSON.parse((await rig.command(["check", "--json", "/box"])).stdout) as SecurityCheck;
  assert.equal(json.grade, "A");
  await inside.kill("SIGKILL");

  const safe = await rig.create("/safe", { security_spec: {} });
  const foreign = await (await rig.create("/other")).run(["sleep", "1000"], { stdio: "ignore" });
  await safe.enter([foreign.pid]);
  const { differences } = await safe.check();
  assert.deepEqual([...new Set(differences.map(({ pid }) => pid))], [foreign.pid]);
  assert.match(
    differences.map(({ text }) => text).join(),
    /NoNewPrivs is 0.*no seccomp filter.*more capabilities/,
  );
  await foreign.kill("SIGKILL");
});

test("what cannot be checked is refused", async () => {
  await using rig = Rig.create();
  assert.equal((await rig.command(["check", "/none"])).code, 5);
  assert.equal((await rig.command(["check"])).code, 3);
});
