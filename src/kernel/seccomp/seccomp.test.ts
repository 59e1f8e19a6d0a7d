import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkFilter, runFilter } from "../../../test/rig/bpf.ts";
import type { Arch } from "../arch.ts";
import { type Action, answerOf } from "./action.ts";
import { encodeFilter, MAX_INSTRUCTIONS } from "./assembler.ts";
import { ABIS_OF, type Abi, AUDIT_ARCH, callsOf } from "./calls.ts";
import { DENIED, defaultPlan } from "./default.ts";
import { type Condition, compileInstructions } from "./filter.ts";
import { parseProfile } from "./parse.ts";
import { type Entry, type Profile, planOf } from "./profile.ts";

const NONE: ReadonlySet<string> = new Set();
const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];
const ALLOW = answerOf({ kind: "allow" });
const EPERM = answerOf({ kind: "errno", value: 1 });
const ENOSYS = answerOf({ kind: "errno", value: 38 });
const KILL = answerOf({ kind: "kill_process" });

/** What the default filter of an architecture says to a call. */
function asker(arch: Arch, capabilities: readonly string[] = []) {
  const filter = compileInstructions(defaultPlan(arch, new Set(capabilities)));
  checkFilter(filter);
  const calls = callsOf(arch);
  return {
    filter,
    steps: (name: string) =>
      runFilter(filter, { arch: AUDIT_ARCH[arch], number: calls.get(name)!, args: [] }).steps,
    answer: (name: string, ...args: bigint[]) =>
      runFilter(filter, { arch: AUDIT_ARCH[arch], number: calls.get(name)!, args }).answer,
    number: (number: number, audit = AUDIT_ARCH[arch]) =>
      runFilter(filter, { arch: audit, number, args: [] }).answer,
  };
}

test("default: what is denied fails with EPERM, unless a capability opens it", () => {
  for (const arch of ARCHES) {
    const calls = callsOf(arch);
    for (const { calls: names, unless = [] } of DENIED) {
      const denied = names.split(" ").filter(name => calls.has(name));
      for (const name of denied) {
        assert.equal(asker(arch).answer(name), EPERM, name);
        for (const capability of unless) assert.equal(asker(arch, [capability]).answer(name), ALLOW, name);
      }
    }
  }
});

test("default: every name in the list is a call, of some architecture", () => {
  const all = new Set(ARCHES.flatMap(arch => ABIS_OF[arch]).flatMap(abi => [...callsOf(abi).keys()]));
  for (const { calls } of DENIED) for (const name of calls.split(" ")) assert.ok(all.has(name), name);
});

test("default: how many calls it allows is looked at by a person when the table of calls grows", () => {
  const allowed = ARCHES.map(arch => {
    const { answer } = asker(arch);
    return [...callsOf(arch).keys()].filter(name => answer(name, 0n, 0n) === ALLOW).length;
  });
  assert.deepEqual(allowed, [312, 269]);
});

test("default: arguments decide, in their lower 32 bits where the kernel looks at no more", () => {
  const high = 1n << 32n;
  for (const arch of ARCHES) {
    const { answer } = asker(arch);
    for (const above of [0n, high, 0xffff_ffffn << 32n]) {
      assert.equal(answer("ioctl", 0n, above | 0x5412n), EPERM, "TIOCSTI");
      assert.equal(answer("ioctl", 0n, above | 0x541cn), EPERM, "TIOCLINUX");
      assert.equal(answer("ioctl", 0n, above | 0x5413n), ALLOW, "TIOCGWINSZ");
      assert.equal(answer("socket", above | 38n), EPERM, "AF_ALG");
      assert.equal(answer("socket", above | 40n), EPERM, "AF_VSOCK");
      assert.equal(answer("socket", above | 2n), ALLOW, "AF_INET");
      assert.equal(answer("personality", above | 0xffff_ffffn), ALLOW);
      assert.equal(answer("personality", above | 0x4_0000n), EPERM, "ADDR_NO_RANDOMIZE");
    }
    assert.equal(answer("clone", 0x1000_0011n), EPERM, "CLONE_NEWUSER");
    assert.equal(answer("clone", 0x0120_0011n), ALLOW, "fork");
    assert.equal(answer("clone3"), ENOSYS);
    assert.equal(asker(arch, ["CAP_SYS_ADMIN"]).answer("clone3"), ALLOW);
  }
});

