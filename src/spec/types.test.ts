/** The inferred types; most of what is checked here is checked by the compiler. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  enumeration,
  type Input,
  message,
  optional,
  type Resolved,
  repeated,
  required,
} from "./descriptor.ts";
import { type ContainerSpec, type ContainerSpecInput, specFromObject } from "./index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(value: T): void => assert.equal(value, true);

const Color = enumeration("Color", "A color.", { RED: [0, "Red."], BLUE: [1, "Blue."] });
const Inner = message("Outer.Inner", "Inside.", { size: required(1, "uint64", "Size.") });
const Outer = message("Outer", "Outside.", {
  inner: repeated(1, Inner, "Inners."),
  color: optional(2, Color, "Color."),
  ratio: required(3, "double", "Ratio."),
});

describe("types", () => {
  it("infers the resolved value", () => {
    interface Expected {
      ratio: number;
      inner?: { size: bigint }[];
      color?: "RED" | "BLUE";
    }
    type Same = { [K in keyof Expected]: Expected[K] };
    holds<Equal<Resolved<typeof Outer>, Same>>(true);
  });

  it("infers the input, which takes more", () => {
    const input: Input<typeof Outer> = {
      ratio: 1,
      inner: [{ size: 1 }, { size: "2" }, { size: 3n }],
      color: 1,
    };
    assert.ok(input);
    // @ts-expect-error: a required field
    const lacking: Input<typeof Outer> = {};
    // @ts-expect-error: an unknown name
    const unknown: Input<typeof Outer> = { ratio: 1, color: "GREEN" };
    assert.ok(lacking && unknown);
  });

  it("types specs", () => {
    holds<Equal<NonNullable<NonNullable<ContainerSpec["memory"]>["limit"]>, bigint>>(true);
    const input: ContainerSpecInput = { memory: { limit: "5" }, pids: { limit: 3 } };
    const spec: ContainerSpec = specFromObject(input);
    assert.deepEqual(spec, { memory: { limit: 5n }, pids: { limit: 3n } });
    // A resolved spec is an input, too.
    assert.deepEqual(specFromObject(spec), spec);
    // @ts-expect-error: a misspelt field
    assert.throws(() => specFromObject({ memory: { limt: 5 } }));
  });
});
