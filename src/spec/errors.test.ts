/** What people read when a spec is wrong, word by word. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LmctfyError } from "../errors.ts";
import type { ContainerSpecInput } from "./index.ts";
import { parseSpec, specFromObject } from "./parse.ts";

const FIELDS =
  "the fields are owner, cpu, memory, network, monitoring, filesystem, owner_group, children_limit, virtual_host, device, blockio, security_spec, pids, rlimits";
const LATENCIES = "BEST_EFFORT, NORMAL, PRIORITY, PREMIER";
const INT64 = "-9223372036854775808 to 9223372036854775807";

type Case = readonly [input: string, error: string, hint?: string];

function same(error: unknown, [, expected, hint]: readonly [unknown, string, string?]): boolean {
  assert.ok(error instanceof LmctfyError);
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.equal(`${error.place}: ${error.message}`, expected);
  assert.equal(error.hint, hint);
  return true;
}

function check(format: "text" | "json" | "yaml" | "auto", cases: readonly Case[], source?: string): void {
  for (const one of cases) {
    const name = one[0].length > 70 ? `${one[0].slice(0, 70)}…` : one[0];
    it(JSON.stringify(name), () =>
      assert.rejects(parseSpec(one[0], { format, source }), error => same(error, one)),
    );
  }
}

describe("errors in text", () => {
  check("text", [
    // Names
    ["memry{}", 'spec:1:1: unknown field "memry", did you mean "memory"?', FIELDS],
    ["xyz: 1", 'spec:1:1: unknown field "xyz"', FIELDS],
    ["__proto__ {}", 'spec:1:1: unknown field "__proto__"', FIELDS],
    ["constructor: 1", 'spec:1:1: unknown field "constructor"', FIELDS],
    ["ownerGroup: 1", 'spec:1:1: unknown field "ownerGroup", did you mean "owner_group"?', FIELDS],
    [
      "cpu {\n  limt: 5\n}",
      'spec:2:3: unknown field "limt" in cpu, did you mean "limit"?',
      "the fields of cpu are scheduling_latency, limit, max_limit, mask, burst, cpus, mems",
    ],
    ["network { a: 1 }", 'spec:1:11: unknown field "a" in network', "network has no fields"],
    [
      "filesystem{mounts{mount{} mount{sauce:'/'}}}",
      'spec:1:33: unknown field "sauce" in filesystem.mounts.mount, did you mean "source"?',
      "the fields of filesystem.mounts.mount are source, target, read_only, private, type, size, options",
    ],
    // Types
    [
      "cpu{limit:1 scheduling_latency:FAST}",
      `spec:1:32: unknown value "FAST" for cpu.scheduling_latency, expected one of ${LATENCIES}`,
    ],
    [
      "cpu{scheduling_latency:PREMIUM}",
      `spec:1:24: unknown value "PREMIUM" for cpu.scheduling_latency, expected one of ${LATENCIES}`,
      "did you mean PREMIER?",
    ],
    [
      "cpu{scheduling_latency:9}",
      `spec:1:24: unknown value 9 for cpu.scheduling_latency, expected one of ${LATENCIES}`,
    ],
    [
      "cpu{scheduling_latency:'NORMAL'}",
      `spec:1:24: wrong value "NORMAL" for cpu.scheduling_latency, expected one of ${LATENCIES}`,
    ],
    ["memory{limit:'5'}", 'spec:1:14: wrong value "5" for memory.limit, expected an integer (bytes)'],
    ["memory{limit:5.0}", "spec:1:14: wrong value 5.0 for memory.limit, expected an integer (bytes)"],
    ["memory{limit:many}", "spec:1:14: wrong value many for memory.limit, expected an integer (bytes)"],
    [
      "memory{limit:'100M'}",
      'spec:1:14: wrong value "100M" for memory.limit, expected an integer (bytes)',
      "numbers have no suffix: 100M is 104857600",
    ],
    ["owner: true", "spec:1:8: wrong value true for owner, expected an integer"],
    [
      "monitoring{enable_perf_counters:yes}",
      "spec:1:33: wrong value yes for monitoring.enable_perf_counters, expected true or false",
    ],
    [
      "monitoring{enable_perf_counters:2}",
      "spec:1:33: wrong value 2 for monitoring.enable_perf_counters, expected true or false",
    ],
    ["filesystem{rootfs:/}", 'spec:1:19: unexpected "/", expected a value for "rootfs"'],
    ["filesystem{rootfs:root}", "spec:1:19: wrong value root for filesystem.rootfs, expected text in quotes"],
    [
      "cpu: 5",
      "spec:1:6: wrong value 5 for cpu, expected { }, with scheduling_latency, limit, max_limit, mask, burst, cpus, mems in it",
    ],
    ["network: 5", "spec:1:10: wrong value 5 for network, expected { }"],
    ["pids: [{limit:1}]", "spec:1:7: wrong value [ ] for pids, expected { }, with limit in it"],
    ["owner {}", "spec:1:7: wrong value { } for owner, expected a single value"],
    ["owner: [1]", "spec:1:8: wrong value [ ] for owner, expected a single value"],
    // Ranges
    [
      "memory{limit:9223372036854775808}",
      `spec:1:14: 9223372036854775808 is out of range for memory.limit, expected ${INT64}`,
    ],
    [
      "memory{limit:-0x8000000000000001}",
      `spec:1:14: -0x8000000000000001 is out of range for memory.limit, expected ${INT64}`,
    ],
    ["cpu{limit:-1}", "spec:1:11: -1 is out of range for cpu.limit, expected 0 to 18446744073709551615"],
    [
      "memory{eviction_priority:2147483648}",
      "spec:1:26: 2147483648 is out of range for memory.eviction_priority, expected -2147483648 to 2147483647",
    ],
    // How often
    [
      "owner:1\nowner:2",
      "spec:2:1: owner is given twice, expected it once",
      "it was first given at spec:1:1",
    ],
    ["cpu{} cpu{}", "spec:1:7: cpu is given twice, expected it once", "it was first given at spec:1:1"],
    // Syntax
    ["cpu", 'spec:1:4: unexpected end of text after "cpu", expected ":" or "{"'],
    ["cpu limit", 'spec:1:5: unexpected "limit" after "cpu", expected ":" or "{"'],
    ["cpu{limit:1", 'spec:1:12: the text ends, expected "}"', '"{" was opened at spec:1:4'],
    ["cpu{limit:1>", 'spec:1:12: unexpected ">", expected "}"', '"{" was opened at spec:1:4'],
    ["cpu<limit:1}", 'spec:1:12: unexpected "}", expected ">"', '"<" was opened at spec:1:4'],
    ["}", 'spec:1:1: unexpected "}", expected a field name'],
    [
      "{memory: {limit: 5}}",
      'spec:1:1: unexpected "{", expected a field name',
      "JSON has its names in quotes, text format no outer braces",
    ],
    ["5: 1", 'spec:1:1: unexpected "5", expected a field name'],
    ["[a.b]: 1", "spec:1:1: extensions and Any are not supported, expected a field name"],
    ["owner:", 'spec:1:7: unexpected end of text, expected a value for "owner"'],
    ["owner: -x", 'spec:1:9: unexpected "x" after "-", expected a number'],
    [
      "owner: [1 2]",
      'spec:1:11: unexpected "2" in a list, expected "," or "]"',
      '"[" was opened at spec:1:8',
    ],
    ["owner [1]", 'spec:1:8: unexpected "1", expected ":" before a list of values'],
    ["owner: 09", 'spec:1:8: malformed number "09", expected digits'],
    ["owner: 1x", 'spec:1:8: malformed number "1x", expected digits'],
    [
      "owner: 64M",
      'spec:1:8: malformed number "64M", expected digits',
      "numbers have no suffix, write bytes in full",
    ],
    ["é: 1", 'spec:1:1: unexpected character "é", expected a field name or a value'],
    ["owner: 1 # é😀\n  'é😀' é", "spec:2:3: unexpected 'é😀', expected a field name"],
    ["cpu{} # 😀\n/* 😀 */", 'spec:2:1: unexpected "/", expected a field name'],
    ['filesystem{rootfs:"/\n"}', 'spec:1:19: text that starts with " does not end on its line, expected "'],
    ["filesystem{rootfs:'\\q'}", 'spec:1:20: unknown escape "\\\\q"', "a backslash itself is written \\\\"],
    ["filesystem{rootfs:'a\\400'}", "spec:1:21: escape \\400 is more than a byte, expected up to \\377"],
    ["filesystem{rootfs:'\\ud800'}", "spec:1:20: \\ud800 is not a character, expected up to \\U0010ffff"],
    [
      "filesystem{rootfs:'\\xff'}",
      "spec:1:19: text is not valid UTF-8, expected characters or escapes of UTF-8 bytes",
    ],
    ["a{".repeat(101), "spec:1:202: nested too deeply, expected at most 100 levels"],
    [" ".repeat(2 ** 20 + 1), "spec: the input has 1048577 bytes, expected at most 1048576"],
  ]);
});

