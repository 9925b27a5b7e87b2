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
  if (plain.test(text)) return asIs(text);
  const folded = new Folded();
  folded.addAll(text, 0, text.length);
  return folded.done();
}

/** The same text with its percent-encoded ASCII decoded (RFC 3986 §2.1), as a URL's receiver would read it; undefined when it has none. */
export function normaliseDecoded(text: string): NormalisedText | undefined {
  if (!text.includes("%") || text.search(percent) < 0) return undefined;
  const folded = new Folded();
  let at = 0;
  for (const match of text.matchAll(percent)) {
    folded.addAll(text, at, match.index);
    at = match.index + 3;
    folded.add(String.fromCharCode(Number.parseInt(match[1] as string, 16)), match.index, at);
  }
  folded.addAll(text, at, text.length);
  return folded.done();
}

const asIs = (text: string): NormalisedText => ({ text, original: (start, end) => ({ start, end }) });

/** A stretch of the folded text: copied as it is, or standing for one character of the original that became something else. */
interface Stretch {
  /** Where it starts in the folded text. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly copied: boolean;
}

/** Collects a folded text. What folding leaves alone is copied in stretches: a text of accented letters costs little more than a plain one. */
class Folded {
  readonly #pieces: string[] = [];
  readonly #stretches: Stretch[] = [];
  #length = 0;

  /** Folds and adds the range [from, to) of the original. */
  addAll(text: string, from: number, to: number): void {
    let copied = from;
    for (let at = from; at < to; ) {
      const unit = text.charCodeAt(at);
      if (unit < 0x80 ? isPlain(unit) : knownToStay(unit)) {
        at++;
        continue;
      }
      const character = String.fromCodePoint(text.codePointAt(at) as number);
      const end = Math.min(at + character.length, to);
      const folded = foldKnown(character);
      if (folded !== character) {
        this.#copy(text, copied, at);
        this.add(folded, at, end);
        copied = end;
      }
      at = end;
    }
    this.#copy(text, copied, to);
  }

  add(folded: string, start: number, end: number): void {
    if (folded === "") return;
    this.#stretches.push({ at: this.#length, start, end, copied: false });
    this.#pieces.push(folded);
    this.#length += folded.length;
  }

  #copy(text: string, start: number, end: number): void {
    if (start >= end) return;
    this.#stretches.push({ at: this.#length, start, end, copied: true });
    this.#pieces.push(text.slice(start, end));
    this.#length += end - start;
  }

  done(): NormalisedText {
    const stretches = this.#stretches;
    const [first] = stretches;
    const text = this.#pieces.join("");
    if (stretches.length === 1 && first?.copied && first.start === 0) return asIs(text);
    const startOf = (at: number) => {
      const stretch = stretchAt(stretches, at);
      return stretch.copied ? stretch.start + at - stretch.at : stretch.start;
    };
    const endOf = (at: number) => {
      const stretch = stretchAt(stretches, at);
      return stretch.copied ? stretch.start + at - stretch.at + 1 : stretch.end;
    };
    return { text, original: (start, end) => (start >= end ? { start: 0, end: 0 } : { start: startOf(start), end: endOf(end - 1) }) };
  }
}

/** The stretch that holds a place of the folded text. */
function stretchAt(stretches: readonly Stretch[], at: number): Stretch {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((stretches[middle] as Stretch).at <= at) low = middle;
    else high = middle - 1;
  }
  return stretches[low] as Stretch;
}

const isPlain = (unit: number) => (unit >= 0x20 && unit <= 0x7e) || unit === 9 || unit === 10 || unit === 13;

/** Per UTF-16 code unit: 1 when the character it is folds to itself. Filled as characters are met. */
const stays = new Uint8Array(0x10000);
const knownToStay = (unit: number) => stays[unit] === 1;

/** What characters of the basic plane become that do not stay; at most a few thousand ever do. */
const becomes = new Map<string, string>();

function foldKnown(character: string): string {
  const known = becomes.get(character);
  if (known !== undefined) return known;
  const folded = fold(character);
  if (character.length === 1 && folded === character) stays[character.charCodeAt(0)] = 1;
  else if (character.length === 1) becomes.set(character, folded);
  return folded;
}

function fold(character: string): string {
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
