import { parseArgs } from "node:util";
import { type HostOutcome, runInHost } from "./host.ts";
import { prepare } from "./image.ts";

const usage = `usage: node build/test/host/main.js run [OPTION…] -- COMMAND…   runs a command in a fresh test host
       node build/test/host/main.js shell [OPTION…]             a shell in it
       node build/test/host/main.js prepare                     only makes the cached image
options: --timeout SECONDS   for run: from power on (900)
         --env NAME=VALUE    for the command; may be repeated
         --files DIRECTORY   writable in the test host as /host/files
         --directory PATH    working directory (the checkout has its own path in the test host)
         --systemd           with systemd as the first process; the command is a service of it
         --append WORDS      for the kernel's command line`;

/** The exit code: the command's own; 124 when it took too long, 125 when the test host failed. */
async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      timeout: { type: "string" },
      env: { type: "string", multiple: true },
      files: { type: "string" },
      directory: { type: "string" },
      systemd: { type: "boolean" },
      append: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [action, ...command] = positionals;
  if (values.help || action === undefined) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  if (action === "prepare") {
    await prepare();
    return 0;
  }
  if (action !== "shell" && (action !== "run" || command.length === 0)) {
    console.error(usage);
    return 2;
  }

  const abort = new AbortController();
  let signal = 0;
  for (const [name, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.on(name, () => {
      signal ||= number;
      abort.abort();
    });
  }
  const outcome = await runInHost({
    command: action === "shell" ? "shell" : command,
    signal: abort.signal,
    env: Object.fromEntries((values.env ?? []).map(entry => splitAssignment(entry))),
    ...(values.timeout === undefined ? {} : { timeout: Number(values.timeout) * 1000 }),
    ...(values.files === undefined ? {} : { files: values.files }),
    ...(values.directory === undefined ? {} : { directory: values.directory }),
    ...(values.systemd === undefined ? {} : { systemd: values.systemd }),
    ...(values.append === undefined ? {} : { append: values.append }),
  });
  return exitCode(outcome, signal);
}

function exitCode(outcome: HostOutcome, signal: number): number {
  const kept = outcome.console === undefined ? "" : ` (its console: ${outcome.console})`;
  switch (outcome.kind) {
    case "exited":
      return outcome.code;
    case "timed out":
      console.error(`test host: the command took too long${kept}`);
      return 124;
    case "aborted":
      return 128 + signal;
    case "broken":
      console.error(`test host: ${outcome.why}${kept}`);
      return 125;
    default:
      return outcome satisfies never;
  }
}

function splitAssignment(entry: string): [string, string] {
  const at = entry.indexOf("=");
  if (at < 1) throw new Error(`--env ${entry}: NAME=VALUE expected`);
  return [entry.slice(0, at), entry.slice(at + 1)];
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`test host: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 125;
}
