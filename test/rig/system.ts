/** A root file system that systemd boots, for system containers. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareSystem } from "../host/image.ts";
import { execute } from "./rig.ts";

/** A copy of a small Debian, which a system may write to. */
export class SystemRoot implements Disposable {
  readonly path: string;
  readonly #directory: string | undefined;

  private constructor(path: string, directory?: string) {
    this.path = path;
    this.#directory = directory;
  }

  static async make(): Promise<SystemRoot> {
    const prepared = await prepareSystem();
    // The whole test host is a copy already, and copying takes long there.
    if (existsSync("/host/exchange")) return new SystemRoot(prepared);
    const directory = mkdtempSync(join(tmpdir(), "lmctfy-system-"));
    const path = join(directory, "root");
    const { code, stderr } = await execute("cp", ["-a", prepared, path]);
    if (code !== 0) throw new Error(stderr);
    return new SystemRoot(path, directory);
  }

  [Symbol.dispose](): void {
    if (this.#directory) rmSync(this.#directory, { recursive: true, force: true });
  }
}
