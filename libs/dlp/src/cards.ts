import { Kind } from "./characters.ts";
import { luhn } from "./checksums.ts";
import { hasContext } from "./context.ts";
import { type Detector, matches, type Span, type Subject } from "./detector.ts";

const digitRun = /\d(?:[ \t\n\r._/-]{0,3}\d){11,}/g;

/** Issuer prefixes and the lengths they come in (ISO/IEC 7812 as published by the networks). */
const brands: readonly { readonly prefix: RegExp; readonly lengths: readonly number[]; readonly seldom?: true }[] = [
  { prefix: /^4/, lengths: [13, 16, 19] },
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^(?:30[0-5]|3095|36|38|39)/, lengths: [14, 16, 19] },
  { prefix: /^(?:6011|64[4-9]|65|62|60|81|82)/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:352[89]|35[3-8])/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:1800|2131)/, lengths: [15] },
  { prefix: /^(?:50|5[6-9]|6[0-9])/, lengths: [16] },
  { prefix: /^220[0-4]/, lengths: [16, 17, 18, 19] },
  // Maestro's other lengths and UATP: forms that many other numbers have too.
  { prefix: /^(?:50|5[6-9]|6[0-9])/, lengths: [12, 13, 14, 15, 17, 18, 19], seldom: true },
  { prefix: /^1/, lengths: [15], seldom: true },
  // JCB's range in what was published before it began at 3528.
  { prefix: /^35/, lengths: [16], seldom: true },
];

const words = {
  words:
    /(?<!\p{L})(?:cards?|credit|debit|visa|mastercard|maestro|amex|uatp|discover|jcb|unionpay|pan|cc|ccn|kreditkarte|karte|carte|tarjeta)(?!\p{L})/iu,
  before: 40,
};
/** Letters that may touch a card number; any others make it a part of something else. */
const touching = /(?:^|[^a-z])(?:cc|ccn|cn|pan|card|visa|amex|mastercard|no|nr|num|number)$/i;

export const creditCard: Detector = {
  describes:
    "a payment card number of 13 to 19 digits, grouped in any way, with a known issuer's prefix and length and the Luhn digit; Maestro's other lengths and UATP only near words such as card",
  certainty: 3,
  shortest: 12,
  needs: Kind.digits12,
  find: (subject) => matches(digitRun, subject.text).flatMap(({ start, end }) => cardsIn(subject, start, end)),
};

/** Cards in a run of digit groups: a card begins where a group begins and ends where one ends. */
function cardsIn(subject: Subject, from: number, to: number): Span[] {
  const { text } = subject;
  const found: Span[] = [];
  const digits: string[] = [];
  const places: number[] = [];
  const begins: boolean[] = [];
  for (let at = from; at < to; at++) {
    if (!isDigit(text, at)) continue;
    digits.push(text.charAt(at));
    places.push(at);
    begins.push(at === from || !isDigit(text, at - 1));
  }
  const all = digits.join("");
  let seldomToo: boolean | undefined;
  for (let first = 0; first + 12 <= all.length; first++) {
    const start = places[first] as number;
    if (!begins[first] || isFraction(text, start) || isPartOfWord(text, start)) continue;
    const length = lengthsFor(all.slice(first, first + 4)).find(({ count, seldom }) => {
      const next = first + count;
      if ((next !== all.length && begins[next] !== true) || !luhn(all.slice(first, next))) return false;
      if (isDecimal(text.slice(start, (places[next - 1] as number) + 1))) return false;
      if (!seldom) return true;
      seldomToo ??= hasContext(subject, from, to, words);
      return seldomToo;
    })?.count;
    if (length === undefined) continue;
    found.push({ start, end: (places[first + length - 1] as number) + 1 });
    first += length - 1;
  }
  return found;
}

const isDigit = (text: string, at: number) => text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57;

/** The digits behind the point of "0.4111…" or "12345.411111111111": no card is written in a short group and a very long one. */
function isFraction(text: string, start: number): boolean {
  if (text.charAt(start - 1) !== "." || !isDigit(text, start - 2)) return false;
  const shortGroup = !isDigit(text, start - 3) || !isDigit(text, start - 4) || !isDigit(text, start - 5);
  return shortGroup || /^\d{12}/.test(text.slice(start, start + 12));
}

/** "407358786.4368493": groups of a card are never longer than six digits, when there are groups at all. */
const isDecimal = (written: string) => /^(?:\d{7,}\.\d+|\d+\.\d{7,})$/.test(written);

function isPartOfWord(text: string, start: number): boolean {
  return start > 0 && /[A-Za-z]/.test(text.charAt(start - 1)) && !touching.test(text.slice(Math.max(0, start - 12), start));
}

interface Length {
  readonly count: number;
  readonly seldom: boolean;
}

const lengthsByPrefix = new Map<string, readonly Length[]>();

/** The lengths that cards with these first four digits come in: usual ones first, then the longest. */
function lengthsFor(prefix: string): readonly Length[] {
  let lengths = lengthsByPrefix.get(prefix);
  if (lengths === undefined) {
    const known = new Map<number, Length>();
    for (const brand of brands)
      if (brand.prefix.test(prefix))
        for (const count of brand.lengths) if (!known.has(count)) known.set(count, { count, seldom: brand.seldom === true });
    lengths = [...known.values()].sort((a, b) => Number(a.seldom) - Number(b.seldom) || b.count - a.count);
    lengthsByPrefix.set(prefix, lengths);
  }
  return lengths;
}
