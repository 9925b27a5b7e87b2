import { createWriteStream, type WriteStream } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** What a process says: appended to its file as it is, and handed on line by line. */
export class PartLog {
  readonly #path: string;
  #file: WriteStream;
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#file = open(path);
    this.#onLine = onLine;
  }

  /** True from a write that failed until the next one, which opens the file again. */
  get broken(): boolean {
    return this.#file.destroyed;
  }

  readonly write = (chunk: Buffer): void => {
    if (this.broken) this.#file = open(this.#path);
    this.#file.write(chunk);
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
  };

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }
}

function open(path: string): WriteStream {
  const file = createWriteStream(path, { flags: "a", mode: 0o600 });
  // A full disk must not end the supervisor; the lines still reach the terminal.
  return file.on("error", () => undefined);
}