describe("errors in JSON", () => {
  check("json", [
    ["", 'spec:1:1: unexpected end of text, expected "{"'],
    ["[]", 'spec:1:1: unexpected "[", expected "{"'],
    ["{} x", 'spec:1:4: unexpected "x", expected the end'],
    ['{"cpu": {},}', 'spec:1:12: unexpected "}", expected a name in quotes'],
    ['{"cpu" {}}', 'spec:1:8: unexpected "{", expected ":"'],
    ['{"cpu": {} "memory": {}}', 'spec:1:12: unexpected "\\"", expected "," or "}"'],
    ['{"cpu": {"mask": {"data": [1 2]}}}', 'spec:1:30: unexpected "2", expected "," or "]"'],
    ['{"cpu": nul}', 'spec:1:9: unexpected "n", expected a value'],
    ['{"owner": 01}', 'spec:1:11: malformed number "01", expected digits'],
    ['{"owner": -}', 'spec:1:11: malformed number "-", expected digits'],
    ['{"owner": "5', 'spec:1:11: text does not end, expected "'],
    [
      '{"owner": "\\x"}',
      'spec:1:11: malformed text "\\"\\\\x\\"", expected JSON\'s escapes',
      "line breaks and tabs are written \\n and \\t, a backslash \\\\",
    ],
    [
      '{\n  "cpu": {},\n  "cpu": {}\n}',
      "spec:3:3: cpu is given twice, expected it once",
      "it was first given at spec:2:3",
    ],
    [
      '{"owner_group": 1, "ownerGroup": 1}',
      "spec:1:20: owner_group is given twice, expected it once",
      "it was first given at spec:1:2",
    ],
    ['{"__proto__": {}}', 'spec:1:2: unknown field "__proto__"', FIELDS],
    [
      '{"memory": {"limit": 9007199254740993}}',
      "spec:1:22: 9007199254740993 is too large to be exact for memory.limit, expected the digits in quotes",
    ],
    [
      '{"memory": {"limit": 1.5}}',
      "spec:1:22: wrong value 1.5 for memory.limit, expected an integer (bytes)",
    ],
    [
      '{"memory": {"limit": "9223372036854775808"}}',
      `spec:1:22: "9223372036854775808" is out of range for memory.limit, expected ${INT64}`,
    ],
    [
      '{"memory": {"limit": "0x5"}}',
      'spec:1:22: wrong value "0x5" for memory.limit, expected an integer (bytes)',
    ],
    [
      '{"cpu": {"scheduling_latency": "fast"}}',
      `spec:1:32: unknown value "fast" for cpu.scheduling_latency, expected one of ${LATENCIES}`,
    ],
    ['{"cpu": {"mask": {"data": 1}}}', "spec:1:27: wrong value 1 for cpu.mask.data, expected a list"],
    [
      '{"cpu": {"mask": {"data": [null]}}}',
      "spec:1:28: wrong value null for cpu.mask.data[0], expected an integer",
    ],
    [
      '{"monitoring": {"enable_perf_counters": 1}}',
      "spec:1:41: wrong value 1 for monitoring.enable_perf_counters, expected true or false",
    ],
    [
      '{"filesystem": {"rootfs": "\\ud800"}}',
      'spec:1:27: wrong value "\\ud800" for filesystem.rootfs, expected valid Unicode',
    ],
    [`${'{"a":'.repeat(101)}`, "spec:1:501: nested too deeply, expected at most 100 levels"],
  ]);
});

