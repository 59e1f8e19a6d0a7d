/**
 * What an integration test owns: a root of its own (state, runtime files, cgroup subtree), the library and the
 * command on it, and a look afterwards at whether anything is left.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { readLayout } from "../../src/cgroup/layout.ts";
import { placesOf } from "../../src/container/places.ts";
import { type Container, type ContainerSpecInput, Lmctfy } from "../../src/index.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** The fixture program, static: see test/tool/tool.c. */
export const TOOL = join(repository, "build/test/tool/tool");
/** Attempts to get out, static: see test/tool/escape.c. */
export const ESCAPE = join(repository, "build/test/tool/escape");
/** The command. */
export const COMMAND = join(repository, "bin/lmctfy");

/** How a child of a test ended, and what it said. */
export interface Said {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: Record<string, string>;
  input?: string;
  cwd?: string;
}

/** Runs a program to its end. */
export function execute(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...process.env, ...options.env }, cwd: options.cwd });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", text => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", text => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    child.stdin.on("error", () => {}); // a child need not read its input
    child.stdin.end(options.input ?? "");
  });
}

/** All that a stream says until it ends. */
export async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  if (stream) for await (const chunk of stream) text += chunk.toString();
  return text;
}

/** Looks again and again until it is so; fails with what it saw when it does not become so. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  isSo: (seen: T) => boolean,
  what: string,
): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > deadline) assert.fail(`${what}: still ${inspect(seen, { depth: 4 })} after 20 s`);
    await sleep(5);
  }
}

export class Rig implements AsyncDisposable {
  readonly root: string;
  readonly lmctfy: Lmctfy;

  private constructor() {
    this.root = mkdtempSync(join(tmpdir(), "lmctfy-test-"));
    this.lmctfy = new Lmctfy({ root: this.root });
  }

  static create(): Rig {
    return new Rig();
  }

  /** The command on this root. */
  command(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
    return execute(COMMAND, args, { ...options, env: { LMCTFY_ROOT: this.root, ...options.env } });
  }

  create(name: string, spec: ContainerSpecInput = {}): Promise<Container> {
    return this.lmctfy.create(name, spec);
  }

  /** Runs the fixture program in a container. */
  async tool(container: Container, ...args: string[]): Promise<{ stdout: string } & Awaited<Finished>> {
    const command = await container.run([TOOL, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    const stdout = await textOf(command.stdout);
    return { stdout, ...(await command.exited) };
  }

  /** Paths of this root's cgroups, in all hierarchies. */
  cgroups(): string[] {
    const { subtree } = placesOf(this.root);
    const below = (path: string): string[] =>
      readdirSync(path, { withFileTypes: true })
        .filter(entry => entry.isDirectory())
        .flatMap(entry => [join(path, entry.name), ...below(join(path, entry.name))]);
    return readLayout()
      .hierarchies.map(hierarchy => join(hierarchy.mountPoint, subtree))
      .filter(existsSync)
      .flatMap(path => [path, ...below(path)]);
  }

  /** Files of this root, without the directories that every root has. */
  files(): string[] {
    return readdirSync(this.root, { recursive: true, encoding: "utf8" })
      .filter(path => !/^(lib|run)(\/(containers|pending|counting))?$/.test(path))
      .sort();
  }

  /** Nothing of any container is left. */
  assertClean(): void {
    const base = placesOf(this.root).subtree;
    assert.deepEqual(
      this.cgroups().filter(path => !path.endsWith(`/${base}`) && !path.endsWith(`/${base}/_tasks`)),
      [],
    );
    assert.deepEqual(this.files(), []);
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(this.root), "a mount is left");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of await this.lmctfy.list("/")) await container.destroy({ force: true });
    await this.lmctfy.recover();
    this.lmctfy.close();
    const left = this.cgroups();
    rmSync(this.root, { recursive: true, force: true });
    assert.deepEqual(left, [], "cgroups are left");
  }
}

type Finished = Awaited<ReturnType<Container["run"]>>["exited"];
