import { Kind } from "./characters.ts";
import { hasContext, labelledOtherwise } from "./context.ts";
import { type Detector, digitsOf, gluedAfter, matches, type Span, type Subject } from "./detector.ts";

const recordWords = {
  words:
    /(?<!\p{L})(?:mrns?|m\.? ?r\.? ?n\.?|mr ?#|med(?:ical)? rec(?:ord)?s?|medical (?:id|no|number)|health record|patient(?:'s)? (?:id|no|nr|number|record|identifier|#)|patient ?#|medical chart|chart (?:id|no|number|#)|hospital (?:id|no|number)|patientennummer|patienten id)(?!\p{L})/iu,
  before: 48,
  after: 32,
};
/** Holds wherever `recordWords` does, and is cheaper to look for. */
const perhapsRecord = /m\.? ?r\.? ?n|mr ?#|rec|chart|dossier|hospital|patient|med[il1]cal/i;
/** "record 1234567" is a patient's where the text is about one, and so is a number in brackets behind a patient's name. */
const bareRecord =
  /(?<!\p{L})(?:(?:m\.? ?r\.? ?n\.?|record|rec|chart|dossier|(?:med[il1]cal|patient)[ -]file)(?: (?:no|nr|number|id|key|ref|reference)\.?)?(?:[^.:;\d\n]{0,40} is)?|patient:? (?:\p{Lu}[\p{L}'.-]{0,40},? ){1,4}[([])[\\"' ]{0,3}(?:[:=#|>]{1,2}|(?<= )\/|(?: ?\.){1,3})?[\\"' ]{0,3}$/iu;
const clinical =
  /(?<!\p{L})(?:patients?|pt|dob|birth(?:date)?|born|naissance|clinic(?:al|ian)?|hospital|medical|physicians?|diagnos[ei]s|implant|encounter|mg)(?!\p{L})/iu;
/** In halves by a slash only right behind the word: so are dates and account numbers written, too. */
const recordDigits = /\d(?:-?\d){4,11}|(?!(?:19|20)\d{2}\/)\d{3,5}\/\d{3,5}/g;
const date = /^(?:(?:19|20)\d{2}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/](?:19|20)\d{2}|\d{1,2}\/\d{1,2}\/\d{2}(?!\d))/;

export const medicalRecordNumber: Detector = {
  describes:
    "5 to 12 digits, in groups by hyphens or not, perhaps after up to four letters, near words such as MRN, medical record, patient id",
  certainty: 2,
  shortest: 5,
  needs: Kind.digits5,
  find(subject) {
    const { text } = subject;
    const found: Span[] = [];
    let known: boolean | undefined;
    // Once for a text, however many numbers it has.
    const isClinical = () => {
      known ??= clinical.test(text);
      return known;
    };
    if (!perhapsRecord.test(text) && !perhapsRecord.test(subject.memberName)) return found;
    for (const digits of matches(recordDigits, text)) {
      if (gluedAfter(text, digits.end) || date.test(text.slice(digits.start, digits.end))) continue;
      const start = withLetters(text, digits.start);
      // The letters themselves may be the word: MRN-0012345.
      if (start >= 0 && isRecord(subject, digits, start, isClinical)) found.push({ start, end: digits.end });
    }
    return found;
  },
};

function isRecord(subject: Subject, digits: Span, start: number, isClinical: () => boolean): boolean {
  const { text } = subject;
  if (bareRecord.test(text.slice(Math.max(0, start - 96), start)) && isClinical()) return true;
  if (text.slice(digits.start, digits.end).includes("/") || labelledOtherwise(subject, start)) return false;
  return hasContext(subject, digits.start, digits.end, recordWords);
}

/** Where a number starts that up to four letters, and perhaps a hyphen, belong to; -1 when it is part of a longer word. */
function withLetters(text: string, start: number): number {
  const before = text.slice(Math.max(0, start - 6), start);
  if (/mrn-?$/i.test(before)) return start;
  const letters = /(?<![A-Za-z0-9])(?:[A-Za-z]{1,4}-?)?$/.exec(before);
  if (letters === null) return -1;
  return /^mrn-?$/i.test(letters[0]) ? start : start - letters[0].length;
}

const passportWords = {
  words:
    /(?<!\p{L})(?:passports?|reisepass|passnummer|pass-? ?nr|passeport|pasaporte|passaporto|passaporte|paspoort|paszport|travel document)(?!\p{L})|паспорт|여권|护照|護照|パスポート/iu,
  before: 40,
  after: 32,
};
const passportForm =
  /^(?:[A-Z]{1,3}\d{6,8}|[A-Z]\d{2}[A-Z]{2}\d{4}|[A-Z]\d{3}[A-Z]\d{4}|\d{2}[A-Z]{2}\d{5}|[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{7}\d|\d{8,9})$/i;
const compactDate = /^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/;

export const passport: Detector = {
  describes:
    "7 to 9 letters and digits in a form that passports have (up to three letters before digits, 8 or 9 digits, ICAO mixes), near the word passport",
  certainty: 2,
  shortest: 7,
  needs: Kind.digits3,
  find(subject) {
    const found: Span[] = [];
    for (const digit of digitWords(subject.text)) {
      const length = digit.end - digit.start;
      if (length < 7 || length > 11) continue;
      const word = subject.text.slice(digit.start, digit.end);
      if (!passportForm.test(word) || digitsOf(word).length < 3 || compactDate.test(word)) continue;
      if (!labelledOtherwise(subject, digit.start) && hasContext(subject, digit.start, digit.end, passportWords)) found.push(digit);
    }
    return found;
  },
};

const anyDigit = /\d/g;

/** Every word of ASCII letters and digits that has a digit. */
function digitWords(text: string): Span[] {
  const found: Span[] = [];
  anyDigit.lastIndex = 0;
  for (let match = anyDigit.exec(text); match !== null; match = anyDigit.exec(text)) {
    let start = match.index;
    while (start > 0 && isAlphanumeric(text.charCodeAt(start - 1))) start--;
    let end = match.index + 1;
    while (end < text.length && isAlphanumeric(text.charCodeAt(end))) end++;
    found.push({ start, end });
    anyDigit.lastIndex = end;
  }
  return found;
}

const isAlphanumeric = (unit: number) => (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
