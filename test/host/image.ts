import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout that this file was compiled in (build/test/host/image.js). */
export const repository = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** What a test host boots from: made once from Debian packages, shared by all checkouts of this user. */
export interface Image {
  readonly kernel: string;
  readonly initramfs: string;
  readonly root: string;
}

const unusedFor = 14 * 24 * 3600 * 1000;

/** Makes the image unless the cache has it (half a minute). Safe to call from several processes at once. */
export async function prepare(): Promise<Image> {
  await command(join(repository, "scripts/install-debian"), ["host"]);
  const packages = await command(join(repository, "scripts/install-debian"), ["--list", "guest", "system"]);

  const hash = createHash("sha256").update(packages);
  for (const file of [
    "image.sh",
    "sources.sh",
    "system.sh",
    "guest/init",
    "guest/initramfs",
    "guest/testhost.service",
    "guest/testhost.target",
  ]) {
    hash.update(readFileSync(join(repository, "test/host", file)));
  }
  const directory = await cached(`host-${hash.digest("hex").slice(0, 12)}`, "image.sh");
  return {
    kernel: join(directory, "vmlinux"),
    initramfs: join(directory, "initramfs.cpio"),
    root: join(directory, "root.ext4"),
  };
}

/** A small Debian with systemd, for system containers: a directory that is not to be changed. */
export async function prepareSystem(): Promise<string> {
  if (existsSync(IN_TEST_HOST)) return IN_TEST_HOST;
  await command(join(repository, "scripts/install-debian"), ["host"]);
  const packages = await command(join(repository, "scripts/install-debian"), ["--list", "system"]);
  const hash = createHash("sha256").update(packages);
  hash.update(readFileSync(join(repository, "test/host/system.sh")));
  return await cached(`system-${hash.digest("hex").slice(0, 12)}`, "system.sh");
}

const IN_TEST_HOST = "/srv/system";

/** What a script makes, once. */
async function cached(name: string, script: string): Promise<string> {
  const cache =
    process.env.LMCTFY_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lmctfy");
  const directory = join(cache, name);
  if (!existsSync(directory)) {
    if (process.getuid?.() !== 0) throw new Error(`${directory} is not made yet, and making it takes root`);
    console.error(`Making it from Debian packages: ${directory}`);
    mkdirSync(cache, { recursive: true });
    // --close: a process that outlives a killed flock does not keep the lock.
    await command("flock", [
      "--close",
      join(cache, "lock"),
      join(repository, "test/host", script),
      directory,
    ]);
    removeUnused(cache);
  }
  const now = new Date();
  utimesSync(directory, now, now);
  return directory;
}

function removeUnused(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (/^(host|system)-[0-9a-f]{12}$/.test(name) && Date.now() - statSync(path).mtimeMs > unusedFor) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Runs a command to its end and gives its standard output; its complaints go to ours. */
async function command(file: string, args: string[]): Promise<string> {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")}: exit ${code ?? "by a signal"}\n${output}`);
  return output;
}
