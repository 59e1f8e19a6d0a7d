/** `lmctfy notify any`, `notify memory`, `notify empty` and `notify pressure` */
import { LmctfyError } from "../../errors.ts";
import type { Container, ContainerEvent, EventSpec, EventSpecInput } from "../../index.ts";
import { readSpecInput } from "../input.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call, Flags, Style } from "../model.ts";
import { formatPairs, print, printJson } from "../output.ts";
import { secondsOf } from "../seconds.ts";
import { interruptible } from "../signals.ts";

export async function notify(call: Call): Promise<undefined> {
  const { name, spec } = await wanted(call);
  const seconds = secondsOf(call.flags.timeout);
  await withLmctfy(call.flags, async lmctfy => {
    const container = await containerOf(lmctfy, { ...call, args: [name] });
    await interruptible(signal => tell(container, spec, call.flags, seconds, signal));
  });
}

/** Prints one event, or all until the time is over. */
async function tell(
  container: Container,
  spec: EventSpecInput | EventSpec,
  { follow, style }: Flags,
  seconds: number | undefined,
  interrupted: AbortSignal,
): Promise<void> {
  const { name } = container;
  const timeout = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000);
  const signal = timeout === undefined ? interrupted : AbortSignal.any([interrupted, timeout]);
  let told = false;
  try {
    for await (const event of container.events(spec, { signal })) {
      if (event.kind !== "gone" || follow) printEvent(event, style);
      if (event.kind === "gone") break;
      told = true;
      if (!follow) return;
    }
  } catch (error) {
    if (timeout === undefined || error !== timeout.reason) throw error;
    if (told) return;
    throw new LmctfyError("DEADLINE_EXCEEDED", `no such event in ${name} within ${seconds} s`, {
      path: name,
    });
  }
  throw new LmctfyError("NOT_FOUND", `container ${name} was destroyed meanwhile`, { path: name });
}

/** The container and the events that the words ask for. */
async function wanted({ command, args, flags }: Call): Promise<{
  name: string;
  spec: EventSpecInput | EventSpec;
}> {
  const [first = "", second = "", third] = args;
  switch (command.words[1]) {
    case "memory":
      return { name: second, spec: memory(first, third) };
    case "empty":
      return { name: first, spec: { container_empty: {} } };
    case "pressure":
      return { name: second, spec: pressure(first, flags) };
    default: {
      if ((first === "oom" || first === "threshold") && second.startsWith("/"))
        throw invalid(`${first} is an event of memory`, `Did you mean lmctfy notify memory ${first}?`);
      const input = readSpecInput(args[1], flags);
      if (input === undefined) return { name: first, spec: {} };
      const { parseMessage } = await import("../../spec/parse.ts");
      const { EventSpec } = await import("../../spec/messages/event.ts");
      return { name: first, spec: await parseMessage(EventSpec, input.content, { source: input.source }) };
    }
  }
}

function memory(event: string, bytes: string | undefined): EventSpecInput {
  if (event === "oom") {
    if (bytes === undefined) return { oom: {} };
    throw invalid(`notify memory oom takes no number of bytes: ${JSON.stringify(bytes)}`);
  }
  if (event !== "threshold") {
    throw invalid(
      `notify memory: there is no event ${JSON.stringify(event)}`,
      "The events are oom and threshold.",
    );
  }
  if (bytes === undefined) throw invalid("notify memory threshold: BYTES is missing");
  if (/^\d{1,18}$/.test(bytes)) return { memory_threshold: { usage: BigInt(bytes) } };
  throw invalid(`${JSON.stringify(bytes)} is not a number of bytes`, "100 MB are 100000000.");
}

function pressure(resource: string, { stall, window, full }: Flags): EventSpecInput {
  const known = { cpu: "CPU", memory: "MEMORY", io: "IO" } as const;
  if (!(resource in known))
    throw invalid(
      `notify pressure: not a resource: ${JSON.stringify(resource)}`,
      "There are cpu, memory and io.",
    );
  const micros = (flag: string, text: string | undefined): bigint | undefined => {
    const seconds = secondsOf(text, flag);
    return seconds === undefined ? undefined : BigInt(Math.round(seconds * 1e6));
  };
  const asked = { stall: micros("stall", stall), window: micros("window", window) };
  return {
    pressure: [
      {
        resource: known[resource as keyof typeof known],
        level: full ? "FULL" : "SOME",
        ...(asked.stall !== undefined && { stall: asked.stall }),
        ...(asked.window !== undefined && { window: asked.window }),
      },
    ],
  };
}

const invalid = (message: string, hint?: string): LmctfyError =>
  new LmctfyError("INVALID_ARGUMENT", message, hint === undefined ? {} : { hint });

/** One line each, but for -l. */
function printEvent({ kind, name, time, ...facts }: ContainerEvent, style: Style): void {
  const all = { event: kind, name, time: time.toISOString(), ...facts };
  const words = Object.entries(all).map(([key, value]) => [key, printable(value)] as const);
  switch (style) {
    case "json":
      printJson(Object.fromEntries(words));
      return;
    case "values":
      print(`${words.map(([, value]) => value).join(" ")}\n`);
      return;
    case "long":
      print(
        formatPairs(
          style,
          words.map(([key, value]) => [key, String(value)]),
        ),
      );
      return;
    default:
      print(
        `${formatPairs(
          style,
          words.map(([key, value]) => [key, String(value)]),
        )
          .trimEnd()
          .replaceAll("\n", " ")}\n`,
      );
  }
}

/** As in all JSON here: a number that it cannot hold exactly is a string of digits. */
function printable(value: unknown): string | number | boolean {
  if (typeof value !== "bigint") return value as string | number | boolean;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
