/** A terminal that a command draws on: whatever ends it, the terminal is as it was. */
import { print, STDOUT, writeAll } from "../output.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

export class Screen implements Disposable {
  readonly #input = process.stdin;
  readonly #wasRaw: boolean;
  #open = true;
  readonly #restore = (): void => this[Symbol.dispose]();

  /** @param key gets each key that is pressed */
  constructor(key: (key: string) => void) {
    print(ENTER);
    process.once("exit", this.#restore);
    this.#wasRaw = this.#input.isRaw ?? false;
    if (!this.#input.isTTY) return;
    this.#input.setRawMode(true);
    this.#input.setEncoding("utf8");
    this.#input.on("data", text => {
      for (const each of String(text)) key(each);
    });
    this.#input.unref();
  }

  get size(): { columns: number; rows: number } {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
  }

  /** Lines from the top on; what does not fit is left out. */
  draw(lines: readonly string[]): void {
    const { rows } = this.size;
    const shown = lines.slice(0, rows).map(line => `${line}\x1b[K`);
    print(`\x1b[H${shown.join("\r\n")}\x1b[J`);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    process.removeListener("exit", this.#restore);
    if (this.#input.isTTY) {
      this.#input.setRawMode(this.#wasRaw);
      this.#input.pause();
    }
    try {
      writeAll(STDOUT, LEAVE);
    } catch {
      // The terminal has gone away.
    }
  }
}
