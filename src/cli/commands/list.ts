/** `lmctfy list containers`, `list pids` and `list tids` */
import { containerOf, withLmctfy } from "../library.ts";
import type { Call } from "../model.ts";
import { printPairs } from "../output.ts";

export async function list(call: Call): Promise<undefined> {
  const { command, flags } = call;
  const recursive = flags.recursive ?? false;
  const what = command.words[1];
  if (what === "containers") {
    const names = await withLmctfy(flags, async lmctfy => {
      const containers = await (await containerOf(lmctfy, call)).list({ recursive });
      return containers.map(({ name }) => name);
    });
    printPairs(
      flags.style,
      names.map(name => ["name", name]),
      { containers: names.map(name => ({ name })) },
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
