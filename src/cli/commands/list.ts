/** `lmctfy list containers`, `list pids` and `list tids` */
import { LmctfyError } from "../../errors.ts";
import type { Container } from "../../index.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";

export async function list(call: Call): Promise<undefined> {
  const { command, flags } = call;
  const recursive = flags.recursive ?? false;
  const what = command.words[1];
  if (what === "containers") {
    const json = flags.style === "json";
    const found = await withLmctfy(flags, async lmctfy => {
      const containers = await (await containerOf(lmctfy, call)).subcontainers({ recursive });
      return json ? withStates(containers) : containers.map(({ name }) => ({ name }));
    });
    printPairs(
      flags.style,
      found.map(({ name }) => ["name", name]),
      { containers: found },
    );
    return;
  }
  const threads = what === "tids";
  const ids = await withLmctfy(flags, async lmctfy =>
    (await containerOf(lmctfy, call)).pids({ recursive, threads }),
  );
  printPairs(
    flags.style,
    ids.map(id => [threads ? "tid" : "pid", id]),
    threads ? { tids: ids } : { pids: ids },
  );
}

async function withStates(containers: readonly Container[]): Promise<{ name: string; state: string }[]> {
  const found: { name: string; state: string }[] = [];
  for (const container of containers) {
    try {
      found.push({ name: container.name, state: await container.state() });
    } catch (error) {
      // destroyed since it was listed
      if (!(error instanceof LmctfyError && error.code === "NOT_FOUND")) throw error;
    }
  }
  return found;
}
