import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../test/rig/fake-cgroups.ts";
import { SYSCALLS } from "../kernel/syscalls.ts";
import { FEATURE_CALLS } from "./calls.ts";
import { CAPABILITIES, capabilityNames } from "./capabilities.ts";
import { detectFeatures, type ProbeSyscalls } from "./features.ts";
import { formatFeatures } from "./text.ts";

const MACHINE = {
  "proc/self/status": "Name:\tnode\nCapEff:\t000001fffeffffff\n",
  "proc/self/ns/pid": "",
  "proc/self/ns/user": "",
  "proc/sys/kernel/cap_last_cap": "40\n",
  "proc/sys/kernel/seccomp/actions_avail": "kill_process errno allow\n",
  "proc/sys/user/max_user_namespaces": "100\n",
  "proc/sys/kernel/unprivileged_userns_clone": "0\n",
  "proc/pressure/memory": "some avg10=0.00\n",
  "sys/bus/event_source/devices/software/type": "1\n",
  "sys/kernel/security/lsm": "lockdown,capability,landlock\n",
};

/** Gives every call the same error, but for some features. */
const answering =
  (usual: string | 0, others: { [feature: string]: string | 0 } = {}): ProbeSyscalls =>
  async calls =>
    calls.map((_, index) => others[Object.keys(FEATURE_CALLS)[index]!] ?? usual);

test("what the files say", async () => {
  using fake = new FakeCgroups(PURE_V2, {
    ...MACHINE,
    "unified/init.scope/cgroup.kill": "",
    "unified/init.scope/memory.max": "",
  });
  const features = await detectFeatures(undefined, { root: fake.path, layout: fake.layout });
  assert.deepEqual(features.cgroup, {
    layout: "v2",
    hierarchies: [
      {
        version: 2,
        mount_point: `${fake.path}/unified`,
        controllers: ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"],
      },
    ],
    disabled: [],
    kill: "yes",
    freeze: "no",
    swap_accounting: "no",
    pressure: "yes",
  });
  assert.equal(features.namespaces.pid, "yes");
  assert.equal(features.namespaces.time, "no");
  assert.deepEqual(features.user_namespaces, { max: 100, unprivileged: "denied" });
  assert.deepEqual(features.perf_events, { software: "yes", hardware: "no" });
  assert.deepEqual(features.security, {
    lsms: ["lockdown", "capability", "landlock"],
    seccomp_actions: ["kill_process", "errno", "allow"],
  });
  assert.deepEqual(features.caller.missing_capabilities, ["CAP_SYS_RESOURCE"]);
  assert.equal(features.caller.capabilities.length, 40);
  assert.ok(Object.values(features.syscalls).every(answer => answer === "unknown"));
  assert.deepEqual(JSON.parse(JSON.stringify(features)), features);
});

test("a machine that says little", async () => {
  using fake = new FakeCgroups(SEPARATE_V1);
  const features = await detectFeatures(undefined, { root: fake.path, layout: fake.layout });
  assert.deepEqual(
    [features.cgroup.kill, features.cgroup.swap_accounting, features.cgroup.pressure],
    ["no", "no", "no"],
  );
  assert.deepEqual(features.user_namespaces, { max: null, unprivileged: "no" });
  assert.deepEqual(features.security, { lsms: null, seccomp_actions: [] });
  using bare = new FakeCgroups(PURE_V2);
  const { cgroup } = await detectFeatures(undefined, { root: bare.path, layout: bare.layout });
  assert.deepEqual([cgroup.kill, cgroup.freeze, cgroup.swap_accounting], ["unknown", "unknown", "unknown"]);
});

test("what calls that cannot do anything answer", async () => {
  using fake = new FakeCgroups(PURE_V2, MACHINE);
  const options = { root: fake.path, layout: fake.layout };
  const answers = {
    clone_into_cgroup: "EBADF",
    close_range_cloexec: 0,
    fsopen: "EPERM",
    landlock: "EOPNOTSUPP",
    statmount: "ENOSYS",
  } as const;
  const { syscalls } = await detectFeatures(answering("EINVAL", answers), options);
  assert.equal(syscalls.clone3, "yes");
  assert.equal(syscalls.clone_into_cgroup, "yes");
  assert.equal(syscalls.close_range_cloexec, "yes");
  assert.equal(syscalls.fsopen, "denied");
  assert.equal(syscalls.landlock, "no");
  assert.equal(syscalls.statmount, "no");
  // Calls that are older than the feature: any other error means that the kernel did not get so far.
  for (const feature of ["pidfd_wait", "seccomp_filter", "seccomp_notify"])
    assert.equal(syscalls[feature], "no");
  const old = await detectFeatures(answering("ENOSYS"), options);
  assert.ok(Object.values(old.syscalls).every(answer => answer === "no"));
});

test("the detector works also when nothing can be tried", async () => {
  using fake = new FakeCgroups(PURE_V2, MACHINE);
  const broken = async () => {
    throw new Error("no executor");
  };
  const features = await detectFeatures(broken, { root: fake.path, layout: fake.layout });
  assert.equal(features.syscalls_error, "Error: no executor");
  assert.equal(features.syscalls.clone3, "unknown");
  assert.match(formatFeatures(features), /^system calls {4}Error: no executor$/m);
});

test("for people", async () => {
  using fake = new FakeCgroups(PURE_V2, MACHINE);
  const features = await detectFeatures(answering("EBADF", { statmount: "ENOSYS" }), {
    root: fake.path,
    layout: fake.layout,
  });
  const text = formatFeatures(features);
  assert.match(text, /^cgroups {9}v2: one hierarchy for all controllers$/m);
  assert.match(text, /^caller {10}uid \d+, gid \d+, all capabilities but CAP_SYS_RESOURCE$/m);
  assert.match(text, /^ {2}no {12}.*statmount/m);
  assert.match(text, /^ {2}modules {7}lockdown capability landlock$/m);
  assert.ok(text.endsWith("\n") && !/ $/m.test(text));
});

test("the calls exist on every architecture, and the capabilities have their numbers", () => {
  for (const { name } of Object.values(FEATURE_CALLS))
    assert.ok(
      SYSCALLS[name].every(number => number !== null),
      name,
    );
  assert.equal(CAPABILITIES.indexOf("CAP_SYS_ADMIN"), 21);
  assert.equal(CAPABILITIES.indexOf("CAP_CHECKPOINT_RESTORE"), 40);
  assert.deepEqual(capabilityNames("8000000001000001"), ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_63"]);
  assert.deepEqual(capabilityNames("0"), []);
});
