/**
 * A server that runs code which nobody trusts: each request in a sandbox of its own, so many at once, the others wait.
 *
 *   node build/examples/code-runner/main.js [PORT]        (as root, after `make`)
 *   curl -s localhost:8080/run -d '{"language": "javascript", "code": "console.log(6 * 7)"}'
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { LmctfyError, sandbox } from "../../src/index.ts";

/** Sandboxes at a time; each may use as much memory and CPU as its limits say. */
const AT_ONCE = 4;
/** Requests that may wait. */
const MOST_WAITING = 100;
const LARGEST_REQUEST = 256 * 1024;

const LANGUAGES: Record<string, { file: string; argv: readonly string[] }> = {
  javascript: { file: "main.js", argv: ["node", "main.js"] },
  shell: { file: "main.sh", argv: ["sh", "main.sh"] },
};

interface Job {
  language: string;
  code: string;
  stdin: string;
}

async function runJob({ language, code, stdin }: Job, signal: AbortSignal): Promise<object> {
  const { file, argv } = LANGUAGES[language]!;
  await using box = await sandbox({
    memory: "256M",
    cpus: 1,
    pids: 64,
    timeout: "5s",
    files: { [file]: code },
  });
  const { stdout, stderr, exitCode, reason } = await box.run(argv, { stdin, maxOutput: "64K", signal });
  return { reason, exitCode, stdout, stderr };
}

/** Lets so many through at a time. */
class Gate {
  #free = AT_ONCE;
  readonly #waiting: (() => void)[] = [];

  get isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  async pass<T>(job: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

async function readJob(request: IncomingMessage): Promise<Job> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_REQUEST) throw new RangeError(`a request has ${LARGEST_REQUEST} bytes at most`);
    chunks.push(chunk);
  }
  const {
    language = "javascript",
    code,
    stdin = "",
  } = JSON.parse(Buffer.concat(chunks).toString()) as Partial<Job>;
  if (typeof code !== "string" || typeof stdin !== "string") throw new RangeError("code and stdin are texts");
  if (!Object.hasOwn(LANGUAGES, language)) {
    throw new RangeError(`language is one of ${Object.keys(LANGUAGES).join(", ")}`);
  }
  return { language, code, stdin };
}

const gate = new Gate();

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  };
  if (request.method !== "POST" || request.url !== "/run") return send(404, { error: "POST /run" });
  if (gate.isFull) return send(503, { error: "busy" });
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const job = await readJob(request);
    send(200, await gate.pass(() => runJob(job, gone.signal)));
  } catch (error) {
    const ours = error instanceof LmctfyError;
    send(ours ? 500 : 400, { error: ours ? error.describe() : (error as Error).message });
  }
}

const port = Number(process.argv[2] ?? 8080);
const server = createServer((request, response) => void answer(request, response));
server.listen(port, "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? address?.port : port}/run`);
});