describe("errors in YAML", () => {
  check(
    "yaml",
    [
      ["- a", "f.yaml:1:1: wrong value, expected fields"],
      ["memory:\n\tlimit: 5", "f.yaml:2:1: malformed YAML: Tabs are not allowed as indentation"],
      ["cpu: {}\n---\ncpu: {}", "f.yaml:2:1: another document starts here, expected one"],
      ["cpu: *c", 'f.yaml:1:6: unknown alias "c", expected an anchor before it'],
      ["memory: &m\n  tmpfs: *m", "f.yaml:2:3: nested too deeply, expected at most 100 levels"],
      ["memory: !x {}", "f.yaml:1:9: malformed YAML: Unresolved tag: !x"],
      [
        "memory:\ncpu: {}",
        'f.yaml:1:1: "memory" has no value',
        "an empty section is written {}, and null leaves a field out",
      ],
      ["? [a]\n: b", "f.yaml:1:3: wrong key, expected the name of a field"],
      [
        "memory:\n  limit: 5\n  limit: 6",
        "f.yaml:3:3: memory.limit is given twice, expected it once",
        "it was first given at f.yaml:2:3",
      ],
      [
        "filesystem: {rootfs: 5}",
        "f.yaml:1:22: wrong value 5 for filesystem.rootfs, expected text in quotes",
      ],
      [
        "memory: {limit: 5Gi}",
        'f.yaml:1:17: wrong value "5Gi" for memory.limit, expected an integer (bytes)',
        "numbers have no suffix: 5Gi is 5368709120",
      ],
      ["[".repeat(10_000), "f.yaml:1:201: nested too deeply, expected at most 100 levels"],
      [" ".repeat(2 ** 18 + 1), "f.yaml: the input has 262145 bytes, expected at most 262144"],
    ],
    "f.yaml",
  );

  it("bounds what aliases stand for", async () => {
    const lines = ["cpu: &a0 {mask: {data: [1, 1, 1, 1, 1, 1, 1, 1, 1]}}"];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`);
    await assert.rejects(parseSpec(lines.join("\n"), { format: "yaml" }), {
      message: "aliases stand for too much, expected at most 10000 values",
    });
  });
});

describe("errors in objects", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.memory = cyclic;
  const cases: readonly (readonly [unknown, string, string?])[] = [
    [null, "spec: wrong value, expected a plain object"],
    ["cpu {}", "spec: wrong value, expected a plain object"],
    [[], "spec: wrong value, expected a plain object"],
    [new Map(), "spec: wrong value, expected a plain object"],
    [JSON.parse('{"__proto__":{}}'), 'spec.__proto__: unknown field "__proto__"', FIELDS],
    [
      { cpu: { max_limit: "fast" } },
      'spec.cpu.max_limit: wrong value "fast" for cpu.max_limit, expected an integer (milli-CPU)',
    ],
    [
      { memory: { limit: 2 ** 60 } },
      "spec.memory.limit: 1152921504606847000 is too large to be exact for memory.limit, expected a bigint or a string",
    ],
    [
      { memory: { limit: Number.NaN } },
      "spec.memory.limit: wrong value NaN for memory.limit, expected an integer (bytes)",
    ],
    [
      { memory: { limit: () => 1 } },
      "spec.memory.limit: wrong value of type function, expected a plain value",
    ],
    [
      { memory: { limit: 10n ** 99n } },
      `spec.memory.limit: a huge bigint is out of range for memory.limit, expected ${INT64}`,
    ],
    [{ memory: new Date(0) }, "spec.memory: wrong value, expected a plain object"],
    [
      { device: { restrictions_set: { restrictions: [{ access: ["READ", "RAED"] }] } } },
      'spec.device.restrictions_set.restrictions[0].access[1]: unknown value "RAED" for ' +
        "device.restrictions_set.restrictions[0].access[1], expected one of READ, WRITE, MKNOD",
      "did you mean READ?",
    ],
    [
      { cpu: { mask: { data: [undefined] } } },
      "spec.cpu.mask.data[0]: wrong value of type undefined, expected a plain value",
    ],
    [cyclic, "spec: nested too deeply, expected at most 100 levels"],
    [
      { cpu: {}, owner: 1, filesystem: { rootfs: 5 } },
      "spec.filesystem.rootfs: wrong value 5 for filesystem.rootfs, expected a string",
    ],
  ];
  for (const one of cases) {
    it(one[1], () =>
      assert.throws(
        () => specFromObject(one[0] as ContainerSpecInput),
        error => same(error, one),
      ),
    );
  }
});

describe("errors in binary", () => {
  const cases: readonly Case[] = [
    ["9a0600", "spec:byte 0: unknown field number 99 in ContainerSpec"],
    ["1a021005 1a029a06", "spec:byte 6: unknown field number 99 in memory"],
    ["0a00", "spec:byte 0: wrong wire type LengthDelimited for owner, expected Varint"],
    ["1b", "spec:byte 0: wrong wire type StartGroup for memory, expected LengthDelimited"],
    ["12020809", `spec:byte 2: unknown value 9 for cpu.scheduling_latency, expected one of ${LATENCIES}`],
    ["1a0210", "spec:byte 0: the bytes end within a field"],
    ["1a0110", "spec:byte 2: the bytes end within a field"],
    ["08ff", "spec:byte 0: the bytes end within a field"],
    ["00", "spec:byte 0: malformed field"],
    ["08ffffffffffffffffffff01", "spec:byte 0: malformed field"],
    ["3a031201ff", "spec:byte 2: wrong value for filesystem.rootfs, expected valid UTF-8"],
    [
      "1a0608ffffffff0f",
      "spec:byte 2: 4294967295 is out of range for memory.eviction_priority, expected -2147483648 to 2147483647",
    ],
  ];
  for (const one of cases) {
    it(one[0], () =>
      assert.rejects(parseSpec(Buffer.from(one[0].replaceAll(" ", ""), "hex"), { format: "binary" }), error =>
        same(error, one),
      ),
    );
  }
});
