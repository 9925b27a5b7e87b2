const rewriteMs = 100;
const lineMs = 2_000;

/**
 * How far long work is, on stderr: one line that is rewritten on a terminal, a line every two seconds elsewhere. Short work says nothing
 * where nobody looks.
 */
export class Progress implements Disposable {
  readonly #what: string;
  readonly #terminal: boolean;
  readonly #write: (text: string) => void;
  #told = performance.now();
  #drawn = false;

  /** `what` is counted: "records". */
  constructor(what: string, stderr: Pick<NodeJS.WriteStream, "write" | "isTTY"> = process.stderr) {
    this.#what = what;
    this.#terminal = stderr.isTTY === true;
    this.#write = (text) => stderr.write(text);
  }

  tell(done: number): void {
    const now = performance.now();
    if (now - this.#told < (this.#terminal ? rewriteMs : lineMs)) return;
    this.#told = now;
    const text = `${done.toLocaleString("en-US")} ${this.#what}`;
    this.#write(this.#terminal ? `\r\u001b[K${text}` : `${text}\n`);
    this.#drawn = true;
  }

  /** Leaves a terminal's line clean. */
  [Symbol.dispose](): void {
    if (this.#terminal && this.#drawn) this.#write("\r\u001b[K");
  }
}
