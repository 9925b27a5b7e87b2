import { Kind } from "./characters.ts";
import { nhsCheck } from "./checksums.ts";
import { type ContextWords, hasContext, labelledOtherwise } from "./context.ts";
import { type Detector, digitsOf, matches, type Subject } from "./detector.ts";
import { saysPhone } from "./phone.ts";

const ssnWords: ContextWords = {
  words: /(?<!\p{L})(?:ssns?|social security|soc sec|social|sozialversicherung)(?!\p{L})/iu,
  before: 40,
  after: 32,
};
/** Printed in advertisements and leaflets, and void since (SSA). */
const voidSsn = /^(?:078051120|219099999)$/;
const ssnPattern = /(?<![\p{L}\d+]|\d[-.]|\+\d{1,3}[ -])(?!000|666|9)\d{3}[- ._/]?(?!00)\d{2}[- ._/]?(?!0000)\d{4}(?![\p{L}\d]|[-.]\d)/gu;

export const usSsn: Detector = {
  describes:
    "a US social security number 3-2-4 in a range that is issued; without separators, or with unlike ones, only near words such as SSN",
  certainty: 3,
  shortest: 9,
  needs: Kind.digits9,
  find: (subject) =>
    matches(ssnPattern, subject.text, (match, at) => !voidSsn.test(digitsOf(match)) && inGroups(subject, match, at, ssnWords)),
};

const itinWords: ContextWords = { words: /(?<!\p{L})(?:itins?|taxpayer|tax id)(?!\p{L})/iu, before: 40, after: 32 };
const itinPattern = /(?<![\p{L}\d]|\d[-.])9\d{2}[- .]?(?:5\d|6[0-5]|7\d|8[0-8]|9[0-2]|9[4-9])[- .]?\d{4}(?![\p{L}\d]|[-.]\d)/gu;

export const usItin: Detector = {
  describes:
    "a US individual taxpayer number (9xx, fourth and fifth digit in an issued range); without separators, or with unlike ones, only near ITIN or tax id",
  certainty: 3,
  shortest: 9,
  needs: Kind.digits9,
  find: (subject) => matches(itinPattern, subject.text, (match, at) => inGroups(subject, match, at, itinWords)),
};

/** In groups of three, two and four parted alike, in any other form only near the words; and not called something else. */
function inGroups(subject: Subject, match: string, at: number, words: ContextWords): boolean {
  const alike = match.length === 11 && match.charAt(3) === match.charAt(6);
  if (labelledOtherwise(subject, at)) return false;
  return alike || hasContext(subject, at, at + match.length, words);
}

const nhsWords: ContextWords = { words: /(?<!\p{L})(?:nhs|national health)(?!\p{L})/iu, before: 40, after: 32 };
const nhsPattern = /(?<![\p{L}\d+]|\d[-.]|\+\d{1,3}[ -])\d{3}([ -]?)\d{3}\1\d{4}(?![\p{L}\d]|[-.]\d)/gu;
const repeated = /^(\d)\1*$/;

export const ukNhs: Detector = {
  describes:
    "a UK NHS number with its modulus-11 digit, in groups 3 3 4; near NHS in any form; in groups by hyphens only when it can be no North American telephone number",
  certainty: 2,
  shortest: 10,
  needs: Kind.digits9,
  find: (subject) =>
    matches(nhsPattern, subject.text, (match, at) => {
      const digits = digitsOf(match);
      if (!nhsCheck(digits) || repeated.test(digits)) return false;
      if (hasContext(subject, at, at + match.length, nhsWords)) return true;
      const grouped = match.charAt(3) === " " || (match.charAt(3) === "-" && !/^[2-9]\d{2}[2-9]/.test(digits));
      return grouped && !saysPhone(subject, at, at + match.length) && !labelledOtherwise(subject, at);
    }),
};
