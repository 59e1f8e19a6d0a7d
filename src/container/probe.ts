/** Tries system calls in the executor: it is single-threaded, and the calls are made so that they do nothing. */

import type { ProbeCall } from "../features/calls.ts";
import { errnoName } from "../kernel/errno.ts";
import { ProgramBuilder } from "../kernel/program.ts";
import type { Context } from "./context.ts";

/** Registers are few; each call needs one. */
const CALLS_PER_PROGRAM = 50;

export async function probeSyscalls(context: Context, calls: readonly ProbeCall[]): Promise<(string | 0)[]> {
  const results: (string | 0)[] = [];
  for (let at = 0; at < calls.length; at += CALLS_PER_PROGRAM) {
    const b = new ProgramBuilder(context.arch).stage("trying system calls");
    const registers = calls.slice(at, at + CALLS_PER_PROGRAM).map(({ name, args }) => {
      const words = args.map(arg => (arg instanceof Uint8Array ? b.bytes(arg) : arg));
      return b.syscall(name, words, { into: name, onError: "ignore" });
    });
    const outcome = await context.executor.run(b.build());
    for (const { index } of registers) {
      const value = Number(outcome.registers[index]);
      results.push(value < 0 ? errnoName(-value) : 0);
    }
  }
  return results;
}
