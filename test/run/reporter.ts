/** A reporter for `node --test`: one Result per line. Each test counts, at any depth; suites and files do not. */
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import { formatResult, type Result, sourceOf } from "./result.ts";

interface FileState {
  /** Names of the tests that have started, by depth: the path of the current one. */
  path: string[];
  /** Tests that run, for the case that they never end. */
  running: Set<string>;
  count: number;
  output: string;
}

const keptOutput = 16 * 1024;

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileState>();
  const stateOf = (file: string | undefined): FileState => {
    const state = files.get(file ?? "") ?? { path: [], running: new Set(), count: 0, output: "" };
    files.set(file ?? "", state);
    return state;
  };

  for await (const event of source) {
    switch (event.type) {
      case "test:stdout":
      case "test:stderr": {
        const state = stateOf(event.data.file);
        state.output = (state.output + event.data.message).slice(-keptOutput);
        break;
      }
      case "test:dequeue":
        if (event.data.name !== event.data.file) stateOf(event.data.file).running.add(event.data.name);
        break;
      case "test:complete":
        stateOf(event.data.file).running.delete(event.data.name);
        break;
      case "test:start": {
        const { path } = stateOf(event.data.file);
        path.length = event.data.nesting;
        path.push(event.data.name);
        break;
      }
      case "test:pass":
      case "test:fail": {
        const result = resultOf(event.data, event.type === "test:fail", stateOf(event.data.file));
        if (result) yield formatResult(result);
        break;
      }
      default: // plans, diagnostics, coverage: not ours
    }
  }
}

type Ended = Extract<TestEvent, { type: "test:pass" | "test:fail" }>["data"];

function resultOf(data: Ended, failed: boolean, state: FileState): Result | undefined {
  const file = sourceOf((data.file ?? data.name).replace(`${process.cwd()}/`, ""));
  const error = failed ? errorOf(data) : undefined;

  if (data.nesting === 0 && data.name === data.file) {
    // The file itself: of interest only when something went wrong outside its tests, or it has none.
    if (error) {
      const running = [...state.running].map(name => `\nstill running: ${name}`).join("");
      return {
        kind: "failed",
        name: `${file}: the file itself`,
        details: error.text + running + printed(state),
      };
    }
    return state.count === 0 ? { kind: "failed", name: file, details: "there is no test in it" } : undefined;
  }

  const name = `${file}: ${[...state.path.slice(0, data.nesting), data.name].join(" > ")}`;
  if (data.details.type === "suite" && data.skip === undefined) {
    if (!error || error.isOfSubtests) return undefined;
  }
  state.count += 1;
  const reason = data.skip ?? data.todo;
  if (reason !== undefined && reason !== false) {
    return { kind: "skipped", name, reason: typeof reason === "string" ? reason : "" };
  }
  const ms = Math.round(data.details.duration_ms);
  if (!error) return { kind: "passed", name, ms };
  const details = error.text + printed(state);
  state.output = "";
  return { kind: "failed", name, details, ms };
}

function errorOf(data: Ended): { text: string; isOfSubtests: boolean } {
  const error = (data.details as { error?: { failureType?: string; cause?: unknown } }).error;
  const cause = error?.cause ?? error;
  const text = cause instanceof Error ? inspect(cause) : String(cause);
  return { text, isOfSubtests: error?.failureType === "subtestsFailed" };
}

function printed(state: FileState): string {
  return state.output === "" ? "" : `\nprinted by the file:\n${state.output}`;
}
