/**
 * What a sandbox takes; run by the bench under each runtime.
 *
 *   sandbox.js COUNT     prints one line of JSON
 */
import { Lmctfy, makeSandbox } from "../src/index.ts";

export interface SandboxFigures {
  /** Median milliseconds: until it can be used, of a command in it, until it is gone; and of all three. */
  make: number;
  run: number;
  destroy: number;
  all: number;
}

const count = Number(process.argv[2] ?? 50);
const lmctfy = new Lmctfy();
const parts = { make: [] as number[], run: [] as number[], destroy: [] as number[], all: [] as number[] };
for (let i = -10; i < count; i++) {
  const times = [performance.now()];
  const box = await makeSandbox(lmctfy);
  times.push(performance.now());
  const { exitCode } = await box.run(["true"]);
  times.push(performance.now());
  await box.destroy();
  times.push(performance.now());
  if (exitCode !== 0) throw new Error(`true exited with ${exitCode}`);
  if (i < 0) continue; // to warm up
  for (const [at, part] of (["make", "run", "destroy"] as const).entries())
    parts[part].push(times[at + 1]! - times[at]!);
  parts.all.push(times[3]! - times[0]!);
}
lmctfy.close();
const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
const figures: SandboxFigures = {
  make: middle(parts.make),
  run: middle(parts.run),
  destroy: middle(parts.destroy),
  all: middle(parts.all),
};
console.log(JSON.stringify(figures));
