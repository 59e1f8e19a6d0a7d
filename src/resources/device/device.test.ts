import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runBpf } from "../../../test/rig/ebpf.ts";
import { FakeCgroups, PURE_V2, SEPARATE_V1 } from "../../../test/rig/fake-cgroups.ts";
import { encodeBpf, MOST_INSTRUCTIONS, printBpf } from "../../kernel/bpf/ebpf.ts";
import type { ContainerSpec, DeviceRestrictions } from "../../spec/index.ts";
import { withDefaults } from "../defaults.ts";
import { checkSpec, createSteps, updateSteps } from "../index.ts";
import { assembleDeviceRules } from "./program.ts";
import { ACCESS, type DeviceRule, type DeviceRules, rulesOf } from "./rules.ts";
import { exceptionsOf } from "./v1.ts";

/** What is asked of a device: the kernel asks for READ and WRITE together when it is opened for both. */
interface Asked {
  kind: DeviceRule["kind"];
  major: number;
  minor: number;
  access: number;
}

const small = fc.integer({ min: 0, max: 2 });
const kind = fc.constantFrom<DeviceRule["kind"]>("block", "char");
const access = fc.integer({ min: 1, max: 7 });
const rule: fc.Arbitrary<DeviceRule> = fc.record({
  allow: fc.boolean(),
  kind,
  major: fc.option(small, { nil: undefined }),
  minor: fc.option(small, { nil: undefined }),
  access,
});
const asked: fc.Arbitrary<Asked> = fc.record({ kind, major: small, minor: small, access });

/** Each access by itself: the last rule about it counts. */
function isAllowed({ allow, rules }: DeviceRules, { kind, major, minor, access }: Asked): boolean {
  return Object.values(ACCESS)
    .filter(bit => (access & bit) !== 0)
    .every(bit => {
      const last = rules.findLast(
        each =>
          each.kind === kind &&
          (each.major ?? major) === major &&
          (each.minor ?? minor) === minor &&
          (each.access & bit) !== 0,
      );
      return last?.allow ?? allow;
    });
}

const run = (rules: DeviceRules, { kind, major, minor, access }: Asked): number =>
  runBpf(encodeBpf(assembleDeviceRules(rules)), [(access << 16) | (kind === "block" ? 1 : 2), major, minor]);

const devices = (...restrictions: DeviceRestrictions[]): ContainerSpec => ({
  device: { restrictions_set: { restrictions } },
});
const deny = (
  major: bigint,
  minor?: bigint,
  access: DeviceRestrictions["access"] = ["READ"],
): DeviceRestrictions => ({
  permission: "DENY",
  type: "DEVICE_CHAR",
  access,
  major,
  ...(minor !== undefined && { minor }),
});

test("the program decides as the rules say", () => {
  fc.assert(
    fc.property(
      fc.record({ allow: fc.boolean(), rules: fc.array(rule, { maxLength: 8 }) }),
      asked,
      (rules, what) => {
        assert.equal(run(rules, what), isAllowed(rules, what) ? 1 : 0);
      },
    ),
    { numRuns: 3000 },
  );
});

test("the most rules fit into what any kernel takes", () => {
  const rules = Array.from(
    { length: 500 },
    (_, i): DeviceRule => ({ allow: i % 2 === 0, kind: "char", major: i, minor: i, access: 6 }),
  );
  const code = assembleDeviceRules({ allow: false, rules });
  assert.ok(code.length <= MOST_INSTRUCTIONS, `${code.length} instructions`);
  assert.equal(run({ allow: false, rules }, { kind: "char", major: 0, minor: 0, access: 2 }), 1);
  const many = devices(...Array.from({ length: 501 }, () => deny(1n)));
  assert.throws(() => rulesOf(many.device!), /has 501 rules: at most 500/);
});

