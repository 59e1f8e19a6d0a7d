/** Rules about devices as an eBPF program, and attaching that to a cgroup of version 2. */
import { hostArch } from "../../kernel/arch.ts";
import { BpfAssembler, type BpfInstruction, encodeBpf } from "../../kernel/bpf/ebpf.ts";
import { AT_FDCWD, archOpenFlags, O } from "../../kernel/constants.ts";
import { type Program, ProgramBuilder, type Register } from "../../kernel/program.ts";
import { type DeviceRules, formatRule } from "./rules.ts";

/** struct bpf_cgroup_dev_ctx: access in the upper half and type in the lower half of the first word, then the numbers. */
const CONTEXT = { accessAndType: 0, major: 4, minor: 8 } as const;
const TYPE = { block: 1, char: 2 } as const;

const CMD = { PROG_LOAD: 5, PROG_ATTACH: 8, PROG_DETACH: 9, PROG_GET_FD_BY_ID: 13, PROG_QUERY: 16 } as const;
const PROG_TYPE_CGROUP_DEVICE = 15;
const CGROUP_DEVICE = 6;
const F_ALLOW_MULTI = 2;
const F_REPLACE = 4;

const STAGE = "setting device";

/**
 * From the last rule to the first: one that allows takes away what was asked for, until nothing is left; one that denies
 * anything of it ends.
 */
export function assembleDeviceRules({ allow, rules }: DeviceRules): BpfInstruction[] {
  const b = new BpfAssembler();
  b.load(2, 1, CONTEXT.accessAndType);
  b.copy(3, 2);
  b.shiftRight(3, 16); // what is asked for
  b.and(2, 0xffff);
  b.load(4, 1, CONTEXT.major);
  b.load(5, 1, CONTEXT.minor);
  for (const rule of [...rules].reverse()) {
    const next = b.label();
    b.jumpIf(2, "!=", TYPE[rule.kind], next);
    if (rule.major !== undefined) b.jumpIf(4, "!=", rule.major, next);
    if (rule.minor !== undefined) b.jumpIf(5, "!=", rule.minor, next);
    if (rule.allow) {
      b.and(3, ~rule.access);
      b.jumpIf(3, "!=", 0, next);
      b.exit(1);
    } else {
      const denied = b.label();
      b.jumpIf(3, "&", rule.access, denied);
      // Nothing of it: on to the next. (There is no jump for "no bit is set".)
      b.jumpIf(2, "==", TYPE[rule.kind], next);
      b.place(denied);
      b.exit(0);
    }
    b.place(next);
  }
  b.exit(allow ? 1 : 0);
  return b.build();
}

/**
 * Puts a filter in the place of the one that the cgroup has, in one step, so that there is no moment without; or takes it away.
 * Filters of the cgroups above go on to count beside it.
 */
export function attachProgram(directory: string, rules: DeviceRules | undefined): Program {
  const b = new ProgramBuilder(hostArch()!).stage(STAGE);
  const end = b.label();
  const flags = O.RDONLY | archOpenFlags(b.arch).DIRECTORY | O.CLOEXEC;
  const cgroup = b.syscall("openat", [AT_FDCWD, b.string(directory), flags, 0], { into: "cgroup", fd: true });
  const filter = rules && load(b, rules);
  const { count, old } = query(b, cgroup, rules === undefined ? end : undefined);
  const none = b.label();
  const close = b.label();
  b.jumpIf(count, "==", 0, none);
  if (filter) attach(b, cgroup, filter, old);
  else detach(b, cgroup, old);
  b.syscall("close", [old]);
  b.jump(close);
  b.place(none);
  if (filter) attach(b, cgroup, filter);
  b.place(close);
  if (filter) b.syscall("close", [filter]);
  b.place(end);
  b.syscall("close", [cgroup]);
  return b.build();
}

