/** What `security_spec` costs a `lmctfy run`. */
import { type Context, type GroupResult, ratioOf, timingNotes, timingRows } from "../group.ts";
import { LMCTFY } from "../paths.ts";
import { withContainer } from "../product.ts";
import { time } from "../timer.ts";

const PLAIN = "without";
const PROTECTED = "security_spec:{}";
const UNFILTERED = 'security_spec:{seccomp:"unconfined"}';

export async function security(context: Context): Promise<GroupResult[]> {
  const { trueCommand, timer } = context.prepared;
  const contender = (name: string, container: string) => ({
    name,
    argv: [LMCTFY, "run", container.slice(1), trueCommand],
  });
  return withContainer("plain", async plain =>
    withContainer(
      "protected",
      async all =>
        withContainer(
          "unfiltered",
          async unfiltered => {
            const contenders = [
              contender(PLAIN, plain),
              contender(UNFILTERED, unfiltered),
              contender(PROTECTED, all),
            ];
            const timed = await time(contenders, { ...context, timer, pause: 1 });
            for (const each of timed)
              if (each.failure !== undefined) context.fail(`${each.name}: ${each.failure}`);
            return [
              {
                title: "lmctfy run of true, with and without protection",
                rows: timingRows(timed, [PLAIN]),
                notes: timingNotes(timed),
                goals: [
                  {
                    text: "lmctfy run, protected / without",
                    value: ratioOf(timed, PROTECTED, PLAIN),
                    limit: 1.5,
                    sense: "at most",
                    unit: "x",
                  },
                ],
                data: { contenders: timed },
              },
            ];
          },
          UNFILTERED,
        ),
      PROTECTED,
    ),
  );
}
