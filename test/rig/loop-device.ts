/** A block device of a test's own: a loop device on a file. */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, execute } from "./rig.ts";

export class LoopDevice implements AsyncDisposable {
  /** `/dev/loop0`. */
  readonly path: string;
  /** `loop0`. */
  readonly name: string;
  /** `7:0`. */
  readonly number: string;
  readonly major: bigint;
  readonly minor: bigint;
  readonly #file: number;

  private constructor(path: string) {
    this.path = path;
    this.name = path.slice("/dev/".length);
    this.number = readFileSync(`/sys/block/${this.name}/dev`, "utf8").trim();
    [this.major, this.minor] = this.number.split(":").map(BigInt) as [bigint, bigint];
    this.#file = openSync(path, "r");
  }

  static async create(bytes = 64 << 20): Promise<LoopDevice> {
    await execute("modprobe", ["loop"]).catch(() => {}); // built in, or seen in a moment
    const directory = mkdtempSync(join(tmpdir(), "lmctfy-loop-"));
    try {
      const file = join(directory, "disk");
      writeFileSync(file, "");
      truncateSync(file, bytes);
      const path = (await must("losetup", ["--find", "--show", "--partscan", file])).trim();
      const device = new LoopDevice(path);
      // In use it is only marked: it detaches itself when the last one closes it, however this process ends.
      await must("losetup", ["--detach", path]);
      return device;
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  get scheduler(): string {
    return readFileSync(this.#scheduler, "utf8").trim();
  }

  /** Whether it took it. */
  async schedule(scheduler: string): Promise<boolean> {
    if (scheduler === "bfq") await execute("modprobe", ["bfq"]).catch(() => {});
    try {
      writeFileSync(this.#scheduler, scheduler);
      return true;
    } catch {
      return false;
    }
  }

  get #scheduler(): string {
    return `/sys/block/${this.name}/queue/scheduler`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.schedule("none");
    closeSync(this.#file);
    const backing = `/sys/block/${this.name}/loop/backing_file`;
    await eventually(
      () => existsSync(backing),
      attached => !attached,
      `${this.path} is attached`,
    );
  }
}

async function must(file: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await execute(file, args);
  if (code !== 0) throw new Error(`${file} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
