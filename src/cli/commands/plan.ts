/** `lmctfy plan` */
import type { PlannedStep } from "../../kernel/image.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { print, printJson } from "../output.ts";

export async function plan(call: Call): Promise<undefined> {
  const { name, create, run } = await withLmctfy(call.flags, async lmctfy =>
    (await containerOf(lmctfy, call)).plan(),
  );
  if (call.flags.style === "json") {
    const steps = run.map(({ step, label, stage, target, onError }) => ({
      step,
      label,
      stage,
      on_error: onError,
      ...(target !== undefined && { target }),
    }));
    printJson({ name, create, run: steps });
    return;
  }
  const lines = [`# create ${name}: ${counted(create.length, "step")} on the host`, ...create];
  lines.push("", `# run in ${name}: a program of ${counted(run.length, "step")}`, ...program(run));
  print(`${lines.join("\n")}\n`);
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** Steps with their numbers, under what they are for. */
function program(steps: readonly PlannedStep[]): string[] {
  const lines: string[] = [];
  const width = String(steps.length).length;
  let stage = "";
  for (const step of steps) {
    if (step.stage !== stage) {
      stage = step.stage;
      lines.push(`# ${stage}`);
    }
    const line = `${String(step.step).padStart(width)}  ${step.label}`;
    const remark = remarkOn(step, steps.length);
    lines.push(remark === "" ? line : `${line.padEnd(56)}  # ${remark}`);
  }
  return lines;
}

function remarkOn({ target, onError }: PlannedStep, count: number): string {
  const where = target === undefined || target <= count ? `step ${target}` : "the end";
  switch (onError) {
    case "ignore":
      return "an error is no matter";
    case "jump":
      return `on error to ${where}`;
    case "fail":
      return target === undefined ? "" : `to ${where}`;
    default:
      return onError satisfies never;
  }
}
