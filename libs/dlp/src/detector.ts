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
  /** Something every match holds, cheap to look for: a text without it is not looked at. */
  readonly needs: RegExp;
  /** How two spellings of one value become equal before hashing; by default letters and digits only, in lower case. */
  readonly canonical?: (value: string) => string;
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

/** Whether a word of `words` stands in the `reach` characters before the position, or in the member's name. */
export function hasContext(subject: Subject, at: number, words: RegExp, reach: number): boolean {
  return words.test(subject.text.slice(Math.max(0, at - reach), at)) || words.test(spelledOut(subject.memberName));
}

/** A member's name as words: "dateOfBirth" and "date_of_birth" are "date of birth". */
function spelledOut(name: string): string {
  return name
    .slice(0, 200)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/[_\-.]/g, " ");
}

export const digitsOf = (text: string) => text.replace(/\D/g, "");