test("an isolated container may use what any command needs, and no disk", () => {
  const rules = rulesOf({ isolated: true });
  const open = (kind: DeviceRule["kind"], major: number, minor: number, access: number = ACCESS.READ) =>
    run(rules, { kind, major, minor, access });
  for (const minor of [3, 5, 7, 8, 9]) assert.equal(open("char", 1, minor, 6), 1);
  for (const minor of [0, 1, 2]) assert.equal(open("char", 5, minor, 6), 1);
  assert.equal(open("char", 136, 77, 6), 1);
  assert.equal(open("block", 8, 0), 0);
  assert.equal(open("char", 1, 1), 0); // mem
  assert.equal(open("char", 10, 229), 0); // fuse
  assert.equal(open("block", 8, 0, ACCESS.MKNOD), 1);
  assert.equal(open("block", 8, 0, ACCESS.MKNOD | ACCESS.READ), 0);
});

test("a rule about everything makes those before it void", () => {
  const all = { type: "DEVICE_ALL", access: ["READ", "WRITE", "MKNOD"] } as const;
  const restrictions: DeviceRestrictions[] = [
    deny(1n, 3n),
    { ...all, access: [...all.access], permission: "DENY" },
    { ...deny(1n, 5n), permission: "ALLOW" },
  ];
  const { allow, rules } = rulesOf({ isolated: true, restrictions_set: { restrictions } });
  assert.equal(allow, false);
  assert.deepEqual(rules, [{ allow: true, kind: "char", major: 1, minor: 5, access: ACCESS.READ }]);
});

test("a program prints as one reads it", () => {
  const code = assembleDeviceRules({
    allow: true,
    rules: [{ allow: false, kind: "block", major: 8, minor: undefined, access: ACCESS.WRITE }],
  });
  assert.deepEqual(printBpf(code), [
    "0: LDX_W r2, [r1+0]",
    "1: MOV_REG r3, r2",
    "2: RSH_IMM r3, 16",
    "3: AND_IMM r2, 65535",
    "4: LDX_W r4, [r1+4]",
    "5: LDX_W r5, [r1+8]",
    "6: JNE_IMM r2, 1 -> 12",
    "7: JNE_IMM r4, 8 -> 12",
    "8: JSET_IMM r3, 4 -> 10",
    "9: JEQ_IMM r2, 1 -> 12",
    "10: MOV_IMM r0, 0",
    "11: EXIT",
    "12: MOV_IMM r0, 1",
    "13: EXIT",
  ]);
});

test("what makes no sense is refused by name", () => {
  const refused = (restriction: DeviceRestrictions, message: RegExp, code = "INVALID_ARGUMENT") =>
    assert.throws(() => rulesOf(devices(restriction).device!), { code, message });
  const good = deny(1n, 3n);
  const place = /^device\.restrictions_set\.restrictions\[0\]/;
  const { permission: _, ...noPermission } = good;
  refused(noPermission, /permission is missing/);
  const { type: __, ...noType } = good;
  refused(noType, /type is missing/);
  refused({ ...good, access: [] }, /access has 0 entries/);
  refused({ ...good, access: ["READ", "READ", "WRITE", "MKNOD"] }, /access has 4 entries/);
  refused({ ...good, major: 4096n }, /major 4096 is out of range: 0 to 4095/);
  refused({ ...good, minor: -1n }, /minor -1 is out of range/);
  refused({ ...good, path: "/dev/null" }, /has a path, and a type or numbers/);
  const at = (path: string): DeviceRestrictions => ({ permission: "ALLOW", access: ["READ"], path });
  refused(at("dev/null"), /"dev\/null" is not absolute/);
  refused(at("/dev"), /\/dev is no device/);
  refused(at("/dev/none-such"), /there is no \/dev\/none-such/, "NOT_FOUND");
  refused({ ...good, major: 4096n }, place);
  assert.deepEqual(rulesOf(devices(at("/dev/null")).device!).rules, [
    { allow: true, kind: "char", major: 1, minor: 3, access: ACCESS.READ },
  ]);
});

