/**
 * What the library does per second; run by the bench under each runtime.
 *
 *   library.js COMMAND COUNT     prints one line of JSON
 */
import { Lmctfy } from "../src/index.ts";
import { LIMITS, PREFIX } from "./cgroup.ts";

export interface LibraryFigures {
  /** create + run + destroy per second, one after the other. */
  sequential: number;
  /** The same with eight at once. */
  eightAtOnce: number;
  /** Median milliseconds of each part, sequential: until run has started the command, and until it ended. */
  parts: Record<"create" | "run" | "exited" | "destroy", number>;
  /** Milliseconds until the first container was gone again, of a runtime that has just started. */
  first: number;
}

const [command = "/bin/true", countText = "100"] = process.argv.slice(2);
const count = Number(countText);
const lmctfy = new Lmctfy();
const spec = { cpu: { max_limit: 500 }, memory: { limit: LIMITS.memory }, pids: { limit: LIMITS.pids } };
const parts = {
  create: [] as number[],
  run: [] as number[],
  exited: [] as number[],
  destroy: [] as number[],
};

async function once(name: string): Promise<void> {
  const times = [performance.now()];
  const container = await lmctfy.create(name, spec);
  times.push(performance.now());
  const running = await container.run([command], { stdio: "ignore" });
  times.push(performance.now());
  const { exitCode } = await running.exited;
  times.push(performance.now());
  await container.destroy();
  times.push(performance.now());
  if (exitCode !== 0) throw new Error(`${command} exited with ${exitCode}`);
  for (const [i, part] of (["create", "run", "exited", "destroy"] as const).entries()) {
    parts[part].push(times[i + 1]! - times[i]!);
  }
}

async function perSecond(workers: number): Promise<number> {
  const start = performance.now();
  const work = async (worker: number): Promise<void> => {
    for (let i = worker; i < count; i += workers) await once(`/${PREFIX}-${process.pid}-${i}`);
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return count / ((performance.now() - start) / 1000);
}

const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const begin = performance.now();
await once(`/${PREFIX}-${process.pid}-first`);
const first = performance.now() - begin;
for (let i = 0; i < 10; i++) await once(`/${PREFIX}-${process.pid}-warm-${i}`);
for (const part of Object.values(parts)) part.length = 0;
const sequential = await perSecond(1);
const figures: LibraryFigures = {
  sequential,
  parts: {
    create: middle(parts.create),
    run: middle(parts.run),
    exited: middle(parts.exited),
    destroy: middle(parts.destroy),
  },
  eightAtOnce: await perSecond(8),
  first,
};
lmctfy.close();
console.log(JSON.stringify(figures));