function load(b: ProgramBuilder, rules: DeviceRules): Register {
  const code = assembleDeviceRules(rules);
  const insns = b.bytes(encodeBpf(code), `{${code.length} instructions: ${describe(rules)}}`);
  const attr = b.struct(
    [
      [4, PROG_TYPE_CGROUP_DEVICE],
      [4, code.length],
      [8, insns],
      [8, b.string("Apache-2.0")],
      [4, 0], // log_level
      [4, 0], // log_size
      [8, 0], // log_buf
      [4, 0], // kern_version
      [4, 0], // prog_flags
    ],
    `{BPF_PROG_TYPE_CGROUP_DEVICE, ${insns.text}}`,
  );
  return b.syscall("bpf", [CMD.PROG_LOAD, attr, attr.extent], { into: "filter", fd: true });
}

/** @param denied where to go when this process may not look, and so cannot have attached one */
function query(
  b: ProgramBuilder,
  cgroup: Register,
  denied: ReturnType<ProgramBuilder["label"]> | undefined,
): { count: Register; old: Register } {
  const ids = b.buffer(64 * 4, "ids");
  const attr = b.struct(
    [
      [4, 0], // target_fd
      [4, CGROUP_DEVICE],
      [4, 0],
      [4, 0],
      [8, ids],
      [4, 64],
      [4, 0],
    ],
    "{BPF_CGROUP_DEVICE}",
  );
  b.store(b.slice(attr, 0, 4), cgroup, 4);
  b.syscall("bpf", [CMD.PROG_QUERY, attr, attr.extent], denied ? { onError: denied } : {});
  const count = b.load(b.slice(attr, 24, 4), 4, "count");
  const id = b.load(b.slice(ids, 0, 4), 4, "id");
  const old = b.register("old");
  const none = b.label();
  b.jumpIf(count, "==", 0, none);
  const byId = b.struct(
    [
      [4, 0],
      [4, 0],
      [4, 0],
      [4, 0],
    ],
    "{id}",
  );
  b.store(b.slice(byId, 0, 4), id, 4);
  b.syscall("bpf", [CMD.PROG_GET_FD_BY_ID, byId, byId.extent], { into: old, fd: true });
  b.place(none);
  return { count, old };
}

function attach(b: ProgramBuilder, cgroup: Register, filter: Register, old?: Register): void {
  const attr = b.struct(
    [
      [4, 0],
      [4, 0],
      [4, CGROUP_DEVICE],
      [4, F_ALLOW_MULTI | (old ? F_REPLACE : 0)],
      [4, 0], // replace_bpf_fd
      [4, 0],
    ],
    `{BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI${old ? "|BPF_F_REPLACE" : ""}}`,
  );
  b.store(b.slice(attr, 0, 4), cgroup, 4);
  b.store(b.slice(attr, 4, 4), filter, 4);
  if (old) b.store(b.slice(attr, 16, 4), old, 4);
  b.syscall("bpf", [CMD.PROG_ATTACH, attr, attr.extent]);
}

function detach(b: ProgramBuilder, cgroup: Register, old: Register): void {
  const attr = b.struct(
    [
      [4, 0],
      [4, 0],
      [4, CGROUP_DEVICE],
      [4, 0],
      [4, 0],
      [4, 0],
    ],
    "{BPF_CGROUP_DEVICE}",
  );
  b.store(b.slice(attr, 0, 4), cgroup, 4);
  b.store(b.slice(attr, 4, 4), old, 4);
  b.syscall("bpf", [CMD.PROG_DETACH, attr, attr.extent]);
}

/** The rules in a few words, for `plan` and errors. */
function describe({ allow, rules }: DeviceRules): string {
  const shown = rules.slice(0, 8).map(rule => `${rule.allow ? "allow" : "deny"} ${formatRule(rule)}`);
  const more = rules.length > 8 ? [`… ${rules.length - 8} more`] : [];
  return [allow ? "allow all" : "deny all", ...shown, ...more].join("; ");
}
