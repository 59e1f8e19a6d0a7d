/** Counting how a container's tasks are scheduled, for a while: bpftrace(8) does it. */
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { walk } from "../cgroup/files.ts";
import { errnoOf, LmctfyError } from "../errors.ts";
import { histogramProgram, parseHistograms, READY } from "../resources/cpu/histograms.ts";
import type { HistogramMap } from "../spec/index.ts";
import type { Context } from "./context.ts";
import { requireKnown } from "./foreign.ts";
import type { HistogramOptions } from "./types.ts";

const MOST_SECONDS = 86_400;

/** Where the kernel shows its tracepoints. */
const TRACEFS = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];
/** Where it does not, they are mounted for bpftrace alone, which looks for them here. */
const PRIVATE = 'mount -t debugfs debugfs /sys/kernel/debug && exec bpftrace "$@"';

export async function countScheduling(
  context: Context,
  name: string,
  { seconds = 1, started, signal }: HistogramOptions = {},
): Promise<HistogramMap[]> {
  requireKnown(context, name);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MOST_SECONDS) {
    throw new LmctfyError("INVALID_ARGUMENT", `seconds ${seconds}: a whole number from 1 to ${MOST_SECONDS}`);
  }
  const directory = context.cgroups.unifiedFile(name, "");
  if (directory === undefined) {
    throw new LmctfyError(
      "FAILED_PRECONDITION",
      "histograms need a cgroup v2 hierarchy: by it a task's container is known",
      {
        hint: "Mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup",
      },
    );
  }
  if (process.geteuid!() !== 0) {
    throw new LmctfyError(
      "PERMISSION_DENIED",
      "histograms take root's rights: the scheduler's tracepoints are the machine's",
    );
  }
  signal?.throwIfAborted();
  const cgroups = walk(directory.slice(0, -1)).map(path => statSync(path, { bigint: true }).ino);
  const tids = context.cgroups.tids(name, { recursive: true });
  const output = await trace(histogramProgram({ cgroups, tids, seconds }), started, signal);
  return parseHistograms(output);
}

async function trace(program: string, started?: () => void, signal?: AbortSignal): Promise<string> {
  const args = ["-f", "json", "-e", program];
  const [file, words] = TRACEFS.some(path => existsSync(path))
    ? ["bpftrace", args]
    : ["unshare", ["--mount", "--propagation", "private", "sh", "-c", PRIVATE, "sh", ...args]];
  const child = spawn(file, words, {
    stdio: ["ignore", "pipe", "pipe"],
    // A container may have more cgroups and tasks than the usual 4096.
    env: { ...process.env, BPFTRACE_MAP_KEYS_MAX: "65536" },
    ...(signal && { signal, killSignal: "SIGKILL" as const }),
  });
  let output = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", text => {
    const before = output.includes(READY);
    output += text;
    if (!before && output.includes(READY)) started?.();
  });
  child.stderr.setEncoding("utf8").on("data", text => {
    complaint += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).catch(error => {
    signal?.throwIfAborted(); // with the caller's reason
    if (errnoOf(error) === "ENOENT") throw missing();
    throw error;
  });
  signal?.throwIfAborted();
  if (code === 0 && output.includes(READY)) return output;
  if (/not found|No such file/.test(complaint) && code === 127) throw missing();
  throw new LmctfyError("UNAVAILABLE", `bpftrace failed: ${lastLine(complaint) || `exit code ${code}`}`, {
    hint: "It needs a kernel with BPF and tracepoints (CONFIG_BPF_EVENTS), and its complaint may tell more: bpftrace --info",
  });
}

function missing(): LmctfyError {
  return new LmctfyError(
    "FAILED_PRECONDITION",
    "histograms are counted by bpftrace, which is not installed",
    {
      hint: "apt-get install bpftrace",
    },
  );
}

const lastLine = (text: string): string =>
  text
    .trim()
    .split("\n")
    .filter(line => !line.includes("RLIMIT_MEMLOCK"))
    .at(-1) ?? "";
