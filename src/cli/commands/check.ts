/** `lmctfy check` */
import type { SecurityCheck } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { print, printJson } from "../output.ts";

export async function check(call: Call): Promise<undefined> {
  const found = await withLmctfy(call.flags, async lmctfy => (await containerOf(lmctfy, call)).check());
  if (call.flags.style === "json") printJson(found);
  else print(format(found));
}

function format({ name, grade, score, findings, processes, differences }: SecurityCheck): string {
  const width = Math.max(...findings.map(({ item }) => item.length));
  const rows = findings.map(
    ({ item, verdict, cost, text }) =>
      `${verdict.padEnd(4)}  ${(cost > 0 ? `-${cost}` : "").padStart(3)}  ${item.padEnd(width)}  ${text}`,
  );
  const truth =
    processes === 0
      ? "No process in it to compare with."
      : differences.length === 0
        ? `The kernel says so of ${processes === 1 ? "the process" : `all ${processes} processes`} in it.`
        : differences.map(({ pid, text }) => `But process ${pid}: ${text}`).join("\n");
  return `${[...rows, truth, `${name}: ${grade} (${score} of 100)`].join("\n")}\n`;
}
