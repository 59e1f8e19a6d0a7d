/** `lmctfy start`, `stop`, `restart` */
import type { Container } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call, Flags } from "../model.ts";
import { printJson, printPairs } from "../output.ts";
import { secondsOf } from "../seconds.ts";
import { interruptible } from "../signals.ts";

export function start(call: Call): Promise<undefined> {
  return withHost(call, async container => {
    const pid = await interruptible(signal => container.start({ signal }));
    printPairs(call.flags.style, [["pid", pid]], { name: container.name, pid });
  });
}

export function stop(call: Call): Promise<undefined> {
  return withHost(call, async container => {
    await stopped(container, call.flags);
    if (call.flags.style === "json") printJson({ name: container.name });
  });
}

export function restart(call: Call): Promise<undefined> {
  return withHost(call, async container => {
    await stopped(container, call.flags);
    const pid = await interruptible(signal => container.start({ signal }));
    printPairs(call.flags.style, [["pid", pid]], { name: container.name, pid });
  });
}

async function stopped(container: Container, flags: Flags): Promise<void> {
  const seconds = secondsOf(flags.timeout);
  await interruptible(signal =>
    container.stop({ signal, ...(seconds !== undefined && { graceMs: seconds * 1000 }) }),
  );
}

async function withHost(call: Call, use: (container: Container) => Promise<void>): Promise<undefined> {
  await withLmctfy(call.flags, async lmctfy => use(await containerOf(lmctfy, call)));
}
