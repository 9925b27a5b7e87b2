import validator from "validator";
import { base58Check, bech32Check, luhn } from "./checksums.ts";
import { type Detector, matches, type Span } from "./detector.ts";

const digitRun = /\d(?:[ \t\n\r._/-]{0,3}\d){11,}/g;

/** Issuer prefixes and the lengths they come in (ISO/IEC 7812 as published by the networks). */
const brands: readonly { readonly prefix: RegExp; readonly lengths: readonly number[] }[] = [
  { prefix: /^4/, lengths: [13, 16, 19] },
  { prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16] },
  { prefix: /^3[47]/, lengths: [15] },
  { prefix: /^(?:30[0-5]|3095|36|38|39)/, lengths: [14, 16, 19] },
  { prefix: /^(?:6011|64[4-9]|65|62|60|81|82)/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:352[89]|35[3-8])/, lengths: [16, 17, 18, 19] },
  { prefix: /^(?:1800|2131)/, lengths: [15] },
  { prefix: /^(?:50|5[6-9]|6[0-9])/, lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { prefix: /^220[0-4]/, lengths: [16, 17, 18, 19] },
];

export const creditCard: Detector = {
  describes: "a payment card number of 12 to 19 digits, grouped in any way, with a known issuer's prefix and length and the Luhn digit",
  certainty: 3,
  shortest: 12,
  needs: /\d/,
  find({ text }) {
    return matches(digitRun, text).flatMap(({ start, end }) => cardsIn(text.slice(start, end), start));
  },
};

/** Cards in a run of digit groups: a card begins where a group begins and ends where one ends. */
function cardsIn(run: string, offset: number): Span[] {
  const found: Span[] = [];
  let digits = "";
  const places: number[] = [];
  const begins: boolean[] = [];
  for (let at = 0; at < run.length; at++) {
    if (!isDigit(run, at)) continue;
    digits += run.charAt(at);
    places.push(at);
    begins.push(at === 0 || !isDigit(run, at - 1));
  }
  for (let first = 0; first + 12 <= digits.length; first++) {
    if (!begins[first]) continue;
    const length = lengthsFor(digits.slice(first, first + 4)).find((count) => {
      const next = first + count;
      return (next === digits.length || begins[next] === true) && luhn(digits.slice(first, next));
    });
    if (length === undefined) continue;
    found.push({ start: offset + (places[first] ?? 0), end: offset + (places[first + length - 1] ?? 0) + 1 });
    first += length - 1;
  }
  return found;
}

const isDigit = (text: string, at: number) => text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57;

const lengthsByPrefix = new Map<string, readonly number[]>();

/** The lengths that cards with these first four digits come in, longest first. */
function lengthsFor(prefix: string): readonly number[] {
  let lengths = lengthsByPrefix.get(prefix);
  if (lengths === undefined) {
    lengths = [...new Set(brands.filter((brand) => brand.prefix.test(prefix)).flatMap((brand) => brand.lengths))].sort((a, b) => b - a);
    lengthsByPrefix.set(prefix, lengths);
  }
  return lengths;
}

const ibanStart = /(?<![\p{L}\p{N}]|[\p{L}\p{N}]{2})[A-Za-z]{2}\d{2}|(?<=iban)[A-Za-z]{2}\d{2}/giu;
const ibanLetter = /[A-Za-z0-9]/;

export const iban: Detector = {
  describes: "an IBAN (ISO 13616) of any country in the registry, in groups or not, with its modulus-97 digits",
  certainty: 3,
  shortest: 15,
  needs: /\d/,
  find({ text }) {
    return matches(ibanStart, text)
      .map(({ start }) => ({ start, end: ibanEnd(text, start) }))
      .filter(({ end }) => end > 0);
  },
};

/** Tries each place where a group ends, since only the country's own length passes the check. */
function ibanEnd(text: string, start: number): number {
  let letters = "";
  let end = -1;
  for (let at = start; at < text.length && letters.length < 34; at++) {
    const letter = text.charAt(at);
    if (ibanLetter.test(letter)) letters += letter;
    else if (!/[ \-.\t]/.test(letter) || !ibanLetter.test(text.charAt(at + 1))) break;
    if (letters.length >= 15 && !ibanLetter.test(text.charAt(at + 1)) && validator.isIBAN(letters.toUpperCase())) end = at + 1;
  }
  return end;
}

export const cryptoWallet: Detector = {
  describes: "a Bitcoin address (Base58Check, Bech32, Bech32m checksums) or an Ethereum address (0x and 40 hex digits)",
  certainty: 3,
  shortest: 26,
  needs: /[13]|0x|bc1/i,
  canonical: (value) => (/^(?:0x|bc1)/i.test(value) ? value.toLowerCase() : value),
  find: ({ text }) => [
    ...matches(/(?<![A-Za-z0-9])0x[0-9a-fA-F]{40}(?![A-Za-z0-9])/g, text),
    ...matches(/(?<![A-Za-z0-9])[13][1-9A-HJ-NP-Za-km-z]{25,34}(?![A-Za-z0-9])/g, text, base58Check),
    ...matches(/(?<![A-Za-z0-9])bc1[02-9ac-hj-np-z]{11,71}(?![A-Za-z0-9])/gi, text, (match) => bech32Check(match.toLowerCase())),
  ],
};
