/** `lmctfy run`, where the hot path does not serve: with flags of its own, another root, or a container to be made again. */
import { LmctfyError } from "../../errors.ts";
import type { Lmctfy, ProcessResult, RunOptions } from "../../index.ts";
import { isolatedEnvironment } from "../../resources/isolation.ts";
import { callersEnvironment } from "../environment.ts";
import { withHint } from "../hint.ts";
import { containerOf, withLmctfy } from "../library.ts";
import type { Call, Flags } from "../model.ts";
import { printPairs, remark, report } from "../output.ts";
import { SignalRelay, signalNumber } from "../signals.ts";

/** Exit codes of a shell for a command that does not start. */
const NOT_EXECUTABLE = 126;
const NO_SUCH_COMMAND = 127;

export async function run(call: Call): Promise<number> {
  const { flags } = call;
  const argv = commandOf(call.args.slice(1));
  return withLmctfy(flags, async lmctfy => {
    const container = await containerOf(lmctfy, call);
    const { name } = container;
    try {
      const own = (await container.virtualHost()) !== undefined;
      const options = optionsOf(flags, own);
      if (options.detached) {
        const { pid } = await container.run(argv, options);
        printPairs(flags.style, [["pid", pid]], { name, pid });
        return 0;
      }
      using signals = new SignalRelay();
      const command = await signals.start(signal => container.run(argv, { ...options, signal }));
      const result = await command.exited;
      tellEnd(lmctfy, name, result, flags);
      return exitCodeOf(result);
    } catch (error) {
      return failedStart(error, argv, flags);
    }
  });
}

/** Says how the command ended, where its exit code does not say it. */
function tellEnd(lmctfy: Lmctfy, name: string, result: ProcessResult, flags: Flags): void {
  if (flags.style === "json") remark(`${JSON.stringify({ result: jsonOf(name, result) })}\n`);
  else if (exitCodeOf(result) === 128 + signalNumber("SIGSYS"))
    remark(`lmctfy: ${lmctfy.explainKill(name, "", "SIGSYS")}\n`);
  else if (result.oom && exitCodeOf(result) === 128 + 9)
    remark(`lmctfy: ${lmctfy.explainKill(name, "") ?? `${name}: out of memory`}\n`);
}

/** A single word with a space in it is a line for the shell. */
export function commandOf(words: readonly string[]): readonly string[] {
  return words.length === 1 && words[0]!.includes(" ") ? ["/bin/sh", "-c", words[0]!] : words;
}

/** @param own a virtual host, for which the caller's environment is another machine's */
function optionsOf(flags: Flags, own: boolean): RunOptions {
  const options: RunOptions = { detached: flags.noWait ?? false, stdio: flags.noWait ? "ignore" : "inherit" };
  if (flags.user !== undefined) options.user = flags.user;
  if (flags.cwd !== undefined) options.cwd = flags.cwd;
  const added = variables(flags.env ?? []);
  options.env = { ...(own ? isolatedEnvironment() : callersEnvironment()), ...added };
  return options;
}

function variables(settings: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals < 1) {
      throw new LmctfyError("INVALID_ARGUMENT", `-e ${setting}: that sets no variable`, {
        hint: "Write -e NAME=VALUE; what is set already is passed on anyway.",
      });
    }
    result[setting.slice(0, equals)] = setting.slice(equals + 1);
  }
  return result;
}

/** A command that is missing or cannot be executed ends the way it does in a shell; all else is ours. */
function failedStart(error: unknown, argv: readonly string[], flags: Flags): number {
  if (!(error instanceof LmctfyError) || !error.syscall?.startsWith("execve")) throw error;
  const misplaced = "What follows the container's name is the command; flags of lmctfy go before the name.";
  const shown = argv[0]!.startsWith("-") ? withHint(error, misplaced) : error;
  return report(shown, flags.style, error.code === "NOT_FOUND" ? NO_SUCH_COMMAND : NOT_EXECUTABLE);
}

export function exitCodeOf({ exitCode, signal }: Pick<ProcessResult, "exitCode" | "signal">): number {
  return exitCode ?? 128 + signalNumber(signal ?? "SIGKILL");
}

function jsonOf(
  name: string,
  { reason, exitCode, signal, oom, usage }: ProcessResult,
): Record<string, unknown> {
  return {
    name,
    reason,
    exit_code: exitCode,
    signal,
    oom,
    usage: {
      user_micros: usage.userMicros,
      system_micros: usage.systemMicros,
      max_rss_bytes: usage.maxRssBytes,
      minor_faults: usage.minorFaults,
      major_faults: usage.majorFaults,
      voluntary_switches: usage.voluntarySwitches,
      involuntary_switches: usage.involuntarySwitches,
    },
  };
}
