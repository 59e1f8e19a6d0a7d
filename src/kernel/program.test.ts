import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import {
  encodeProgram,
  FORMAT_VERSION,
  HEADER_SIZE,
  MAX_IMAGE_SIZE,
  OPERATION_SIZE,
  readSteps,
} from "./image.ts";
import * as program from "./program.ts";
import { ProgramBuilder } from "./program.ts";

test("a program is a value: the same on every machine, for both architectures", () => {
  const build = (arch: "x86_64" | "aarch64") => {
    const b = new ProgramBuilder(arch).stage("saying hello");
    b.syscall("write", [1, b.string("hello\n"), 6]);
    b.exit(7);
    return b.build();
  };
  const [x86, arm] = [build("x86_64"), build("aarch64")];
  assert.equal(x86.operations[0]!.nr, 1);
  assert.equal(arm.operations[0]!.nr, 64);
  const image = encodeProgram(x86);
  assert.equal(Buffer.from(image.subarray(0, 4)).toString(), "LMCP");
  assert.deepEqual(readSteps(image), {
    arch: "x86_64",
    stamp: 0n,
    steps: [
      { step: 1, label: 'write(1, "hello\\n", 6)', stage: "saying hello", onError: "fail" },
      { step: 2, label: "exit(7)", stage: "saying hello", onError: "fail" },
    ],
  });
});

test("an address in a struct becomes a relocation, zeroed room lies behind the data", () => {
  const b = new ProgramBuilder("x86_64");
  const room = b.buffer(16);
  const text = b.string("x");
  const iov = b.struct(
    [
      [8, room],
      [8, 16],
    ],
    "{iov}",
  );
  b.syscall("readv", [0, iov, 1]);
  b.pointers([text]);
  const image = encodeProgram(b.build());
  const view = new DataView(image.buffer);
  const [relocCount, relocOffset, dataSize] = [20, 24, 32].map(at => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  assert.equal(relocCount, 2);
  assert.equal(view.getUint32(relocOffset, true), iov.offset);
  assert.equal(view.getUint32(relocOffset + 4, true), dataSize + room.offset);
});

test("jumps go forward, or the program is not built", () => {
  const b = new ProgramBuilder("x86_64");
  const back = b.label();
  b.place(back);
  b.jumpIf(b.mode, "==", 0, back);
  assert.throws(() => b.build(), /jumps go forward/);
  const c = new ProgramBuilder("x86_64");
  c.jump(c.label());
  assert.throws(() => c.build(), /placed label/);
});

test("what cannot be right is refused while building", () => {
  const b = new ProgramBuilder("aarch64");
  assert.throws(() => b.syscall("open", [b.string("/"), 0]), /aarch64 has no system call open/);
  assert.throws(() => b.string("a\0b"), /NUL/);
  for (let i = 0; i < 61; i++) b.register(`r${i}`);
  assert.throws(() => b.register("one too many"), /64 registers/);
  const lost = b.syscall("getpid", []);
  b.syscall("close", [lost]);
  assert.throws(() => encodeProgram(b.build()), /kept none/);
  const large = new ProgramBuilder("x86_64");
  large.bytes(new Uint8Array(MAX_IMAGE_SIZE));
  large.exit(0);
  assert.throws(() => encodeProgram(large.build()), /at most 4194304/);
});

test("any data survives the encoding", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), pieces => {
      const b = new ProgramBuilder("x86_64");
      const refs = pieces.map(piece => b.bytes(piece));
      b.exit(0);
      const image = encodeProgram(b.build());
      const dataOffset = new DataView(image.buffer).getUint32(28, true);
      return refs.every((ref, i) => {
        const at = dataOffset + ref.offset;
        return ref.offset % 8 === 0 && Buffer.from(image.subarray(at, at + ref.extent)).equals(pieces[i]!);
      });
    }),
  );
});

test("bytes that are no program have no steps", () => {
  assert.equal(readSteps(new Uint8Array(0)), undefined);
  assert.equal(readSteps(new Uint8Array(200)), undefined);
});

/** The C side of the format: every `NAME = number` of native/program.h. */
function constantsOfHeader(): Map<string, number> {
  const path = fileURLToPath(new URL("../../../native/program.h", import.meta.url));
  const found = (existsSync(path) ? readFileSync(path, "utf8") : "").matchAll(/^\t?([A-Z_0-9]+) = (\d+),/gm);
  return new Map([...found].map(([, name, value]) => [name!, Number(value)]));
}

test("both sides of the format hold the same numbers", t => {
  const header = constantsOfHeader();
  if (header.size === 0) return t.skip("native/program.h is only in a checkout");
  const ours: Record<string, number> = {
    PROGRAM_VERSION: FORMAT_VERSION,
    HEADER_SIZE,
    OP_SIZE: OPERATION_SIZE,
    MAX_IMAGE: MAX_IMAGE_SIZE,
    RUSAGE_SIZE: program.RUSAGE_SIZE,
    NO_REGISTER: program.NO_REGISTER,
    OP_SYSCALL: program.OP.syscall,
    OP_JUMP_IF: program.OP.jumpIf,
    OP_LOAD: program.OP.load,
    OP_STORE: program.OP.store,
    OP_EXEC: program.OP.exec,
    OP_WAIT: program.OP.wait,
    OP_JOIN: program.OP.join,
    OP_REPORT: program.OP.report,
    OP_EXIT: program.OP.exit,
    ON_ERROR_FAIL: program.ON_ERROR.fail,
    ON_ERROR_IGNORE: program.ON_ERROR.ignore,
    ON_ERROR_JUMP: program.ON_ERROR.jump,
    KIND_IMMEDIATE: program.KIND.immediate,
    KIND_DATA: program.KIND.data,
    KIND_REGISTER: program.KIND.register,
    JUMP_ALWAYS: program.CONDITION.always,
    JUMP_EQUAL: program.CONDITION["=="],
    JUMP_NOT_EQUAL: program.CONDITION["!="],
    JUMP_LESS: program.CONDITION["<"],
    JUMP_GREATER_EQUAL: program.CONDITION[">="],
    FLAG_OWNS_FD: program.FLAG_OWNED_FD,
    STORE_DECIMAL: program.STORE_DECIMAL,
    EXEC_CLI: program.EXEC_OWN_CLI,
    EXEC_SEALED: program.EXEC_SEALED,
    EXIT_WAIT_STATUS: program.EXIT_FROM_STATUS,
    WAIT_REAP_ALL: program.WAIT_REAP_ALL,
    WAIT_FORWARD: program.WAIT_FORWARD_SIGNALS,
  };
  for (const [name, value] of Object.entries(ours)) assert.equal(value, header.get(name), name);
});
