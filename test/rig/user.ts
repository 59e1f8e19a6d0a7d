/** Users without root's rights, for tests: ids that no passwd file knows, with directories of their own. */
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { COMMAND, execute, type Said } from "./rig.ts";

export class User implements Disposable {
  readonly uid: number;
  readonly home: string;

  constructor(uid: number) {
    this.uid = uid;
    this.home = mkdtempSync(join(tmpdir(), `lmctfy-user-${uid}-`));
    for (const name of ["state", "runtime"]) mkdirSync(join(this.home, name), { mode: 0o700 });
    for (const path of [this.home, this.state, this.runtime]) chownSync(path, uid, uid);
    chmodSync(this.home, 0o755);
  }

  get state(): string {
    return join(this.home, "state");
  }

  get runtime(): string {
    return join(this.home, "runtime");
  }

  get env(): Record<string, string> {
    return { HOME: this.home, XDG_STATE_HOME: this.state, XDG_RUNTIME_DIR: this.runtime };
  }

  /** The words that make a command one of this user, from `cgroups` (cgroup.procs or tasks files that it enters first). */
  words(argv: readonly string[], cgroups: readonly string[] = []): string[] {
    const enter = cgroups.map(path => `echo 0 > '${path}' || exit 99; `).join("");
    const become = ["setpriv", `--reuid=${this.uid}`, `--regid=${this.uid}`, "--clear-groups", ...argv];
    return ["sh", "-c", `${enter}exec "$@"`, "sh", ...become];
  }

  /** Runs a program as this user. */
  execute(
    argv: readonly string[],
    options: { cgroups?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<Said> {
    const [file, ...args] = this.words(argv, options.cgroups);
    return execute(file!, args, { env: { LMCTFY_ROOT: "", ...this.env, ...options.env }, cwd: "/" });
  }

  /** The command `lmctfy` as this user. */
  command(
    args: readonly string[],
    options: { cgroups?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<Said> {
    return this.execute([COMMAND, ...args], options);
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Why users cannot run this checkout's programs; false when they can. */
export function unreachable(): string | false {
  if (process.getuid!() !== 0) return "becoming another user needs root";
  for (let at = dirname(COMMAND); at !== "/"; at = dirname(at))
    if ((statSync(at).mode & 0o001) === 0) return `other users may not enter ${at}`;
  try {
    accessSync(COMMAND, constants.X_OK);
    return false;
  } catch {
    return `${COMMAND} is not built`;
  }
}
