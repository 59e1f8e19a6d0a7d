/** What the forms accept, and how the form is found. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { formatMessage, formatSpec } from "./format.ts";
import { formatJson } from "./json-print.ts";
import { ContainerSpec } from "./messages/container.ts";
import { CpuStats } from "./messages/stats-cpu.ts";
import { fromObject, parseJson, parseSpec, parseText, specFromObject } from "./parse.ts";
import { editDistance, nearest } from "./suggest.ts";
import { formatText } from "./text-print.ts";

const text = (spec: string) => parseText(ContainerSpec, spec);
const rootfs = (literal: string) => text(`filesystem{rootfs:${literal}}`).filesystem?.rootfs;
const load = (literal: string) => parseText(CpuStats, `pressure{some_avg10:${literal}}`).pressure?.some_avg10;

describe("text", () => {
  it("takes what the original's documentation shows", () => {
    assert.deepEqual(text("memory:{limit:100000000}"), { memory: { limit: 100000000n } });
    assert.deepEqual(text("cpu:{limit:1000} memory:{limit:1000000}"), {
      cpu: { limit: 1000n },
      memory: { limit: 1000000n },
    });
    assert.deepEqual(text("virtual_host: { init: { init_argv: '/bin/sh' } }"), {
      virtual_host: { init: { init_argv: ["/bin/sh"] } },
    });
  });

  it("takes every way to write a field", () => {
    const spec = { cpu: { limit: 5n, max_limit: 6n } };
    for (const written of [
      "cpu{limit:5 max_limit:6}",
      "cpu : { limit : 5 , max_limit : 6 } ,",
      "cpu<limit:5;max_limit:6>;",
      "cpu: <limit: 5\nmax_limit: 6>",
      "# a\ncpu # b\n: # c {\n{limit:#d\n5 max_limit:6 #e\n}#f",
      "\ufeffcpu{\r\n\tlimit:5\v\fmax_limit:6}",
      "cpu{limit:0x5,max_limit:06}",
      "cpu{limit:0X05;max_limit:0006}",
    ]) {
      assert.deepEqual(text(written), spec, written);
    }
  });

  it("takes every way to write a list", () => {
    const spec = { cpu: { mask: { data: [1n, 2n, 3n] } } };
    for (const data of [
      "data:1 data:2 data:3",
      "data:[1,2,3]",
      "data:[1] data:[] data:[2, 3]",
      "data:1,data:[2,3]",
    ]) {
      assert.deepEqual(text(`cpu{mask{${data}}}`), spec, data);
    }
    assert.deepEqual(text("cpu{mask{data:[]}}"), { cpu: { mask: {} } });
    const mounts = { filesystem: { mounts: { mount: [{ source: "a" }, { source: "b" }] } } };
    for (const list of [
      "mount{source:'a'} mount<source:'b'>",
      "mount[{source:'a'},<source:'b'>]",
      "mount:[{source:'a'},{source:'b'}]",
    ]) {
      assert.deepEqual(text(`filesystem{mounts{${list}}}`), mounts, list);
    }
  });

  it("takes every way to write a string", () => {
    assert.equal(rootfs(`"a'b"`), "a'b");
    assert.equal(rootfs(`'a"b'`), 'a"b');
    assert.equal(rootfs(`"a" 'b'\n# c\n"d"`), "abd");
    assert.equal(rootfs(String.raw`"\a\b\f\n\r\t\v\?\\\'\""`), "\x07\b\f\n\r\t\v?\\'\"");
    assert.equal(rootfs(String.raw`"\0\18\0411\x4a\x4aG\X41"`), "\0\x018!1JJGA");
    assert.equal(rootfs(String.raw`"\303\251" '\xc3' '\xa9'`), "éé");
    assert.equal(rootfs(`${String.raw`"\u00e9\U0001f600\ud83d\ude00`}é😀"`), "é😀😀é😀");
    assert.equal(rootfs("'#{}'"), "#{}");
  });

  it("takes every way to write a bool, an enum and a number", () => {
    const bool = (literal: string) =>
      text(`monitoring{enable_perf_counters:${literal}}`).monitoring?.enable_perf_counters;
    for (const literal of ["true", "True", "t", "1", "0x1", "01"]) assert.equal(bool(literal), true, literal);
    for (const literal of ["false", "False", "f", "0", "0x0"]) assert.equal(bool(literal), false, literal);
    assert.deepEqual(text("cpu{scheduling_latency:3}"), { cpu: { scheduling_latency: "PRIORITY" } });
    assert.deepEqual(text("owner: - 5"), { owner: -5n });
    assert.deepEqual(text("owner:-9223372036854775808 owner_group:0x7fffffffffffffff"), {
      owner: -(2n ** 63n),
      owner_group: 2n ** 63n - 1n,
    });
    for (const [literal, value] of Object.entries({
      "1": 1,
      "1.5": 1.5,
      "1.": 1,
      ".5e1": 5,
      "1e-2": 0.01,
      "2f": 2,
      "2.5F": 2.5,
      "-3": -3,
      "-0": -0,
      "18446744073709551616": 2 ** 64,
      inf: Infinity,
      "-Infinity": -Infinity,
      NaN: Number.NaN,
      "- nan": Number.NaN,
    })) {
      assert.equal(load(literal), value, literal);
    }
    assert.throws(() => load("0x10"), {
      message: "wrong value 0x10 for pressure.some_avg10, expected a decimal number",
    });
  });

  it("prints what protobuf prints", () => {
    const spec = text(
      "pids{limit:-1} cpu{mask{data:[1,2]} scheduling_latency:NORMAL} network{} filesystem{rootfs:'/é\\'\\001'}",
    );
    assert.equal(
      formatText(ContainerSpec, spec),
      [
        "cpu {",
        "  scheduling_latency: NORMAL",
        "  mask {",
        "    data: 1",
        "    data: 2",
        "  }",
        "}",
        "network {",
        "}",
        "filesystem {",
        '  rootfs: "/\\303\\251\\\'\\001"',
        "}",
        "pids {",
        "  limit: -1",
        "}",
        "",
      ].join("\n"),
    );
    assert.equal(formatText(ContainerSpec, {}), "");
  });
});

describe("JSON", () => {
  const json = (spec: string) => parseJson(ContainerSpec, spec);

  it("takes both spellings, digits in quotes, numbers of enums, and null for absent", () => {
    assert.deepEqual(
      json(`{
        "ownerGroup": "9223372036854775807",
        "memory": { "limit": 1e3, "swap_limit": 5.0, "evictionPriority": "7", "dirty": null },
        "cpu": { "schedulingLatency": 4, "mask": { "data": [1, "18446744073709551615"] } },
        "device": { "restrictions_set": { "restrictions": [{ "access": [] }] } }
      }`),
      {
        owner_group: 2n ** 63n - 1n,
        memory: { limit: 1000n, swap_limit: 5n, eviction_priority: 7 },
        cpu: { scheduling_latency: "PREMIER", mask: { data: [1n, 2n ** 64n - 1n] } },
        device: { restrictions_set: { restrictions: [{}] } },
      },
    );
    assert.deepEqual(json('\ufeff {"filesystem":{"rootfs":"\\u00e9\\ud83d\\ude00\\/"}} '), {
      filesystem: { rootfs: "é😀/" },
    });
  });

  it("prints exact numbers as numbers and others in quotes", () => {
    const spec = specFromObject({
      owner: 2 ** 53 - 1,
      owner_group: 2n ** 53n,
      cpu: { scheduling_latency: "NORMAL" },
    });
    assert.equal(
      formatJson(ContainerSpec, spec, 0),
      '{"owner":9007199254740991,"cpu":{"scheduling_latency":"NORMAL"},"owner_group":"9007199254740992"}\n',
    );
    assert.equal(
      formatJson(CpuStats, { pressure: { some_avg10: Number.NaN } }, 0),
      '{"pressure":{"some_avg10":"NaN"}}\n',
    );
  });
});

describe("YAML", () => {
  it("takes aliases, null for absent, and integers in full", async () => {
    const yaml =
      "memory: &m\n  limit: 9007199254740993\n  swap_limit: 0x10\n  dirty: ~\ncpu: {maxLimit: 5}\npids: *p\n";
    const spec = await parseSpec(`owner: null\nnetwork: &p {}\n${yaml}`, { format: "yaml" });
    assert.deepEqual(spec, {
      network: {},
      memory: { limit: 9007199254740993n, swap_limit: 16n },
      cpu: { max_limit: 5n },
      pids: {},
    });
    assert.deepEqual(await parseSpec("", { format: "yaml" }), {});
    assert.deepEqual(await parseSpec("# nothing\n---\n", { format: "yaml" }), {});
  });

  it("prints the values of JSON", async () => {
    const spec = specFromObject({ owner: 2n ** 53n, filesystem: { rootfs: "5" } });
    assert.equal(await formatSpec(spec, "yaml"), 'owner: "9007199254740992"\nfilesystem:\n  rootfs: "5"\n');
  });
});

describe("binary", () => {
  const binary = (hex: string) => parseSpec(Buffer.from(hex, "hex"), { format: "binary" });

  it("takes packed and unpacked lists, and adds up what comes twice", async () => {
    const spec = { cpu: { mask: { data: [1n, 2n, 300n] } } };
    assert.deepEqual(await binary("1209220708010802 08ac02".replace(" ", "")), spec);
    assert.deepEqual(await binary("120822060a040102ac02"), spec);
    assert.deepEqual(await binary("1204220208011207220508020 8ac02".replace(" ", "")), spec);
    assert.deepEqual(await binary("08010802"), { owner: 2n });
    assert.deepEqual(await binary(""), {});
  });

  it("writes fields in the order of their numbers", async () => {
    const bytes = await formatSpec(
      { pids: { limit: -1n }, owner: 5n, cpu: { mask: { data: [1n] } } },
      "binary",
    );
    assert.equal(
      Buffer.from(bytes).toString("hex"),
      "080512042202 0801a206 0b08ffffffffffffffffff01".replaceAll(" ", ""),
    );
  });
});

describe("objects", () => {
  it("leave undefined fields out, and take null-prototype objects and both spellings", () => {
    const memory = Object.assign(Object.create(null), { swapLimit: "5", limit: undefined });
    assert.deepEqual(fromObject(ContainerSpec, { cpu: undefined, memory, network: null }), {
      memory: { swap_limit: 5n },
    });
  });
});

describe("finding the form", () => {
  const spec = { memory: { limit: 5n } };
  const textForm = "memory { limit: 5 }";
  const jsonForm = ' { "memory": {"limit": 5} }';
  const yamlForm = "memory:\n  limit: 5\n";
  const binaryForm = Buffer.from("1a021005", "hex");

  it("goes by the contents", async () => {
    for (const form of [textForm, jsonForm, binaryForm, binaryForm.toString(), Buffer.from(textForm)]) {
      assert.deepEqual(await parseSpec(form), spec);
      assert.deepEqual(await parseSpec(form, { source: "some.spec" }), spec);
    }
    for (const empty of ["", " \n", "{}", "{ }", "# nothing", new Uint8Array()]) {
      assert.deepEqual(await parseSpec(empty), {});
    }
  });

  it("goes by the name of the file", async () => {
    assert.deepEqual(await parseSpec(yamlForm, { source: "/a/b.yaml" }), spec);
    assert.deepEqual(await parseSpec(yamlForm, { source: "b.YML" }), spec);
    assert.deepEqual(await parseSpec(jsonForm, { source: "b.yaml" }), spec);
    assert.deepEqual(await parseSpec(binaryForm, { source: "b.pb" }), spec);
    for (const source of ["b.json", "b.yaml", "b.pb"]) {
      assert.deepEqual(await parseSpec(textForm, { source }), spec, source);
      assert.deepEqual(await parseSpec("", { source }), {}, source);
    }
  });

  it("reports the error of the likely form", async () => {
    const placeOf = async (input: string | Uint8Array, source?: string) => {
      const error = (await parseSpec(input, { source }).catch(thrown => thrown)) as {
        place: string;
        message: string;
      };
      return `${error.place}: ${error.message}`;
    };
    assert.equal(await placeOf(yamlForm), 'spec:2:8: unexpected ":", expected a field name');
    assert.equal(
      await placeOf("memory:\n  limit: x", "b.yaml"),
      'b.yaml:2:10: wrong value "x" for memory.limit, expected an integer (bytes)',
    );
    assert.equal(await placeOf('{"cpu": }'), 'spec:1:9: unexpected "}", expected a value');
    assert.equal(await placeOf(Buffer.from("1a0210", "hex")), "spec:byte 0: the bytes end within a field");
    assert.equal(await placeOf(Buffer.from("ff", "hex")), "spec:byte 0: the bytes end within a field");
    await assert.rejects(parseSpec(Buffer.from("ff", "hex"), { format: "text" }), {
      message: "not valid UTF-8, expected a spec in text form",
    });
  });
});

describe("the common path", () => {
  it("loads neither the YAML nor the protobuf library", () => {
    const here = dirname(fileURLToPath(import.meta.url));
    const extension = existsSync(join(here, "parse.ts")) ? ".ts" : ".js";
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, target] of readFileSync(file, "utf8").matchAll(
        /^(?:import|export|\}) (?!type ).*?from "([^"]+)";$/gm,
      )) {
        assert.match(target!, /^\./, `${file} imports ${target}`);
        visit(join(dirname(file), target!));
      }
    };
    for (const file of ["index", "parse", "format"]) visit(join(here, `${file}${extension}`));
    assert.ok(seen.size > 20);
    assert.ok(!seen.has(join(here, `yaml${extension}`)));
    assert.ok(!seen.has(join(here, `binary${extension}`)));
    assert.ok(![...seen].some(file => file.includes("stats")));
  });
});

describe("did you mean", () => {
  it("counts edits", () => {
    assert.equal(editDistance("limit", "limit"), 0);
    assert.equal(editDistance("limt", "limit"), 1);
    assert.equal(editDistance("limti", "limit"), 1);
    assert.equal(editDistance("", "abc"), 3);
  });

  it("proposes only what is near", () => {
    assert.equal(nearest("memroy", ["cpu", "memory"]), "memory");
    assert.equal(nearest("Memory", ["cpu", "memory"]), "memory");
    assert.equal(nearest("disk", ["cpu", "memory"]), undefined);
    assert.equal(nearest("x".repeat(1000), ["memory"]), undefined);
  });
});

describe("formatMessage", () => {
  it("writes statistics", async () => {
    assert.equal(
      await formatMessage(CpuStats, { load: 3, usage: { total: 5n } }, "text"),
      "usage {\n  total: 5\n}\nload: 3\n",
    );
  });
});
