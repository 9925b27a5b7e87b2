/** A text as detectors read it, and the way back to the text as it was. */
export interface NormalisedText {
  readonly text: string;
  /** The range [start, end) of the original, in UTF-16 code units, that the range of `text` came from. */
  original(start: number, end: number): { readonly start: number; readonly end: number };
}

const plain = /^[\t\n\r\x20-\x7e]*$/;
const ignored = /^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{M}]$/u;
const control = /^\p{Cc}$/u;
const percent = /%([2-7][0-9A-Fa-f])/g;

/**
 * Folds a text so that spelling hides nothing: compatibility forms (full-width, circled, mathematical) become what they look like
 * (NFKC), decimal digits of every script become ASCII, dashes become "-", spaces become " ", and what shows nothing is dropped:
 * zero-width characters, soft hyphens, direction marks, control characters, and combining marks.
 */
export function normalise(text: string): NormalisedText {
  if (plain.test(text)) return { text, original: (start, end) => ({ start, end }) };
  const folded = new Folded();
  folded.addAll(text, 0);
  return folded.done();
}

/** The same text with its percent-encoded ASCII decoded (RFC 3986 §2.1), as a URL's receiver would read it; undefined when it has none. */
export function normaliseDecoded(text: string): NormalisedText | undefined {
  if (!text.includes("%") || text.search(percent) < 0) return undefined;
  const folded = new Folded();
  let at = 0;
  for (const match of text.matchAll(percent)) {
    at = folded.addAll(text.slice(at, match.index), at);
    folded.add(String.fromCharCode(Number.parseInt(match[1] as string, 16)), at, at + 3);
    at += 3;
  }
  folded.addAll(text.slice(at), at);
  return folded.done();
}

class Folded {
  #text = "";
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #seen = new Map<string, string>();

  /** Folds and adds a piece that starts at `from` of the original; returns where it ends. */
  addAll(piece: string, from: number): number {
    let at = from;
    for (const character of piece) {
      let folded = this.#seen.get(character);
      if (folded === undefined) {
        folded = fold(character);
        this.#seen.set(character, folded);
      }
      this.add(folded, at, at + character.length);
      at += character.length;
    }
    return at;
  }

  add(folded: string, start: number, end: number): void {
    this.#text += folded;
    for (let unit = 0; unit < folded.length; unit++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  done(): NormalisedText {
    const starts = this.#starts;
    const ends = this.#ends;
    return {
      text: this.#text,
      original: (start, end) => (start === end ? { start: 0, end: 0 } : { start: starts[start] ?? 0, end: ends[end - 1] ?? 0 }),
    };
  }
}

function fold(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x20 && code <= 0x7e) return character;
  if (character === "\t" || character === "\n" || character === "\r") return character;
  if (ignored.test(character) || control.test(character)) return "";
  const compatible = character.normalize("NFKC");
  return [...compatible].map(foldOne).join("");
}

function foldOne(character: string): string {
  if (/^\p{Nd}$/u.test(character)) return String(digitValue(character));
  if (/^\p{Zs}$/u.test(character)) return " ";
  if (/^[\p{Pd}\u2212]$/u.test(character)) return "-";
  if (ignored.test(character)) return "";
  return character;
}

/** Unicode keeps the ten decimal digits of a script together and in order, so the value is the distance to the first. */
function digitValue(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--;
  // Neighbouring scripts' digit blocks start at multiples of their own ten; the mathematical digits alone run on, and NFKC has folded those.
  return code - zero;
}
