import { Kind } from "./characters.ts";
import { base58Check, ibanCheck, segwitCheck } from "./checksums.ts";
import { type Detector, gluedAfter, matches, type Span } from "./detector.ts";
import { ibanForm } from "./iban-registry.ts";

const ibanStart = /(?<![\p{L}\p{N}]|[\p{L}\p{N}]{2})[A-Za-z]{2}\d{2}|(?<=iban)[A-Za-z]{2}\d{2}/giu;
const ibanLetter = /[A-Za-z0-9]/;

export const iban: Detector = {
  describes: "an IBAN (ISO 13616) of any country in the registry, in groups or not, with its country's structure and its modulus-97 digits",
  certainty: 3,
  shortest: 15,
  needs: Kind.digits5,
  find({ text }) {
    return matches(ibanStart, text)
      .map(({ start }) => ({ start, end: ibanEnd(text, start) }))
      .filter(({ end }) => end > 0);
  },
};

/** The end of the IBAN that starts there; -1 when there is none. Groups are parted by one separator. */
function ibanEnd(text: string, start: number): number {
  const form = ibanForm(text.slice(start, start + 2).toUpperCase());
  if (form === undefined) return -1;
  let letters = "";
  let at = start;
  for (; at < text.length && letters.length < form.length; at++) {
    const letter = text.charAt(at);
    if (ibanLetter.test(letter)) letters += letter;
    else if (!/[ \-.\t]/.test(letter) || !ibanLetter.test(text.charAt(at + 1))) return -1;
  }
  const whole = letters.toUpperCase();
  return whole.length === form.length && !gluedAfter(text, at) && form.form.test(whole) && ibanCheck(whole) ? at : -1;
}

const etherForm = /^0x[0-9a-fA-F]{40}$/;
const base58Form = /^[1-9A-HJ-NP-Za-km-z]{25,35}$/;
const segwitForm = /^(?:(?:bc|tb|bcrt|ltc|tltc)1[02-9ac-hj-np-z]{11,71}|(?:BC|TB|BCRT|LTC|TLTC)1[02-9AC-HJ-NP-Z]{11,71})$/;

export const cryptoWallet: Detector = {
  describes:
    "a Bitcoin, Litecoin, Dogecoin, Dash or Tron address (Base58Check; Bech32 and Bech32m of segregated witness) or an Ethereum address (0x and 40 hex digits)",
  certainty: 3,
  shortest: 25,
  needs: Kind.any,
  canonical: (value) => (/^(?:0x|(?:bc|tb|bcrt|ltc|tltc)1)/i.test(value) ? value.toLowerCase() : value),
  find({ text, longRuns }) {
    const found: Span[] = [];
    for (const run of longRuns) {
      let start = run.start;
      for (let at = run.start; at <= run.end; at++) {
        if (at < run.end && ibanLetter.test(text.charAt(at))) continue;
        // Letters of another script touching the run make no difference: no address is part of a word.
        if (at - start >= 25 && at - start <= 90 && isWallet(text.slice(start, at))) found.push({ start, end: at });
        start = at + 1;
      }
    }
    return found;
  },
};

function isWallet(word: string): boolean {
  if (etherForm.test(word)) return true;
  if (segwitForm.test(word)) return segwitCheck(word.toLowerCase());
  return base58Form.test(word) && base58Check(word);
}