test("default: calls that nobody knows are not there, and other worlds are closed", () => {
  for (const arch of ARCHES) {
    const { number } = asker(arch);
    for (const unknown of [472, 500, 1000, 0x3fff_ffff, 0x4000_0000 + 1, 0xffff_ffff])
      assert.equal(number(unknown), ENOSYS, `${unknown}`);
    for (const audit of [AUDIT_ARCH.x86, AUDIT_ARCH.arm, 0, 0xc000_0015])
      assert.equal(number(1, audit), KILL);
  }
  assert.equal(asker("x86_64").number(1, AUDIT_ARCH.aarch64), KILL);
});

test("default: small, and few steps for the calls that programs make all the time", () => {
  const often =
    "read write openat close fstat mmap munmap brk futex epoll_pwait recvfrom sendto clock_nanosleep";
  for (const arch of ARCHES) {
    const { filter, steps } = asker(arch);
    assert.ok(filter.length <= 250, `${arch}: ${filter.length} instructions`);
    for (const name of often.split(" "))
      assert.ok(steps(name) <= 14, `${arch} ${name}: ${steps(name)} steps`);
    for (const name of callsOf(arch).keys())
      assert.ok(steps(name) <= 32, `${arch} ${name}: ${steps(name)} steps`);
  }
});

// ── profiles ──

const action = fc.oneof<fc.Arbitrary<Action>[]>(
  fc.constantFrom<Action>(
    { kind: "allow" },
    { kind: "log" },
    { kind: "kill_process" },
    { kind: "kill_thread" },
  ),
  fc.integer({ min: 0, max: 4095 }).map(value => ({ kind: "errno", value })),
);
/** Few values, so that they meet; and such at the edges of the halves. */
const word = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 0xffff_ffffn, 1n << 32n, (1n << 32n) + 1n, (1n << 64n) - 1n, 1n << 63n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    index: fc.integer({ min: 0, max: 5 }),
    test: fc.constantFrom<"==" | ">=" | ">">("==", ">=", ">"),
    value: word,
    negated: fc.boolean(),
  }),
  fc.record({ index: fc.constantFrom(0, 1), test: fc.constant("==" as const), value: word, mask: word }),
);
const SOME_CALLS =
  "read write mount clone socket ioctl ptrace _llseek set_tls rt_sigaction statx no_such_call".split(" ");
const entry: fc.Arbitrary<Entry> = fc.record({
  names: fc.uniqueArray(fc.constantFrom(...SOME_CALLS), { minLength: 1 }),
  action,
  conditions: fc.array(condition, { maxLength: 3 }),
  includes: fc.record({ capabilities: fc.uniqueArray(fc.constantFrom("CAP_A", "CAP_B")) }),
  excludes: fc.record({ capabilities: fc.uniqueArray(fc.constantFrom("CAP_C")) }),
});
const profile: fc.Arbitrary<Profile> = fc.record({
  defaultAction: action,
  architectures: fc.constantFrom(undefined, {
    x86_64: ["x86" as const, "x32" as const],
    aarch64: ["arm" as const],
  }),
  flags: fc.constant(0),
  entries: fc.array(entry, { maxLength: 12 }),
});

/** What of an argument a world compares. */
const widthOf = (abi: Abi): bigint =>
  abi === "x86_64" || abi === "aarch64" ? (1n << 64n) - 1n : 0xffff_ffffn;

function holds(
  { index, test: how, value, mask = (1n << 64n) - 1n, negated }: Condition,
  args: bigint[],
  width: bigint,
): boolean {
  const arg = args[index]! & width;
  const to = value & width;
  const so = how === "==" ? (arg & mask) === to : how === ">=" ? arg >= to : arg > to;
  return so !== (negated ?? false);
}

/** What a profile says of a call, read from its description and not from the code. */
function meaning(
  { defaultAction, entries }: Profile,
  capabilities: readonly string[],
  name: string,
  args: bigint[],
  width: bigint,
): number {
  const here = entries.filter(
    ({ includes, excludes, names, action: its }) =>
      names.includes(name) &&
      answerOf(its) !== answerOf(defaultAction) &&
      includes.capabilities!.every(each => capabilities.includes(each)) &&
      !excludes.capabilities!.some(each => capabilities.includes(each)),
  );
  const plain = here.find(({ conditions }) => conditions.length === 0);
  if (plain) return answerOf(plain.action);
  for (const { conditions, action: its } of here) {
    const indexes = conditions.map(({ index }) => index);
    const repeated = new Set(indexes).size < indexes.length;
    const match = (c: Condition) => holds(c, args, width);
    if (repeated ? conditions.some(match) : conditions.every(match)) return answerOf(its);
  }
  return answerOf(defaultAction);
}

