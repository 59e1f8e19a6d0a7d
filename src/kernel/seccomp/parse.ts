/** Reads a profile in the JSON format of the OCI runtime specification (`linux.seccomp`) or of Docker. */
import { constants } from "node:os";
import type { LmctfyError } from "../../errors.ts";
import { parseJsonTree } from "../../spec/json.ts";
import { nearest } from "../../spec/suggest.ts";
import { describe, type MessageNode, type Node, specError, type TextSource } from "../../spec/tree.ts";
import type { Arch } from "../arch.ts";
import { type Action, MAX_DATA, MAX_ERRNO } from "./action.ts";
import type { Abi } from "./calls.ts";
import type { Condition } from "./filter.ts";
import type { Entry, Profile, Requirements } from "./profile.ts";

const FLAGS = {
  /** For all threads of a process; here there is one. */
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
} as const;

/** The world that a name stands for, and the native one beside which it lives; null where this machine has no such. */
const ARCHITECTURES: { readonly [name: string]: readonly [Arch, Abi] | null } = {
  SCMP_ARCH_X86_64: ["x86_64", "x86_64"],
  SCMP_ARCH_X86: ["x86_64", "x86"],
  SCMP_ARCH_X32: ["x86_64", "x32"],
  SCMP_ARCH_AARCH64: ["aarch64", "aarch64"],
  SCMP_ARCH_ARM: ["aarch64", "arm"],
  ...Object.fromEntries(
    "NATIVE MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB"
      .split(" ")
      .map(name => [`SCMP_ARCH_${name}`, null]),
  ),
};

type Fields = ReadonlyMap<string, Node>;

/** Throws INVALID_ARGUMENT with the place, or UNIMPLEMENTED for what is understood and not served. `name` is for people. */
export function parseProfile(text: string, name: string): Profile {
  const { tree, source } = parseJsonTree(text, name);
  return new Reader(source).profile(tree);
}

class Reader {
  readonly #source: TextSource;

  constructor(source: TextSource) {
    this.#source = source;
  }

  profile(tree: MessageNode): Profile {
    const known = [
      "$schema",
      "comment",
      "defaultAction",
      "defaultErrnoRet",
      "defaultErrno",
      "architectures",
      "archMap",
      "flags",
      "listenerPath",
      "listenerMetadata",
      "syscalls",
    ];
    const fields = this.#fields(tree, known);
    const action = fields.get("defaultAction");
    if (action === undefined) throw this.#error(tree, "defaultAction is missing, it is required");
    return {
      defaultAction: this.#action(action, fields.get("defaultErrnoRet"), fields.get("defaultErrno")),
      architectures: this.#architectures(fields),
      flags: this.#flags(fields.get("flags")),
      entries: this.#list(fields.get("syscalls")).map(entry => this.#entry(entry)),
    };
  }

  #entry(node: Node): Entry {
    const known = ["names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"];
    const fields = this.#fields(node, known);
    const action = fields.get("action");
    if (action === undefined) throw this.#error(node, "action is missing, it is required");
    const name = fields.get("name");
    const names = [...this.#texts(fields.get("names")), ...(name === undefined ? [] : [this.#text(name)])];
    if (names.length === 0) throw this.#error(node, "names is missing, it is required");
    return {
      names,
      action: this.#action(action, fields.get("errnoRet"), fields.get("errno")),
      conditions: this.#list(fields.get("args")).map(each => this.#condition(each)),
      includes: this.#requirements(fields.get("includes")),
      excludes: this.#requirements(fields.get("excludes")),
    };
  }