test("v1: exceptions mean what the rules mean, or are refused", () => {
  let expressed = 0;
  fc.assert(
    fc.property(
      fc.record({ allow: fc.boolean(), rules: fc.array(rule, { maxLength: 5 }) }),
      asked,
      (rules, what) => {
        let exceptions: DeviceRule[];
        try {
          exceptions = exceptionsOf(rules);
        } catch (error) {
          assert.match(
            (error as Error).message,
            /cgroup v1 cannot take `(ALLOW|DENY) [bc] \S+ r?w?m?` out of/,
          );
          return;
        }
        expressed++;
        for (const bit of [1, 2, 4].filter(each => (what.access & each) !== 0)) {
          const one = { ...what, access: bit };
          assert.equal(isAllowed({ ...rules, rules: exceptions }, one), isAllowed(rules, one));
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(expressed > 200);
});

test("v1: only what changes is written, and what denies comes first", () => {
  using fake = new FakeCgroups(SEPARATE_V1);
  const { cgroups } = fake;
  const lines = (spec: ContainerSpec, before: ContainerSpec): string[] =>
    fake
      .lines(updateSteps(spec, { cgroups, name: "/a", below: [], before }))
      .filter(line => line.includes("devices."))
      .map(line => line.replace("write devices/sub/a/devices.", ""));
  const old = devices(deny(1n, 3n), deny(1n, 5n));
  assert.deepEqual(lines(devices(deny(1n, 5n), deny(1n, 7n)), old), ["deny c 1:7 r", "allow c 1:3 r"]);
  assert.deepEqual(lines(old, old), []);
  assert.deepEqual(lines({}, old), ["allow c 1:3 r", "allow c 1:5 r"]);
  assert.deepEqual(lines(devices({ ...deny(1n, 3n), access: ["WRITE"] }), devices(deny(1n, 3n))), [
    "deny c 1:3 w",
    "allow c 1:3 r",
  ]);
  const closed = lines({ device: { isolated: true } }, old);
  assert.deepEqual(
    closed.slice(0, 3),
    ["deny a", "allow b *:* m", "allow c *:* m"].sort((a, b) => (a < b ? 1 : -1)),
  );
  assert.deepEqual(lines({}, { device: { isolated: true } }).slice(0, 2), ["deny a", "allow a"]);
});

test("a virtual host gets few devices, unless its spec says otherwise or nothing here can", () => {
  using v2 = new FakeCgroups(PURE_V2);
  using v1 = new FakeCgroups(SEPARATE_V1);
  using none = new FakeCgroups({ mounts: { memory: 1 } });
  const host: ContainerSpec = { virtual_host: {} };
  const isolated = (spec: ContainerSpec, { cgroups }: FakeCgroups) =>
    withDefaults(spec, cgroups).device?.isolated ?? false;
  assert.equal(isolated(host, v2), true);
  assert.equal(isolated(host, v1), true);
  assert.equal(isolated(host, none), false);
  assert.equal(isolated({}, v2), false);
  assert.equal(isolated({ ...host, device: {} }, v2), false);
  assert.equal(isolated({ ...host, security_spec: { privileged: true } }, v2), false);
  const mounted = withDefaults(
    {
      ...host,
      filesystem: {
        mounts: {
          mount: [
            { source: "/dev/null", target: "/dev/kvm", options: ["dev"] },
            { source: "/dev/zero", target: "/dev/z" },
            { source: "/dev", target: "/all", options: ["dev"] },
          ],
        },
      },
    },
    v2.cgroups,
  );
  assert.deepEqual(mounted.device?.restrictions_set?.restrictions, [
    { permission: "ALLOW", access: ["READ", "WRITE"], path: "/dev/null" },
  ]);
  checkSpec(mounted, { cgroups: v2.cgroups, name: "/a" });
  const steps = v2.lines(createSteps(v2.cgroups, "/a", host));
  assert.ok(steps.includes("program setting device"), steps.join());
  assert.throws(() => checkSpec({ device: { isolated: true } }, { cgroups: none.cgroups, name: "/a" }), {
    code: "FAILED_PRECONDITION",
    message: /device needs cgroup v2, or the devices controller/,
  });
});
