import { AegisError } from "@aegis/contracts/errors";

/** The error for a text that is not I-JSON; `offset` counts UTF-16 code units. It never quotes the text, which may hold secrets. */
export function refuse(why: string, offset?: number): AegisError {
  return new AegisError("invalid_argument", offset === undefined ? `not I-JSON: ${why}` : `not I-JSON: ${why} at offset ${offset}`);
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** A position in a JSON text, and the tokens of RFC 8259 read from there. */
export class Cursor {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next character; "" at the end. */
  peek(): string {
    return this.#text.charAt(this.at);
  }

  skipSpace(): void {
    for (; ; this.at++) {
      const code = this.#text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  takeIf(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  take(character: string): void {
    if (!this.takeIf(character)) throw refuse(`expected ${JSON.stringify(character)}`, this.at);
  }

  readString(): string {
    const start = this.at;
    this.take('"');
    let value = "";
    let escaped = false;
    for (;;) {
      const from = this.at;
      this.#skipPlain();
      value += this.#text.slice(from, this.at);
      if (this.takeIf('"')) break;
      if (!this.takeIf("\\")) throw refuse(this.peek() === "" ? "an unterminated string" : "a control character in a string", this.at);
      value += this.#readEscape();
      escaped = true;
    }
    if (escaped && !value.isWellFormed()) throw refuse("an unpaired surrogate", start);
    return value;
  }

  /** A number, true, false or null. */
  readScalar(): number | boolean | null {
    if (this.#takeWord("true")) return true;
    if (this.#takeWord("false")) return false;
    if (this.#takeWord("null")) return null;
    const start = this.at;
    numberPattern.lastIndex = start;
    const match = numberPattern.exec(this.#text);
    if (match === null) throw refuse("expected a value", start);
    this.at += match[0].length;
    return toDouble(match[0], match[1] === undefined && match[2] === undefined, start);
  }

  /** Goes on to the next quote, backslash, control character or the end. */
  #skipPlain(): void {
    for (; this.at < this.#text.length; this.at++) {
      const code = this.#text.charCodeAt(this.at);
      if (code === 0x22 || code === 0x5c || code < 0x20) return;
    }
  }

  #readEscape(): string {
    const letter = this.peek();
    if (letter === "u") {
      const hex = this.#text.slice(this.at + 1, this.at + 5);
      if (!/^[0-9A-Fa-f]{4}$/.test(hex)) throw refuse("a faulty \\u escape", this.at);
      this.at += 5;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    if (letter === "" || !Object.hasOwn(escapes, letter)) throw refuse("an unknown escape", this.at);
    this.at++;
    return escapes[letter] as string;
  }

  #takeWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }
}

/** RFC 7493 §2.2: a receiver that reads doubles must not silently take another number than the one that was written. */
function toDouble(text: string, integer: boolean, offset: number): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw refuse("a number too large for a double", offset);
  if (value === 0 && /[1-9]/.test(text.split(/[eE]/)[0] ?? "")) throw refuse("a number too small for a double", offset);
  // Above 2^53 a writer spells either the double's exact value or its shortest spelling (ECMAScript does); anything else meant another number.
  if (integer && !Number.isSafeInteger(value) && String(value) !== text && BigInt(text) !== BigInt(value)) {
    throw refuse("an integer that a double cannot hold", offset);
  }
  return value;
}