  #action(node: Node, number: Node | undefined, name: Node | undefined): Action {
    const word = this.#text(node);
    const data = (highest: number): number => {
      if (number !== undefined) return Number(this.#integer(number, BigInt(highest)));
      return name === undefined ? 1 : this.#errno(name); // EPERM, as runc has it
    };
    switch (word) {
      case "SCMP_ACT_ALLOW":
        return { kind: "allow" };
      case "SCMP_ACT_LOG":
        return { kind: "log" };
      case "SCMP_ACT_KILL":
      case "SCMP_ACT_KILL_THREAD":
        return { kind: "kill_thread" };
      case "SCMP_ACT_KILL_PROCESS":
        return { kind: "kill_process" };
      case "SCMP_ACT_TRAP":
        return { kind: "trap", value: 0 };
      case "SCMP_ACT_ERRNO":
        return { kind: "errno", value: data(MAX_ERRNO) };
      case "SCMP_ACT_TRACE":
        return { kind: "trace", value: data(MAX_DATA) };
      case "SCMP_ACT_NOTIFY": {
        const why =
          "SCMP_ACT_NOTIFY is not served: nobody here would answer, and the call would wait for ever";
        throw this.#error(node, why, "Choose SCMP_ACT_ERRNO, or SCMP_ACT_TRACE for a debugger.");
      }
      default: {
        const expected = "ALLOW, ERRNO, KILL, KILL_PROCESS, KILL_THREAD, LOG, TRACE, TRAP";
        throw this.#error(
          node,
          `unknown action ${describe(node)}, expected SCMP_ACT_ and one of ${expected}`,
        );
      }
    }
  }

  #errno(node: Node): number {
    const name = this.#text(node);
    const number = (constants.errno as { [name: string]: number })[name];
    if (number === undefined)
      throw this.#error(node, `unknown error ${describe(node)}, expected as in errno(3)`);
    return number;
  }

  #condition(node: Node): Condition {
    const fields = this.#fields(node, ["index", "value", "valueTwo", "op"]);
    const need = (key: string): Node => {
      const field = fields.get(key);
      if (field === undefined) throw this.#error(node, `${key} is missing, it is required`);
      return field;
    };
    const most = (1n << 64n) - 1n;
    const index = Number(this.#integer(need("index"), 5n));
    const value = this.#integer(need("value"), most);
    const two = fields.get("valueTwo");
    const other = two === undefined ? 0n : this.#integer(two, most);
    switch (this.#text(need("op"))) {
      case "SCMP_CMP_EQ":
        return { index, test: "==", value };
      case "SCMP_CMP_NE":
        return { index, test: "==", value, negated: true };
      case "SCMP_CMP_GE":
        return { index, test: ">=", value };
      case "SCMP_CMP_LT":
        return { index, test: ">=", value, negated: true };
      case "SCMP_CMP_GT":
        return { index, test: ">", value };
      case "SCMP_CMP_LE":
        return { index, test: ">", value, negated: true };
      case "SCMP_CMP_MASKED_EQ":
        return { index, test: "==", value: other, mask: value };
      default: {
        const expected = "EQ, NE, LT, LE, GT, GE, MASKED_EQ";
        const op = need("op");
        throw this.#error(op, `unknown op ${describe(op)}, expected SCMP_CMP_ and one of ${expected}`);
      }
    }
  }

  #requirements(node: Node | undefined): Requirements {
    if (node === undefined) return {};
    const fields = this.#fields(node, ["arches", "caps", "minKernel"]);
    const minKernel = fields.get("minKernel");
    return {
      capabilities: this.#texts(fields.get("caps")),
      ...(fields.has("arches") && { architectures: this.#texts(fields.get("arches")) }),
      ...(minKernel !== undefined && { minKernel: this.#version(minKernel) }),
    };
  }

  #version(node: Node): readonly [number, number] {
    const parts = /^(\d+)\.(\d+)$/.exec(this.#text(node));
    if (parts === null) throw this.#error(node, `malformed ${describe(node)}, expected MAJOR.MINOR`);
    return [Number(parts[1]), Number(parts[2])];
  }

  #architectures(fields: Fields): Profile["architectures"] {
    const plain = fields.get("architectures");
    const map = fields.get("archMap");
    const result: { [A in Arch]?: Abi[] } = {};
    const add = (node: Node): void => {
      const name = this.#text(node);
      const found = ARCHITECTURES[name];
      if (found === undefined || !Object.hasOwn(ARCHITECTURES, name)) {
        const guess = nearest(name, Object.keys(ARCHITECTURES));
        const hint = guess === undefined ? undefined : `Did you mean ${guess}?`;
        throw this.#error(node, `unknown architecture ${describe(node)}`, hint);
      }
      if (found !== null) result[found[0]] = [...(result[found[0]] ?? []), found[1]];
    };
    if (plain !== undefined && map !== undefined)
      throw this.#error(map, "both architectures and archMap are given, expected one of them");
    for (const node of this.#list(plain)) add(node);
    for (const entry of this.#list(map)) {
      const inner = this.#fields(entry, ["architecture", "subArchitectures"]);
      const native = inner.get("architecture");
      if (native === undefined) throw this.#error(entry, "architecture is missing, it is required");
      for (const node of [native, ...this.#list(inner.get("subArchitectures"))]) add(node);
    }
    return result;
  }

  /** Without a list as runc: speculation stays as it is, as on kernels since 5.16 anyway. */
  #flags(node: Node | undefined): number {
    if (node === undefined) return FLAGS.SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    let flags = 0;
    for (const item of this.#list(node)) {
      const name = this.#text(item);
      if (!Object.hasOwn(FLAGS, name))
        throw this.#error(
          item,
          `unknown flag ${describe(item)}, expected one of ${Object.keys(FLAGS).join(", ")}`,
        );
      flags |= FLAGS[name as keyof typeof FLAGS];
    }
    return flags;
  }

  // ── JSON ──

  /** The fields that are not null. */
  #fields(node: Node, known: readonly string[]): Fields {
    if (node.kind !== "message") throw this.#error(node, `unexpected ${describe(node)}, expected { … }`);
    const fields = new Map<string, Node>();
    for (const { name, at, value } of node.entries) {
      if (!known.includes(name)) {
        const guess = nearest(name, known);
        const hint = guess === undefined ? undefined : `Did you mean ${guess}?`;
        throw specError(this.#source, at, `unknown field ${JSON.stringify(name)}`, hint);
      }
      if (fields.has(name)) throw specError(this.#source, at, `${name} is given twice, expected it once`);
      if (value.kind !== "null") fields.set(name, value);
    }
    return fields;
  }

  #list(node: Node | undefined): readonly Node[] {
    if (node === undefined) return [];
    if (node.kind !== "list") throw this.#error(node, `unexpected ${describe(node)}, expected [ … ]`);
    return node.items;
  }

  #texts(node: Node | undefined): string[] {
    return this.#list(node).map(item => this.#text(item));
  }

  #text(node: Node): string {
    if (node.kind !== "string") throw this.#error(node, `unexpected ${describe(node)}, expected a text`);
    return node.value;
  }

  #integer(node: Node, most: bigint): bigint {
    const text = node.kind === "int" || node.kind === "float" ? node.text : "";
    const value = /^\d+$/.test(text) ? BigInt(text) : -1n;
    if (value >= 0n && value <= most) return value;
    throw this.#error(node, `unexpected ${describe(node)}, expected a whole number from 0 to ${most}`);
  }

  #error(node: Node, message: string, hint?: string): LmctfyError {
    return specError(this.#source, node.at, message, hint);
  }
}
