/** Entry points that are not for people: the build's, and those of the C front. */
import { LmctfyError } from "../errors.ts";
import { dispatch } from "./dispatch.ts";
import { remark, report } from "./output.ts";
import { type Parsed, parse } from "./parse.ts";
import { signalNumber } from "./signals.ts";

export async function inside(what: string, words: readonly string[]): Promise<number> {
  try {
    switch (what) {
      case "--generate":
        return await generateFiles(words);
      case "--hot-run":
        return await hotRun(words);
      default:
        return await killed(words);
    }
  } catch (error) {
    return report(error, "auto");
  }
}

/** `--generate man DIR`, `--generate completions DIR`, `--generate docs FILE` */
async function generateFiles([what, path, ...others]: readonly string[]): Promise<number> {
  const known = what === "man" || what === "completions" || what === "docs";
  if (!known || path === undefined || others.length > 0) {
    throw new LmctfyError("INVALID_ARGUMENT", "usage: lmctfy --generate man|completions|docs PATH");
  }
  const { generate } = await import("./generate/index.ts");
  generate(what, path);
  return 0;
}

/**
 * `--hot-run REASON run …`: the front could not do this run. The library can, after making again what is missing;
 * what it cannot do it says itself, in more words than the front has, so that the reason is not needed.
 */
async function hotRun([reason, ...words]: readonly string[]): Promise<number> {
  if (!/^(missing|stale|refused|failed:\d+:\d+)$/.test(reason ?? "")) {
    throw new LmctfyError(
      "INVALID_ARGUMENT",
      `no such reason for --hot-run: ${JSON.stringify(reason ?? "")}`,
    );
  }
  const invocation = parse(words);
  // The program is missing or no longer good: it is compiled again, so that the next run is fast.
  if (!reason!.startsWith("failed")) await makeAgain(invocation);
  return dispatch(invocation);
}

async function makeAgain({ args, flags }: Parsed): Promise<void> {
  const { withLmctfy } = await import("./library.ts");
  try {
    await withLmctfy(flags, async lmctfy => (await lmctfy.get(args[0] ?? "")).realise());
  } catch {
    // Whatever is wrong is wrong for the run itself too, which says it.
  }
}

/**
 * `--killed NAME STATUS BEFORE`: the command of a run was ended by SIGKILL or SIGSYS. Says so when the kernel did it for
 * lack of memory, or for a seccomp filter; BEFORE holds the counters from before the start.
 */
async function killed([name, status, before]: readonly string[]): Promise<number> {
  const signal = Number(status) & 0x7f || (Number(status) >> 8) - 128; // its own, or what a shell says of its child's
  const exitCode = 128 + signal;
  if (name === undefined) return exitCode;
  try {
    const { withLmctfy } = await import("./library.ts");
    const why = await withLmctfy({ style: "auto" }, async lmctfy =>
      lmctfy.explainKill(
        lmctfy.resolve(name),
        before ?? "",
        signal === signalNumber("SIGSYS") ? "SIGSYS" : "SIGKILL",
      ),
    );
    if (why !== undefined) remark(`lmctfy: ${why}\n`);
  } catch {
    // The container may be gone by now. What counts is how the command ended.
  }
  return exitCode;
}
