import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LmctfyError } from "../errors.ts";
import { parentOf, resolveName } from "./names.ts";

const inTop = (name: string): string => resolveName(name, () => "/top");

test("names resolve like paths, from the caller's own container", () => {
  const cases: Record<string, string> = {
    "/": "/",
    "//": "/",
    "/..": "/",
    ".": "/top",
    "./": "/top",
    "..": "/",
    "../test": "/test",
    "./../test": "/test",
    "/top/../test": "/test",
    "/test..": "/test..",
    "/test../test": "/test../test",
    "/test/././././test1///": "/test/test1",
    test: "/top/test",
    "./test": "/top/test",
    "./test/test2": "/top/test/test2",
    a: "/top/a",
    "/test..test": "/test..test",
    "//test/test2//test3///": "/test/test2/test3",
    "/90": "/90",
    "/with.dots.in.name": "/with.dots.in.name",
    "/with-dash-in-name": "/with-dash-in-name",
    "/with_underscore_in_name": "/with_underscore_in_name",
    "/with/slash/in/name": "/with/slash/in/name",
    "../../../x": "/x",
  };
  for (const [input, expected] of Object.entries(cases)) assert.equal(inTop(input), expected, input);
});

test("what is no name is refused", () => {
  for (const name of [
    "",
    "<",
    "+",
    "*",
    "/.badname",
    "/_badname",
    "../.badname",
    "_badname",
    "/-x",
    "/...",
    "a\n",
    "a b",
    "ä",
    "/a\0",
  ]) {
    assert.throws(() => inTop(name), { name: "LmctfyError", code: "INVALID_ARGUMENT" }, JSON.stringify(name));
  }
  assert.throws(() => inTop(`/${"x".repeat(256)}`), /at most 255/);
  assert.throws(() => inTop("/x".repeat(1500)), /at most 2048/);
});

test("an absolute name never asks for the caller's container", () => {
  const self = (): string => {
    throw new LmctfyError("NOT_FOUND", "asked");
  };
  assert.equal(resolveName("/a", self), "/a");
  assert.throws(() => resolveName("a", self), /asked/);
});

test("any text resolves to a clean absolute name or is refused", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z./_-]{0,12}$/));
  fc.assert(
    fc.property(text, name => {
      let resolved: string;
      try {
        resolved = inTop(name);
      } catch (error) {
        return error instanceof LmctfyError && error.code === "INVALID_ARGUMENT";
      }
      return resolved === "/" || /^(\/[A-Za-z0-9][A-Za-z0-9_.-]*)+$/.test(resolved);
    }),
  );
});

test("the parent is the path's parent", () => {
  assert.equal(parentOf("/a/b"), "/a");
  assert.equal(parentOf("/a"), "/");
  assert.equal(parentOf("/"), undefined);
});
