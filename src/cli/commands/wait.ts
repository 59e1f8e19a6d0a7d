/** `lmctfy wait` */
import { LmctfyError } from "../../errors.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printJson } from "../output.ts";
import { secondsOf } from "../seconds.ts";
import { interruptible } from "../signals.ts";

export async function wait(call: Call): Promise<undefined> {
  const seconds = secondsOf(call.flags.timeout);
  const name = await withLmctfy(call.flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    await interruptible(async interrupted => {
      const timeout = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000);
      const signal = timeout === undefined ? interrupted : AbortSignal.any([interrupted, timeout]);
      try {
        await container.wait({ signal });
      } catch (error) {
        if (timeout === undefined || error !== timeout.reason) throw error;
        throw new LmctfyError("DEADLINE_EXCEEDED", `${container.name} still runs after ${seconds} s`, {
          hint: `lmctfy list pids -r ${container.name} names its processes.`,
        });
      }
    });
    return container.name;
  });
  if (call.flags.style === "json") printJson({ name });
}
