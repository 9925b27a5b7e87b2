import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/**
 * Where a command's words go. With `json`, stdout gets exactly one JSON document; otherwise text for people.
 * Progress goes to stderr either way. Colour is used only on a terminal and honours NO_COLOR.
 */
export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  #written = false;

  constructor(options: { json: boolean; stdout?: NodeJS.WriteStream; stderr?: NodeJS.WriteStream }) {
    this.json = options.json;
    this.#stdout = options.stdout ?? process.stdout;
    this.#stderr = options.stderr ?? process.stderr;
  }

  /** True once the JSON document is out. */
  get written(): boolean {
    return this.#written;
  }

  /** The command's one result: a JSON document, or what `people` makes of it. */
  result(document: unknown, people: () => string): void {
    this.#written = true;
    const text = this.json ? JSON.stringify(document) : people();
    if (text !== "") this.#stdout.write(`${text}\n`);
  }

  /** One more line for people; nothing with `json`. */
  line(text = ""): void {
    if (!this.json) this.#stdout.write(`${text}\n`);
  }

  progress(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  style(style: Style, text: string): string {
    return this.json ? text : styleText(style, text, { stream: this.#stdout });
  }
}

/** Columns of text, padded, without borders; the last column is not padded. */
export function table(header: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => String(cell ?? "")));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
