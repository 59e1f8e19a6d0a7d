import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakeCgroups, PURE_V2 } from "../../../test/rig/fake-cgroups.ts";
import { CAPABILITIES } from "../../features/capabilities.ts";
import type { SecuritySpec } from "../../spec/messages/security.ts";
import { checkAppArmor } from "./apparmor.ts";
import { capabilitySets, namesOf } from "./capabilities.ts";
import { processSecurity, security, withFilesRead } from "./index.ts";

const ALL = (1n << 41n) - 1n;
const root = { permitted: ALL, lastCapability: 40, kernel: [6, 1] as const, seccomp: true };
const set = (...names: string[]): bigint =>
  names.reduce((sum, name) => sum | (1n << BigInt((CAPABILITIES as readonly string[]).indexOf(name))), 0n);

test("capabilities: the default is small, and add and drop change it", () => {
  const names = (spec: SecuritySpec["capabilities"]) => [...namesOf(capabilitySets(spec!, root).bounding)];
  assert.equal(names({}).length, 11);
  for (const dangerous of ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_MKNOD", "CAP_NET_RAW", "CAP_BPF"])
    assert.ok(!names({}).includes(dangerous), dangerous);
  assert.deepEqual(names({ drop: ["ALL"] }), []);
  assert.deepEqual(names({ drop: ["ALL"], add: ["CAP_CHOWN"] }), ["CAP_CHOWN"]);
  assert.equal(names({ add: ["ALL"] }).length, 41);
  assert.equal(names({ add: ["ALL"], drop: ["CAP_SYS_ADMIN"] }).length, 40);
  assert.equal(names({ add: ["CAP_NET_RAW"], drop: ["CAP_CHOWN"] }).length, 11);
});

test("capabilities: root gets no more than this process has", () => {
  const poor = { ...root, permitted: ALL & ~set("CAP_CHOWN", "CAP_SYS_RESOURCE") };
  const { bounding, permitted } = capabilitySets({ add: ["ALL"] }, poor);
  assert.deepEqual([bounding, permitted], [ALL, poor.permitted]);
});

function check(spec: SecuritySpec, permitted = ALL): () => void {
  return () => {
    using fake = new FakeCgroups(PURE_V2, {
      "proc/status": `CapPrm:\t${permitted.toString(16)}\nSeccomp:\t0\n`,
    });
    security.check(spec, { cgroups: fake.cgroups, name: "/a", proc: `${fake.path}/proc` });
  };
}

test("a section that makes no sense is refused", () => {
  check({})();
  const refused = (spec: SecuritySpec, message: RegExp, hint?: RegExp) =>
    assert.throws(check(spec), { code: "INVALID_ARGUMENT", message, ...(hint && { hint }) });
  refused(
    { capabilities: { add: ["CAP_CHWON"] } },
    /capabilities\.add: unknown capability "CAP_CHWON"/,
    /CAP_CHOWN/,
  );
  refused(
    { capabilities: { drop: ["chown"] } },
    /capabilities\.drop: unknown capability "chown"/,
    /CAP_CHOWN/,
  );
  refused({ capabilities: { ambient: ["CAP_SYS_ADMIN"] } }, /ambient: CAP_SYS_ADMIN is not among/);
  refused({ seccomp: "defualt" }, /seccomp "defualt": expected default, unconfined, a profile/);
  refused({ seccomp: "{" }, /unexpected end of text/);
  refused({ seccomp: `{"comment":"${"x".repeat(500_000)}"}` }, /a profile of 500014 bytes, at most 500000/);
  refused({ seccomp: '{"defaultAction":"SCMP_ACT_ERRNO"}' }, /allows no execve/);
  const killer = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["execve"], action: "SCMP_ACT_KILL" }],
  };
  refused({ seccomp: JSON.stringify(killer) }, /allows no execve/);
});

test("what this process cannot give or do is refused", () => {
  const refused = (spec: SecuritySpec, permitted: bigint, message: RegExp) =>
    assert.throws(check(spec, permitted), { code: "FAILED_PRECONDITION", message });
  refused(
    { capabilities: { add: ["CAP_SYS_RESOURCE"] } },
    ALL & ~set("CAP_SYS_RESOURCE"),
    /add: this process does not have CAP_SYS_RESOURCE/,
  );
  check({ capabilities: { add: ["ALL"] } }, ALL & ~set("CAP_SYS_RESOURCE"))();
  refused({ no_new_privs: false }, 0n, /a seccomp filter needs CAP_SYS_ADMIN/);
  refused({ no_new_privs: false, seccomp: "unconfined" }, 0n, /giving up capabilities needs CAP_SETPCAP/);
  check({ no_new_privs: false, privileged: true }, 0n)();
  check({}, 0n)();
});

test("privileged turns off what is not given", () => {
  const nothing = processSecurity({ privileged: true }, "x86_64", root);
  assert.deepEqual(nothing, {
    noNewPrivs: false,
    newKeyring: false,
    capabilities: undefined,
    seccomp: undefined,
    appArmor: undefined,
  });
  const some = processSecurity({ privileged: true, seccomp: "default", no_new_privs: true }, "x86_64", root);
  assert.equal(some.noNewPrivs, true);
  // all capabilities are there, so all that they open is open
  assert.ok(some.seccomp!.filter.length < processSecurity({}, "x86_64", root).seccomp!.filter.length);
  assert.equal(processSecurity({ seccomp: "unconfined" }, "x86_64", root).seccomp, undefined);
});

test("who may not lower the bounding set has no capabilities to keep", () => {
  const { capabilities } = processSecurity({}, "x86_64", { ...root, permitted: 0n });
  assert.deepEqual([capabilities!.lowerBounding, capabilities!.permitted], [false, 0n]);
});

test("an AppArmor profile has to be there", () => {
  using active = new FakeCgroups(PURE_V2, {
    "sys/module/apparmor/parameters/enabled": "Y\n",
    "sys/kernel/security/apparmor/profiles": "box (enforce)\nother one (complain)\n",
  });
  for (const name of ["box", "other one", "unconfined"]) checkAppArmor({ name }, active.path);
  assert.throws(() => checkAppArmor({ name: "bo" }, active.path), /no profile "bo" is loaded/);
  for (const name of ["", "a\nb", undefined])
    assert.throws(() => checkAppArmor(name === undefined ? {} : { name }, active.path), {
      code: "INVALID_ARGUMENT",
    });
  using without = new FakeCgroups(PURE_V2, {});
  assert.throws(() => checkAppArmor({ name: "box" }, without.path), /AppArmor is not active/);
});

test("a profile in a file is kept in the spec", () => {
  const directory = mkdtempSync(join(tmpdir(), "lmctfy-profile-"));
  try {
    const path = join(directory, "profile.json");
    const text = '{"defaultAction":"SCMP_ACT_ALLOW"}';
    writeFileSync(path, `${text}\n`);
    const read = (seccomp: string) => withFilesRead({ security_spec: { seccomp } }).security_spec!.seccomp;
    assert.equal(read(path), text);
    assert.equal(read("default"), "default");
    assert.throws(() => read(join(directory, "none.json")), { code: "NOT_FOUND", message: /none\.json/ });
    writeFileSync(path, '{"defaultAction":\n"ALLOW"}');
    assert.throws(() => read(path), { code: "INVALID_ARGUMENT", place: `${path}:2:1` });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
