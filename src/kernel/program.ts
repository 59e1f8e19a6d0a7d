/**
 * Programs: lists of raw system calls as data. This builds them; `image.ts` encodes them for the executor.
 * The format, and what each operation does, is described in docs/program-format.md.
 *
 * A program is a value: building one does no I/O and needs neither root nor Linux.
 */
import type { Arch } from "./arch.ts";
import { formatCall, type PrintableArgument, quote } from "./print.ts";
import { SYSCALLS, type SyscallName } from "./syscalls.ts";

/** Codes of operations. */
export const OP = {
  syscall: 0,
  jumpIf: 1,
  load: 2,
  store: 3,
  exec: 4,
  wait: 5,
  join: 6,
  report: 7,
  exit: 8,
} as const;

/** What an operation does with an error: end the program, go on, or jump. */
export const ON_ERROR = { fail: 0, ignore: 1, jump: 2 } as const;

/** Kinds of arguments. */
export const KIND = { immediate: 0, data: 1, register: 2 } as const;

/** Conditions of jumpIf. */
export const CONDITION = { always: 0, "==": 1, "!=": 2, "<": 3, ">=": 4 } as const;

/** Variants of operations (`nr`). */
export const STORE_DECIMAL = 10;
export const EXEC_OWN_CLI = 1;
export const EXEC_SEALED = 2;
export const WAIT_REAP_ALL = 1;
export const WAIT_FORWARD_SIGNALS = 2;
export const EXIT_FROM_STATUS = 1;

export const NO_REGISTER = 255;
/** Flag of an operation: its result is a descriptor that the program owns. */
export const FLAG_OWNED_FD = 1;
/** `step` of a report that carries a value instead of a failure. */
export const REPORT_VALUE = 0xffffffff;
export const RUSAGE_SIZE = 144;

/** A register: 64 bits, 0 at the start. Its name is for the printer. */
export interface Register {
  readonly kind: "register";
  readonly index: number;
  readonly name: string;
}

/** A piece of the data block. `zero` pieces lie behind the initialised ones, so their place is known at the end. */
export interface DataRef {
  readonly kind: "data";
  readonly zone: "data" | "zero";
  readonly offset: number;
  readonly extent: number;
  /** How the printer shows it. */
  readonly text: string;
}

export type Argument = number | bigint | Register | DataRef;

/** A place in the program that a forward jump goes to. */
export interface Label {
  readonly kind: "label";
  position: number | undefined;
}

/** One operation, ready to be encoded but for the offsets of zeroed data and of labels. */
export interface Operation {
  readonly code: number;
  readonly nr: number;
  readonly onError: number;
  readonly destination: number;
  readonly flags: number;
  readonly tolerate: number;
  readonly target: Label | undefined;
  readonly args: readonly Argument[];
  readonly label: string;
  readonly stage: string;
}

export interface Relocation {
  readonly at: number;
  readonly target: DataRef;
}

/** A finished program. */
export interface Program {
  readonly arch: Arch;
  readonly operations: readonly Operation[];
  readonly relocations: readonly Relocation[];
  readonly data: Uint8Array;
  readonly zeroSize: number;
  readonly registerCount: number;
  /** Sent back by `serve` after the run. */
  readonly returned: DataRef | undefined;
  /** Binds the program to a boot and kernel; 0n = to none. */
  readonly stamp: bigint;
}

export interface CallOptions {
  /** Where the result goes; a fresh register when it is a name. */
  into?: Register | string;
  onError?: "fail" | "ignore" | Label;
  /** An errno that counts as success. */
  tolerate?: number;
  /** The result is a descriptor: closed by the executor when the program fails. */
  fd?: boolean;
}

/** A field of a struct: width in bytes and value; a DataRef becomes an address. */
export type StructField = readonly [width: 1 | 2 | 4 | 8, value: number | bigint | DataRef];

/** Registers that the command's hot path sets or reads. */
export const MODE_REGISTER = 0;
export const RESULT_REGISTER = 1;
export const DIRECTORY_REGISTER = 2;
const FIRST_FREE_REGISTER = 3;

const encoder = new TextEncoder();

/** Builds a program, operation by operation. */
export class ProgramBuilder {
  readonly arch: Arch;
  readonly #operations: Operation[] = [];
  readonly #relocations: Relocation[] = [];
  readonly #texts = new Map<string, DataRef>();
  #data = new Uint8Array(1024);
  #dataSize = 0;
  #zeroSize = 0;
  #registers = FIRST_FREE_REGISTER;
  #stage = "";