test("a filter answers what its profile means, in every world", () => {
  fc.assert(
    fc.property(
      profile,
      fc.constantFrom(...ARCHES),
      fc.subarray(["CAP_A", "CAP_B", "CAP_C"]),
      fc.array(word, { minLength: 6, maxLength: 6 }),
      (given, arch, capabilities, words) => {
        const filter = compileInstructions(
          planOf(given, { arch, capabilities: new Set(capabilities), kernel: [6, 1] }),
        );
        checkFilter(filter);
        const values = given.entries.flatMap(({ conditions }) => conditions.map(({ value }) => value));
        for (const args of [words, words.map((each, i) => values[i] ?? each)]) {
          for (const abi of ABIS_OF[arch]) {
            const open = abi === arch || given.architectures !== undefined;
            for (const name of SOME_CALLS) {
              const number = callsOf(abi).get(name);
              if (number === undefined) continue;
              const { answer } = runFilter(filter, { arch: AUDIT_ARCH[abi], number, args });
              const named = given.entries.some(({ names }) => names.includes(name));
              if (open && named)
                assert.equal(
                  answer,
                  meaning(given, capabilities, name, args, widthOf(abi)),
                  `${abi} ${name}`,
                );
              if (!open) assert.equal(answer, abi === "x32" ? ENOSYS : KILL);
            }
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("the largest profiles have jumps further than an instruction reaches", () => {
  const names = [...callsOf("x86_64").keys()];
  const given: Profile = {
    defaultAction: { kind: "errno", value: 1 },
    flags: 0,
    entries: names.map((name, i) => ({
      names: [name],
      action: { kind: "errno", value: i % 4000 },
      conditions: [{ index: i % 6, test: "==", value: BigInt(i) << 20n }],
      includes: {},
      excludes: {},
    })),
  };
  const filter = compileInstructions(planOf(given, { arch: "x86_64", capabilities: NONE, kernel: [6, 1] }));
  checkFilter(filter);
  assert.ok(filter.length > 1500);
  for (const [i, name] of names.entries()) {
    if (i === 1) continue; // it has the default's answer
    const args = Array(6).fill(BigInt(i) << 20n);
    const call = { arch: AUDIT_ARCH.x86_64, number: callsOf("x86_64").get(name)!, args };
    assert.equal(runFilter(filter, call).answer, 0x50000 + (i % 4000), name);
    assert.equal(runFilter(filter, { ...call, args: Array(6).fill(3n) }).answer, EPERM, name);
  }
  const many = given.entries.flatMap(each =>
    [1n, 2n, 3n, 4n].map(value => ({
      ...each,
      conditions: [{ index: 0, test: "==" as const, value: value << 40n }],
    })),
  );
  assert.throws(
    () =>
      compileInstructions(
        planOf(
          {
            ...given,
            entries: many.map((each, i) => ({ ...each, action: { kind: "errno", value: i % 4000 } })),
          },
          { arch: "x86_64", capabilities: NONE, kernel: [6, 1] },
        ),
      ),
    new RegExp(`instructions, at most ${MAX_INSTRUCTIONS}`),
  );
});

test("newer calls than a profile names are not there, where it does not allow by default", () => {
  const of = (defaultAction: string) => {
    const given = parseProfile(
      JSON.stringify({ defaultAction, syscalls: [{ names: ["read", "statx"], action: "SCMP_ACT_LOG" }] }),
      "profile",
    );
    const filter = compileInstructions(planOf(given, { arch: "x86_64", capabilities: NONE, kernel: [6, 1] }));
    return (number: number) => runFilter(filter, { arch: AUDIT_ARCH.x86_64, number, args: [] }).answer;
  };
  const closed = of("SCMP_ACT_ERRNO");
  assert.deepEqual([closed(1), closed(332), closed(333), closed(424)], [EPERM, 0x7ffc0000, ENOSYS, ENOSYS]);
  const open = of("SCMP_ACT_ALLOW");
  assert.deepEqual([open(1), open(332), open(424)], [ALLOW, 0x7ffc0000, ALLOW]);
});

test("an encoded filter is the kernel's struct sock_filter", () => {
  const bytes = encodeFilter([{ code: 0x15, jt: 1, jf: 2, k: 0xc000003e }]);
  assert.deepEqual([...bytes], [0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0]);
});

test("a profile that is wrong is refused with its place", () => {
  const refuse = (text: string, message: RegExp, place?: string) =>
    assert.throws(
      () => parseProfile(text, "p.json"),
      (error: Error & { place?: string }) => {
        assert.match(error.message, message);
        if (place !== undefined) assert.equal(error.place, place);
        return true;
      },
      text,
    );
  const of = (entry: object) => JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [entry] });
  refuse("{", /unexpected end of text/, "p.json:1:2");
  refuse("{}", /defaultAction is missing/, "p.json:1:1");
  refuse('{"defaultAction":\n "SCMP_ACT_FOO"}', /unknown action "SCMP_ACT_FOO"/, "p.json:2:2");
  refuse('{"defaultAction":"SCMP_ACT_ALLOW","sycalls":[]}', /unknown field "sycalls"/, "p.json:1:35");
  refuse('{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X87"]}', /unknown architecture/);
  refuse('{"defaultAction":"SCMP_ACT_ALLOW","architectures":[],"archMap":[]}', /one of them/);
  refuse('{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}', /unknown flag/);
  refuse(of({ names: ["read"] }), /action is missing/);
  refuse(of({ action: "SCMP_ACT_LOG" }), /names is missing/);
  refuse(of({ names: [1], action: "SCMP_ACT_LOG" }), /expected a text/);
  refuse(
    of({ names: ["read"], action: "SCMP_ACT_NOTIFY" }),
    /NOTIFY is not served: nobody here would answer/,
  );
  refuse(of({ names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet: 5000 }), /from 0 to 4095/);
  refuse(of({ names: ["read"], action: "SCMP_ACT_ERRNO", errno: "EWHAT" }), /unknown error/);
  const args = (arg: object) => of({ names: ["read"], action: "SCMP_ACT_LOG", args: [arg] });
  refuse(args({ index: 6, value: 1, op: "SCMP_CMP_EQ" }), /from 0 to 5/);
  refuse(args({ index: 0, value: -1, op: "SCMP_CMP_EQ" }), /whole number/);
  refuse(args({ index: 0, value: 1, op: "==" }), /unknown op "=="/);
  refuse(args({ index: 0, op: "SCMP_CMP_EQ" }), /value is missing/);
  refuse(of({ names: ["read"], action: "SCMP_ACT_LOG", includes: { minKernel: "5" } }), /MAJOR.MINOR/);
});

test("what profiles of the field contain is understood", () => {
  const given = parseProfile(
    JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      defaultErrno: "ENOSYS",
      archMap: [
        { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
        { architecture: "SCMP_ARCH_RISCV64", subArchitectures: null },
      ],
      flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
      syscalls: [
        { name: "read", action: "SCMP_ACT_ALLOW", args: [], comment: "", includes: {}, excludes: {} },
        {
          names: ["clone"],
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: "MOST", valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
          includes: { minKernel: "4.8", arches: ["amd64"] },
          excludes: { caps: ["CAP_SYS_ADMIN"], arches: ["s390"] },
        },
        { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 13, includes: { minKernel: "99.1" } },
      ],
    }).replace('"MOST"', "18446744073709551615"),
    "profile",
  );
  assert.equal(given.flags, 2);
  const plan = planOf(given, { arch: "x86_64", capabilities: NONE, kernel: [6, 1] });
  assert.deepEqual([...plan.worlds.keys()], ["x86_64", "x86", "x32"]);
  const filter = compileInstructions(plan);
  const ask = (number: number, arg = 0n, arch = AUDIT_ARCH.x86_64) =>
    runFilter(filter, { arch, number, args: [arg] }).answer;
  assert.deepEqual([ask(0), ask(3, 0n, AUDIT_ARCH.x86), ask(0x4000_0000)], [ALLOW, ALLOW, ALLOW]);
  assert.deepEqual([ask(56), ask(56, 1n), ask(1)], [ALLOW, ENOSYS, ENOSYS]);
});
