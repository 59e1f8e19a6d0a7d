import { spawn } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { prepare, repository } from "./image.ts";

/** What to do in a fresh test host: pure cgroup v2, Debian's stock kernel, emulated. */
export interface HostOptions {
  /** The command's words, or "shell" for a shell on this terminal. */
  readonly command: readonly string[] | "shell";
  /** Working directory: the checkout has the same path in the test host. @default the checkout */
  readonly directory?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A directory of this machine that the test host has as /host/files, writable. */
  readonly files?: string;
  /** Whether systemd is its first process, with logind and a bus; the command is then a service. @default false */
  readonly systemd?: boolean;
  /** More words for the kernel's command line. */
  readonly append?: string;
  /** Milliseconds from power on. @default 15 minutes */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Where the command's output goes, live. @default this process's own */
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
}

export type HostOutcome =
  | { readonly kind: "exited"; readonly code: number; readonly console: string | undefined }
  | { readonly kind: "timed out"; readonly console: string | undefined }
  | { readonly kind: "aborted"; readonly console: string | undefined }
  /** The machine went down by itself: a panic, or qemu could not run it. */
  | { readonly kind: "broken"; readonly why: string; readonly console: string | undefined };

/**
 * Boots a test host, runs the command in it, and takes it down.
 *
 * The checkout and this machine's node are there read-only at their own paths; everything else is from Debian
 * packages, as new at each boot: writes go to a scratch file that vanishes with qemu.
 * When the command fails, the kernel's console is kept (`console` of the outcome).
 */
export async function runInHost(options: HostOptions): Promise<HostOutcome> {
  const image = await prepare();
  removeAbandoned();
  const exchange = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  try {
    const interactive = options.command === "shell";
    if (options.files !== undefined) mkdirSync(options.files, { recursive: true });
    writeExchange(exchange, options);
    const args = [
      ["-machine", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "2G"],
      // Without fast string operations: the emulator runs the kernel's other loops 5 × faster.
      ["-cpu", "max,-erms,-fsrm"],
      ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
      ["-kernel", image.kernel, "-initrd", image.initramfs, "-append", kernelWords(options)],
      ["-drive", `file=${quoteComma(image.root)},if=virtio,format=raw,snapshot=on,cache=unsafe`],
      share("exchange", exchange, false),
      share("repo", repository, true),
      share("node", dirname(process.execPath), true),
      options.files === undefined ? [] : share("files", options.files, false),
      ["-serial", `file:${quoteComma(join(exchange, "console"))}`],
      interactive ? ["-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal"] : [],
    ].flat();

    // The kernel ends qemu when this process is gone, however it went.
    const qemu = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...args], {
      stdio: [interactive ? "inherit" : "ignore", "inherit", "pipe"],
    });
    let complaint = "";
    qemu.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });

    let stopped: "timed out" | "aborted" | undefined;
    const stop = (why: "timed out" | "aborted") => {
      stopped ??= why;
      qemu.kill("SIGKILL");
    };
    const onAbort = () => stop("aborted");
    const timer = interactive ? undefined : setTimeout(stop, options.timeout ?? 15 * 60_000, "timed out");
    options.signal?.addEventListener("abort", onAbort);
    if (options.signal?.aborted) onAbort();
    const output = [
      follow(join(exchange, "stdout"), options.onStdout ?? (chunk => process.stdout.write(chunk))),
      follow(join(exchange, "stderr"), options.onStderr ?? (chunk => process.stderr.write(chunk))),
    ];
    try {
      await new Promise((resolve, reject) => {
        qemu.on("error", reject).on("close", resolve);
      });
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      for (const end of output) end();
    }

    if (stopped !== undefined) return { kind: stopped, console: keepConsole(exchange) };
    const exit = existsSync(join(exchange, "exit"))
      ? readFileSync(join(exchange, "exit"), "utf8").trim()
      : "";
    if (exit === "") {
      const console = keepConsole(exchange);
      return { kind: "broken", why: complaint.trim() || "it went down before the command ended", console };
    }
    return { kind: "exited", code: Number(exit), console: exit === "0" ? undefined : keepConsole(exchange) };
  } finally {
    rmSync(exchange, { recursive: true, force: true });
  }
}

const prefix = "lmctfy-test-host-";

/** What a killed process could not remove. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? /^\d+/.exec(name.slice(prefix.length))?.[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}

function kernelWords(options: HostOptions): string {
  return [
    "console=ttyS0 quiet panic=-1 root=/dev/vda",
    // Emulated, every read of another clock is an exit to qemu; the emulated TSC is the machine's own, and steady.
    "clocksource=tsc tsc=reliable no_timer_check",
    "mitigations=off nokaslr random.trust_cpu=on",
    options.systemd ? "testhost.systemd" : "",
    options.append ?? "",
  ].join(" ");
}

function writeExchange(exchange: string, options: HostOptions): void {
  // Where npm ran no install scripts, the first is a small stub.
  const bun = ["node_modules/bun/bin/bun.exe", "node_modules/@oven/bun-linux-x64/bin/bun"]
    .map(path => join(repository, path))
    .find(path => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 1024 * 1024);
  const own = {
    REPO: repository,
    NODE: basename(process.execPath),
    DIRECTORY: resolve(repository, options.directory ?? "."),
    FILES: options.files === undefined ? "" : "1",
    BUN: bun ?? "",
  };
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `export ${name}=${quote(value)}`);
  writeFileSync(
    join(exchange, "env"),
    [...Object.entries(own).map(([name, value]) => `${name}=${quote(value)}`), ...env, ""].join("\n"),
  );

  const { columns = 80, rows = 24 } = process.stdout;
  writeFileSync(
    join(exchange, "command"),
    options.command === "shell"
      ? `export TERM=${quote(process.env.TERM ?? "linux")}\nstty rows ${rows} columns ${columns}\nexec bash -i\n`
      : `exec ${options.command.map(quote).join(" ")}\n`,
  );
  for (const name of ["stdout", "stderr", "console"]) writeFileSync(join(exchange, name), "");
  if (options.command === "shell") writeFileSync(join(exchange, "interactive"), "");
}

function keepConsole(exchange: string): string | undefined {
  const directory = join(repository, "build/log");
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `test-host-console-${process.pid}.log`);
  copyFileSync(join(exchange, "console"), path);
  return path;
}

/** Passes on what is appended to a file, until the returned function is called (which passes on the rest). */
function follow(path: string, sink: (chunk: Buffer) => void): () => void {
  const fd = openSync(path, "r");
  const buffer = Buffer.alloc(64 * 1024);
  const read = () => {
    for (;;) {
      const length = readSync(fd, buffer);
      if (length === 0) return;
      sink(Buffer.from(buffer.subarray(0, length)));
    }
  };
  // The other side's writes come over 9p, from another process: a look 20 times a second is the simple way to see them.
  const timer = setInterval(read, 50);
  return () => {
    clearInterval(timer);
    read();
    closeSync(fd);
  };
}

function share(tag: string, path: string, readonly: boolean): string[] {
  const how = `security_model=none,multidevs=remap${readonly ? ",readonly=on" : ""}`;
  return ["-virtfs", `local,mount_tag=${tag},path=${quoteComma(path)},${how}`];
}

/** In qemu's options a comma is written twice. */
function quoteComma(text: string): string {
  return text.replaceAll(",", ",,");
}

/** One word for a POSIX shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