  /** What the hot path passes in: 0 in the foreground, 1 detached. */
  readonly mode: Register = { kind: "register", index: MODE_REGISTER, name: "mode" };
  /** What the caller looks at after the run. */
  readonly result: Register = { kind: "register", index: RESULT_REGISTER, name: "result" };
  /** The container's runtime directory, open, in the hot path. */
  readonly directory: Register = { kind: "register", index: DIRECTORY_REGISTER, name: "dir" };

  constructor(arch: Arch) {
    this.arch = arch;
  }

  /** What the next operations are part of, as in "while setting up /proc". */
  stage(text: string): this {
    this.#stage = text;
    return this;
  }

  register(name: string): Register {
    if (this.#registers >= 64) throw new RangeError("a program has at most 64 registers");
    return { kind: "register", index: this.#registers++, name };
  }

  // ── data ──

  /** A text with its closing NUL. Equal texts share their place: never store into one. */
  string(text: string): DataRef {
    const known = this.#texts.get(text);
    if (known) return known;
    if (text.includes("\0")) throw new RangeError("a text in a program may not contain a NUL");
    const ref = this.bytes(encoder.encode(`${text}\0`), quote(text));
    this.#texts.set(text, ref);
    return ref;
  }

  /** Bytes as they are, at a multiple of 8. */
  bytes(bytes: Uint8Array, text = `{${bytes.length} bytes}`): DataRef {
    const offset = this.#reserve(bytes.length);
    this.#data.set(bytes, offset);
    return { kind: "data", zone: "data", offset, extent: bytes.length, text };
  }

  /** Zeroed room for what the kernel writes, at a multiple of 8. */
  buffer(size: number, text = "[buffer]"): DataRef {
    const offset = (this.#zeroSize + 7) & ~7;
    this.#zeroSize = offset + size;
    return { kind: "data", zone: "zero", offset, extent: size, text };
  }

  /** A C struct without padding; addresses (width 8) are relocated. */
  struct(fields: readonly StructField[], text: string): DataRef {
    const size = fields.reduce((sum, [width]) => sum + width, 0);
    const offset = this.#reserve(size);
    const view = new DataView(this.#data.buffer);
    let at = offset;
    for (const [width, value] of fields) {
      if (typeof value === "object") this.#relocations.push({ at, target: value });
      else if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
      else if (width === 4) view.setUint32(at, Number(value), true);
      else if (width === 2) view.setUint16(at, Number(value), true);
      else view.setUint8(at, Number(value));
      at += width;
    }
    return { kind: "data", zone: "data", offset, extent: size, text };
  }

  /** A NULL-terminated array of addresses, such as argv. */
  pointers(targets: readonly DataRef[]): DataRef {
    const fields: StructField[] = targets.map(target => [8, target]);
    fields.push([8, 0]);
    const shown = targets.slice(0, 8).map(target => target.text);
    return this.struct(fields, `[${shown.join(", ")}${targets.length > 8 ? ", ..." : ""}]`);
  }

  /** A part of a piece of data. */
  slice(ref: DataRef, offset: number, extent: number): DataRef {
    if (offset + extent > ref.extent) throw new RangeError("slice beyond the piece of data");
    return { ...ref, offset: ref.offset + offset, extent };
  }

  #reserve(size: number): number {
    const offset = (this.#dataSize + 7) & ~7;
    this.#dataSize = offset + size;
    if (this.#dataSize > this.#data.length) {
      const grown = new Uint8Array(Math.max(this.#dataSize, this.#data.length * 2));
      grown.set(this.#data);
      this.#data = grown;
    }
    return offset;
  }

  // ── operations ──

  /** A system call; gives the register with its result. */
  syscall(name: SyscallName, args: readonly Argument[], options: CallOptions = {}): Register {
    const nr = SYSCALLS[name][this.arch === "x86_64" ? 0 : 1];
    if (nr === null) throw new RangeError(`${this.arch} has no system call ${name}`);
    const into = this.#destination(options.into);
    this.#push(OP.syscall, nr, args, () => formatCall(name, args.map(printable)), { ...options, into });
    return into ?? NOWHERE;
  }

  load(from: DataRef, width: 1 | 2 | 4 | 8, into: Register | string, fd = false): Register {
    const register = this.#destination(into)!;
    this.#push(OP.load, width, [from], () => `${register.name} = load${width * 8}(${from.text})`, {
      into: register,
      fd,
    });
    return register;
  }

  store(to: DataRef, value: Register | number, width: 1 | 2 | 4 | 8 | typeof STORE_DECIMAL): void {
    const how = width === STORE_DECIMAL ? "decimal" : String(width * 8);
    this.#push(OP.store, width, [to, value], () => `store_${how}(${to.text}, ${printable(value)})`, {});
  }

  label(): Label {
    return { kind: "label", position: undefined };
  }

  /** The next operation is where jumps to the label arrive. */
  place(label: Label): void {
    if (label.position !== undefined) throw new RangeError("a label has one place");
    label.position = this.#operations.length;
  }

  jump(target: Label): void {
    this.#push(OP.jumpIf, CONDITION.always, [0, 0], () => "jump", { target });
  }

  jumpIf(
    a: Register,
    condition: Exclude<keyof typeof CONDITION, "always">,
    b: Register | number,
    target: Label,
  ): void {
    const label = () => `if ${printable(a)} ${condition} ${printable(b)}`;
    this.#push(OP.jumpIf, CONDITION[condition], [a, b], label, { target });
  }

  /** Runs a command; `null` = the caller's argv or environment. */
  exec(
    argv: DataRef | null,
    envp: DataRef | null,
    options: { ownCli?: boolean; onError?: "fail" | "ignore" } = {},
  ): void {
    const shown = `execve(${argv?.text ?? "argv"}, ${envp === null ? "environ" : "env"})`;
    const nr = options.ownCli ? EXEC_OWN_CLI : 0;
    this.#push(OP.exec, nr, [argv ?? 0, envp ?? 0], () => shown, { onError: options.onError ?? "fail" });
  }

  /** Executes this executable again, from a mount that can only be read; goes on where it is sealed (native/seal.c). */
  execSealed(): void {
    this.#push(OP.exec, EXEC_SEALED, [0, 0], () => "seal the executor", {});
  }

  /** Waits for a child; the register holds its wait status. */
  wait(
    pid: Register,
    options: {
      reapAll?: boolean;
      forwardSignals?: boolean;
      rusage?: DataRef;
      into?: Register | string;
    },
  ): Register {
    const flags = (options.reapAll ? WAIT_REAP_ALL : 0) | (options.forwardSignals ? WAIT_FORWARD_SIGNALS : 0);
    const into = this.#destination(options.into ?? "status")!;
    this.#push(OP.wait, 0, [pid, flags, options.rusage ?? 0], () => `wait(${pid.name})`, { into });
    return into;
  }

  join(fd: Register, options: { into?: Register | string } = {}): Register {
    const into = this.#destination(options.into);
    this.#push(OP.join, 0, [fd], () => `join(${fd.name})`, into ? { into } : {});
    return into ?? NOWHERE;
  }

  report(fd: Register): void {
    this.#push(OP.report, 0, [fd], () => `report(${fd.name})`, {});
  }

  exit(value: Register | number, fromStatus = false): void {
    this.#push(OP.exit, fromStatus ? EXIT_FROM_STATUS : 0, [value], () => `exit(${printable(value)})`, {});
  }

  build(options: { returned?: DataRef; stamp?: bigint } = {}): Program {
    for (const [i, operation] of this.#operations.entries()) {
      const target = operation.target;
      if (target && (target.position === undefined || target.position <= i)) {
        throw new RangeError(`step ${i}: jumps go forward to a placed label`);
      }
    }
    return {
      arch: this.arch,
      operations: this.#operations,
      relocations: [...this.#relocations].sort((a, b) => a.at - b.at),
      data: this.#data.slice(0, (this.#dataSize + 7) & ~7),
      zeroSize: this.#zeroSize,
      registerCount: this.#registers,
      returned: options.returned,
      stamp: options.stamp ?? 0n,
    };
  }

  #destination(into: Register | string | undefined): Register | undefined {
    return typeof into === "string" ? this.register(into) : into;
  }

  #push(
    code: number,
    nr: number,
    args: readonly Argument[],
    label: () => string,
    options: {
      into?: Register | undefined;
      onError?: "fail" | "ignore" | Label;
      tolerate?: number;
      fd?: boolean;
      target?: Label;
    },
  ): void {
    const onError = options.onError ?? "fail";
    const jumps = typeof onError === "object";
    this.#operations.push({
      code,
      nr,
      onError: jumps ? ON_ERROR.jump : ON_ERROR[onError],
      destination: options.into?.index ?? NO_REGISTER,
      flags: options.fd ? FLAG_OWNED_FD : 0,
      tolerate: options.tolerate ?? 0,
      target: jumps ? onError : options.target,
      args,
      // Most are never read: made when they are.
      get label() {
        return label();
      },
      stage: this.#stage,
    });
  }
}

/** What a call without a destination gives back; naming it in another operation is refused when it is encoded. */
const NOWHERE: Register = { kind: "register", index: NO_REGISTER, name: "none" };

function printable(arg: Argument): PrintableArgument {
  if (typeof arg === "object") return arg.kind === "register" ? arg.name : arg.text;
  return BigInt(arg);
}
