/** Random messages survive every form, and random garbage is refused politely. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { LmctfyError } from "../errors.ts";
import { formatBinary, parseBinary } from "./binary.ts";
import type { Field, Message, Resolved } from "./descriptor.ts";
import { formatMessage } from "./format.ts";
import { ContainerSpec } from "./messages/container.ts";
import { EventSpec } from "./messages/event.ts";
import { InitSpec, MachineSpec } from "./messages/init.ts";
import { ContainerStats } from "./messages/stats.ts";
import { fromObject, parseMessage, parseText, type SpecFormat } from "./parse.ts";
import { INTEGER_RANGES } from "./scalar.ts";
import { formatText } from "./text-print.ts";

const TYPES: readonly Message[] = [ContainerSpec, ContainerStats, EventSpec, InitSpec, MachineSpec];
const FORMATS: readonly SpecFormat[] = ["text", "json", "yaml", "binary"];

const STRINGS = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "null",
    "true",
    "5",
    "-",
    "~",
    "a: b",
    "# x",
    "\0",
    "\\",
    "\"'",
    "é😀",
    " x ",
    "a\r\nb\n",
    "\u2028",
    "\ufeff",
  ),
);

function arbitrary(type: Message): fc.Arbitrary<object> {
  const fields = Object.fromEntries(type.list.map(field => [field.name, fieldArbitrary(field)]));
  const requiredKeys = type.list.filter(field => field.label === "required").map(field => field.name);
  return fc.record(fields, { requiredKeys, noNullPrototype: true });
}

function fieldArbitrary(field: Field): fc.Arbitrary<unknown> {
  const value = valueArbitrary(field);
  return field.label === "repeated" ? fc.array(value, { minLength: 1, maxLength: 3 }) : value;
}

function valueArbitrary({ type }: Field): fc.Arbitrary<unknown> {
  if (typeof type === "object") {
    return type.kind === "message" ? arbitrary(type) : fc.constantFrom(...type.byName.keys());
  }
  switch (type) {
    case "bool":
      return fc.boolean();
    case "string":
      return STRINGS;
    case "double":
      return fc.double();
    case "int32":
    case "uint32": {
      const [min, max] = INTEGER_RANGES[type];
      return fc.integer({ min: Number(min), max: Number(max) });
    }
    case "int64":
    case "uint64": {
      const [min, max] = INTEGER_RANGES[type];
      return fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n));
    }
    default:
      return type satisfies never;
  }
}

/** Runs a check on random messages of every type. */
function forAll(
  check: (type: Message, value: Resolved<Message>) => Promise<void> | void,
  runs: number,
): Promise<void> {
  const cases = fc.oneof(...TYPES.map(type => arbitrary(type).map(value => [type, value] as const)));
  return fc.assert(
    fc.asyncProperty(cases, async ([type, value]) => check(type, value as Resolved<Message>)),
    { numRuns: runs },
  );
}

async function refusesPolitely(parse: () => unknown): Promise<void> {
  try {
    await parse();
  } catch (error) {
    assert.ok(error instanceof LmctfyError, String((error as Error).stack));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.notEqual(error.place, undefined);
  }
}

describe("every form", () => {
  for (const format of FORMATS) {
    it(`writes in ${format} what it reads back`, () =>
      forAll(async (type, value) => {
        const written = await formatMessage(type, value, format);
        assert.deepEqual(await parseMessage(type, written, { format }), value);
      }, 150));
  }

  it("is found by itself", () =>
    forAll(async (type, value) => {
      for (const format of ["text", "json"] as const) {
        assert.deepEqual(await parseMessage(type, await formatMessage(type, value, format)), value);
      }
      const binary = await formatMessage(type, value, "binary");
      assert.deepEqual(await parseMessage(type, binary, { source: "x.pb" }), value);
    }, 60));

  it("takes its own values as objects", () =>
    forAll((type, value) => assert.deepEqual(fromObject(type, value), value), 60));
});

describe("garbage", () => {
  const pieces = fc.constantFrom(
    ..."memory cpu limit data init_argv mask: {} {} [ ] < > : , ; - # \" ' \\ \n 0x 1 1e9 .5f inf nan true null & * ! | > --- ? % @ ` ~ \u0000".split(
      " ",
    ),
    " ",
    "  ",
    "memory: {",
    'memory: {"limit": 1}',
    "__proto__",
    "constructor",
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(pieces).map(parts => parts.join("")),
  );
  const bytes = fc.uint8Array({ maxLength: 60 });

  for (const format of [...FORMATS, "auto"] as const) {
    it(`is refused in ${format} with an error that has a place`, () =>
      fc.assert(
        fc.asyncProperty(fc.oneof(texts, bytes), async garbage => {
          await refusesPolitely(() => parseMessage(ContainerSpec, garbage, { format }));
        }),
        { numRuns: 500 },
      ));
  }

  it("is refused when valid input is damaged", () =>
    forAll(async (type, value) => {
      for (const format of FORMATS) {
        const written = Buffer.from((await formatMessage(type, value, format)) as string);
        for (const cut of [1, written.length >> 1, written.length - 1]) {
          const damaged = Buffer.from(written);
          if (damaged.length > cut) damaged[cut] = damaged[cut]! ^ 0x15;
          await refusesPolitely(() => parseMessage(type, damaged, { format }));
          await refusesPolitely(() => parseMessage(type, written.subarray(0, cut), { format }));
        }
      }
    }, 40));

  it("is refused as an object", () =>
    fc.assert(
      fc.asyncProperty(
        fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true }),
        async garbage => {
          await refusesPolitely(() => fromObject(ContainerSpec, garbage));
          await refusesPolitely(() =>
            fromObject(ContainerSpec, { memory: garbage, cpu: { limit: garbage } }),
          );
        },
      ),
    ));
});

describe("protoc", () => {
  let root = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(root, "package.json"))) root = dirname(root);
  const hasProtoc = spawnSync("protoc", ["--version"]).status === 0;
  const skip = hasProtoc ? false : "protoc is not installed (Debian: protobuf-compiler)";

  const protoc = (mode: "--encode" | "--decode", type: Message, input: string | Uint8Array): Buffer => {
    const args = [`${mode}=containers.lmctfy.${type.name}`, `-I${join(root, "proto")}`, "lmctfy.proto"];
    const result = spawnSync("protoc", args, { input });
    assert.equal(result.status, 0, result.stderr.toString());
    return result.stdout;
  };

  it("reads our text and writes the same bytes", { skip }, () =>
    forAll((type, value) => {
      const bytes = protoc("--encode", type, formatText(type, value));
      assert.deepEqual(parseBinary(type, bytes), value);
      assert.deepEqual(Buffer.from(formatBinary(type, value)), bytes);
    }, 40),
  );

  it("reads our bytes and writes text that we read", { skip }, () =>
    forAll((type, value) => {
      const text = protoc("--decode", type, formatBinary(type, value)).toString();
      assert.deepEqual(parseText(type, text), value);
    }, 40),
  );

  it("prints specs as we do", { skip }, () => {
    const text = 'cpu {\n  limit: 5\n}\nnetwork {\n}\nfilesystem {\n  rootfs: "/\\303\\251\\"\\001"\n}\n';
    assert.equal(formatText(ContainerSpec, parseText(ContainerSpec, text)), text);
    assert.equal(protoc("--decode", ContainerSpec, protoc("--encode", ContainerSpec, text)).toString(), text);
  });
});
