/**
 * What the library takes for many containers; run by the bench under each runtime.
 *
 *   scale.js COUNT ROUNDS     prints one line of JSON
 */
import { Lmctfy } from "../src/index.ts";
import { LIMITS, PREFIX } from "./cgroup.ts";

export interface ScaleFigures {
  count: number;
  /** Milliseconds of each creation while there are few, before there were many and after that, and while there are many. */
  few: number[];
  many: number[];
  /** Milliseconds for all of them, of each round. */
  list: number[];
  /** The list with the state of each. */
  states: number[];
  summary: number[];
  full: number[];
}

const [countText = "1000", roundsText = "10"] = process.argv.slice(2);
const count = Number(countText);
const base = `/${PREFIX}-scale-${process.pid}`;
const spec = { cpu: { max_limit: 500 }, memory: { limit: LIMITS.memory }, pids: { limit: LIMITS.pids } };
const lmctfy = new Lmctfy();
const figures: ScaleFigures = { count, few: [], many: [], list: [], states: [], summary: [], full: [] };

async function timed(times: number[], work: () => Promise<number>): Promise<void> {
  const start = performance.now();
  const seen = await work();
  times.push(performance.now() - start);
  if (seen !== count) throw new Error(`${seen} containers instead of ${count}`);
}

async function create(from: number, to: number, times?: number[]): Promise<void> {
  for (let i = from; i < to; i++) {
    const start = performance.now();
    await lmctfy.create(`${base}/${i}`, spec);
    times?.push(performance.now() - start);
  }
}

async function destroy(): Promise<void> {
  for (const container of await lmctfy.list(base)) await container.destroy();
}

/** Ten at a time, so that there are never more than twenty. */
async function createFew(times?: number[]): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await create(0, 10);
    await create(10, 20, times);
    await destroy();
  }
}

try {
  await lmctfy.create(base);
  await createFew(); // the first ones are made by code that is not compiled yet
  await createFew(figures.few);
  await create(0, count - 40);
  await create(count - 40, count, figures.many);
  for (let round = 0; round < Number(roundsText); round++) {
    await timed(figures.list, async () => (await lmctfy.list(base)).length);
    await timed(figures.states, async () => {
      const containers = await lmctfy.list(base);
      for (const container of containers) await container.state();
      return containers.length;
    });
    for (const level of ["summary", "full"] as const)
      await timed(figures[level], async () => (await lmctfy.stats({ below: base, level })).length);
  }
  await destroy();
  await createFew(figures.few);
} finally {
  await lmctfy.get(base).then(
    container => container.destroy({ force: true }),
    () => {},
  );
  lmctfy.close();
}
console.log(JSON.stringify(figures));
