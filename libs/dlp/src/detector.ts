/** The span [start, end) of a normalised text, in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a detector looks at. */
export interface Subject {
  /** Normalised. */
  readonly text: string;
  /** The name of the member that holds the text, normalised; "" when there is none. It counts as context. */
  readonly memberName: string;
  /** Every run of 16 and more letters, digits, "_", "-" and ".": where keys and tokens are. */
  readonly longRuns: readonly Span[];
}

/** Finds one kind of personal data or secret. Deterministic, and linear in the text's length. */
export interface Detector {
  /** What is found, for documentation and for people. */
  readonly describes: string;
  /**
   * How sure a match is: 3 a checksum or an unmistakable form, 2 a form with context, 1 a form alone.
   * A match inside a surer one of another detector is not reported.
   */
  readonly certainty: 1 | 2 | 3;
  /** The shortest match, in normalised characters; a shorter text is not looked at. */
  readonly shortest: number;
  /** Characters of which every match holds one (of `Kind`): a text with none of them is not looked at. */
  readonly needs: number;
  /** How two spellings of one value become equal before hashing; by default letters and digits only, in lower case. */
  readonly canonical?: (value: string) => string;
  /** Whether a mask may show the last four characters; true when absent. */
  readonly maskShowsEnd?: false;
  find(subject: Subject): Span[];
}

/** Every match of a global pattern that `accept` agrees to. */
export function matches(pattern: RegExp, text: string, accept: (match: string, at: number) => boolean = () => true): Span[] {
  const found: Span[] = [];
  // Not matchAll: it makes a new RegExp at each call, which costs more than most searches.
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if (accept(match[0], match.index)) found.push({ start: match.index, end: match.index + match[0].length });
  }
  return found;
}

/** The first group of every match of a global pattern that `accept` agrees to. */
export function captures(pattern: RegExp, text: string, accept: (value: string) => boolean = () => true): Span[] {
  const found: Span[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [start, end] = match.indices?.[1] ?? [0, 0];
    if (accept(text.slice(start, end))) found.push({ start, end });
  }
  return found;
}

export const digitsOf = (text: string) => text.replace(/\D/g, "");

/** Whether the character before a place is a letter or digit of any script. */
export function gluedBefore(text: string, at: number): boolean {
  return at > 0 && isWordUnit(text, at - 1);
}

/** Whether the character at a place is a letter or digit of any script. */
export function gluedAfter(text: string, at: number): boolean {
  return at < text.length && isWordUnit(text, at);
}

const wordCharacter = /[\p{L}\p{N}]/u;

function isWordUnit(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0x80) return (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
  if (unit >= 0xdc00 && unit <= 0xdfff) return wordCharacter.test(text.slice(Math.max(0, at - 1), at + 1));
  return wordCharacter.test(String.fromCodePoint(text.codePointAt(at) as number));
}
