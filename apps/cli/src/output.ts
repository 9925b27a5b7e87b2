import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const unseen = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what `styleText` writes for the styles above
const ownStyles = /(\u001b\[(?:1|2|22|31|32|33|36|39)m)/;

/**
 * A text whose control characters, and marks that reorder what is read, are spelled out (`\\u001b`): names and arguments come from others,
 * and a terminal would obey them. With `styled`, our own styles are left in.
 */
export function visible(text: string, styled = false): string {
  const spelled = (part: string) => part.replace(unseen, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (!styled) return spelled(text);
  return text
    .split(ownStyles)
    .map((part, index) => (index % 2 === 0 ? spelled(part) : part))
    .join("");
}

/**
 * Where a command's words go. With `json`, stdout gets exactly one JSON document; otherwise text for people.
 * Progress goes to stderr either way. Colour is used only on a terminal and honours NO_COLOR.
 */
export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  #written = false;
  #styled = false;

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
    const text = this.json ? JSON.stringify(document) : visible(people(), this.#styled);
    if (text !== "") this.#stdout.write(`${text}\n`);
  }

  /** One more line for people; nothing with `json`. */
  line(text = ""): void {
    if (!this.json) this.#stdout.write(`${visible(text, this.#styled)}\n`);
  }

  progress(text: string): void {
    this.#stderr.write(`${visible(text, this.#styled)}\n`);
  }

  style(style: Style, text: string): string {
    if (this.json) return text;
    const styled = styleText(style, visible(text, this.#styled), { stream: this.#stdout });
    if (styled.includes("\u001b")) this.#styled = true;
    return styled;
  }
}

/** Columns of text, padded, without borders; the last column is not padded. A cell is one line, whatever it holds. */
export function table(header: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => String(cell ?? "").replace(/\r?\n/g, "\\n")));
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
