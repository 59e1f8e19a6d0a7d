/** The command `lmctfy`, except for what its C front does by itself. */
import { dispatch } from "./dispatch.ts";
import { parse } from "./parse.ts";

async function main(words: readonly string[]): Promise<number> {
  const [first, ...others] = words;
  if (first === "--generate" || first === "--hot-run" || first === "--killed") {
    const { inside } = await import("./inside.ts");
    return inside(first, others);
  }
  return dispatch(parse(words));
}

// Everything was written by then; what is still open (the executor's socket) need not be waited for.
process.exit(await main(process.argv.slice(2)));
