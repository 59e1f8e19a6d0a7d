/** The generated files are up to date, and the documentation's examples are true. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LmctfyError } from "../errors.ts";
import { generatedFiles, repositoryRoot } from "./generate.ts";
import { jsonSchema } from "./json-schema.ts";
import { ContainerSpec } from "./messages/container.ts";
import { HistogramMap } from "./messages/stats-cpu.ts";
import { parseSpec, specFromObject } from "./parse.ts";

const root = repositoryRoot();
const page = readFileSync(join(root, "docs/spec.md"), "utf8");

function examples(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    match => match[1]!,
  );
}

describe("generated files", () => {
  for (const [path, content] of generatedFiles(root)) {
    it(`${path} is what the descriptors say`, () => {
      assert.ok(existsSync(join(root, path)), `${path} is missing: run node build/src/spec/generate.js`);
      assert.equal(readFileSync(join(root, path), "utf8"), content, "run node build/src/spec/generate.js");
    });
  }
});

describe("the page about specs", () => {
  it("shows one spec in all forms", async () => {
    const [text] = examples("textproto");
    const [json] = examples("json");
    const [yaml] = examples("yaml");
    const spec = await parseSpec(text!, { format: "text" });
    assert.equal(spec.memory?.limit, 512n * 2n ** 20n);
    assert.equal(spec.cpu?.mask?.data?.length, 1);
    assert.deepEqual(await parseSpec(json!), spec);
    assert.deepEqual(await parseSpec(yaml!, { source: "x.yaml" }), spec);
    const [, object] = /= (\{[\s\S]*\});/.exec(examples("ts")[0]!)!;
    assert.deepEqual(specFromObject(new Function(`return ${object}`)()), spec);
  });

  it("shows commands with specs that parse", async () => {
    const [, spec] = /^lmctfy create \/\w+ '(.*)'$/m.exec(examples("sh")[0]!)!;
    assert.deepEqual(await parseSpec(spec!), { memory: { limit: 100000000n }, cpu: { limit: 500n } });
  });
});

describe("the errors on the page about specs", () => {
  const latency = "cpu {\n  limit: 5\n  scheduling_latency:     FAST }";
  const cases = [
    () => parseSpec("memory{limt:5}"),
    () => parseSpec(latency, { source: "web.spec" }),
    () => parseSpec('memory{limit:"100M"}'),
    async () => specFromObject({ cpu: { max_limit: "fast" } }),
  ];
  for (const [i, run] of cases.entries()) {
    it(`number ${i + 1} is what is said`, async () => {
      const error: unknown = await run().catch(thrown => thrown);
      assert.ok(error instanceof LmctfyError);
      assert.ok(page.includes(`\n${error.place}: ${error.message}\n`), error.describe());
    });
  }
});

describe("the JSON Schema", () => {
  it("knows required fields, enums and 64-bit integers", () => {
    const schema = jsonSchema(HistogramMap, "t") as {
      required: string[];
      $defs: Record<string, { enum: unknown[] }>;
    };
    assert.deepEqual(schema.required, ["type"]);
    assert.deepEqual(schema.$defs.CpuHistogramType?.enum.slice(0, 2), ["SERVE", "ONCPU"]);
  });

  it("refers only to what it defines", () => {
    const text = JSON.stringify(jsonSchema(ContainerSpec, "t"));
    const schema = JSON.parse(text) as { $defs: object };
    for (const [, name] of text.matchAll(/#\/\$defs\/([^"]+)/g)) assert.ok(name! in schema.$defs, name);
  });
});
