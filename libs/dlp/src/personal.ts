import { nhsCheck } from "./checksums.ts";
import { type Detector, digitsOf, hasContext, matches } from "./detector.ts";

const ssnWords = /(?<!\p{L})(?:ssn|social security|soc sec|social)(?!\p{L})/iu;
const ssnPattern = /(?<![\p{L}\d]|\d[-.])(?!000|666|9)\d{3}([- ._/]?)(?!00)\d{2}\1(?!0000)\d{4}(?![\p{L}\d]|[-.]\d)/gu;

export const usSsn: Detector = {
  describes: "a US social security number 3-2-4 in a range that is issued; without separators only near words such as SSN",
  certainty: 3,
  shortest: 9,
  needs: /\d/,
  find: (subject) => matches(ssnPattern, subject.text, (match, at) => match.length > 9 || hasContext(subject, at, ssnWords, 40)),
};

const itinWords = /(?<!\p{L})(?:itin|taxpayer|tax id)(?!\p{L})/iu;
const itinPattern = /(?<![\p{L}\d]|\d[-.])9\d{2}([- .]?)(?:5\d|6[0-5]|7\d|8[0-8]|9[0-2]|9[4-9])\1\d{4}(?![\p{L}\d]|[-.]\d)/gu;

export const usItin: Detector = {
  describes:
    "a US individual taxpayer number (9xx, fourth and fifth digit in an issued range); without separators only near ITIN or tax id",
  certainty: 3,
  shortest: 9,
  needs: /\d/,
  find: (subject) => matches(itinPattern, subject.text, (match, at) => match.length > 9 || hasContext(subject, at, itinWords, 40)),
};

const nhsWords = /(?<!\p{L})(?:nhs|national health)(?!\p{L})/iu;
const nhsPattern = /(?<![\p{L}\d]|\d[-.])\d{3}([ -]?)\d{3}\1\d{4}(?![\p{L}\d]|[-.]\d)/gu;

export const ukNhs: Detector = {
  describes: "a UK NHS number with its modulus-11 digit, in groups 3 3 4 by spaces; in other groupings only near NHS",
  certainty: 2,
  shortest: 10,
  needs: /\d/,
  find: (subject) =>
    matches(nhsPattern, subject.text, (match, at) => {
      if (!nhsCheck(digitsOf(match))) return false;
      return match.charAt(3) === " " || hasContext(subject, at, nhsWords, 40);
    }),
};

const birthWords =
  /(?<!\p{L})(?:dob|d o b|born|birth|birthdate|birthday|date of birth|geboren|geburtsdatum|naissance|nacimiento)(?!\p{L})/iu;
const months =
  "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?";
const year = "(?:19|20)\\d{2}";
const datePattern = new RegExp(
  [
    `(?<![\\p{L}\\d])(?:`,
    `${year}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\\d|3[01])`,
    `|(?:0?[1-9]|[12]\\d|3[01])[-/.](?:0?[1-9]|[12]\\d|3[01])[-/.](?:${year}|\\d{2})`,
    `|(?:0?[1-9]|[12]\\d|3[01])(?:st|nd|rd|th)?[ -](?:of )?(?:${months})\\.?,?[ -]${year}`,
    `|(?:${months})\\.? (?:0?[1-9]|[12]\\d|3[01])(?:st|nd|rd|th)?,? ${year}`,
    `)(?!\\d)`,
  ].join(""),
  "giu",
);

export const dateOfBirth: Detector = {
  describes: "a date in a usual notation near words such as born, DOB, date of birth",
  certainty: 2,
  shortest: 6,
  needs: /\d/,
  find: (subject) => matches(datePattern, subject.text, (_, at) => hasContext(subject, at, birthWords, 40)),
};

const recordWords =
  /(?<!\p{L})(?:mrn|medical record|patient (?:id|no|number|record)|chart (?:id|no|number)|hospital (?:id|no|number))(?!\p{L})/iu;
const recordPattern = /(?<![\p{L}\d])(?:[A-Z]{1,4}-?)?\d{5,12}(?![\p{L}\d])/giu;

export const medicalRecordNumber: Detector = {
  describes: "5 to 12 digits, perhaps after a few letters, near words such as MRN, medical record, patient id",
  certainty: 2,
  shortest: 5,
  needs: /\d/,
  find: (subject) => matches(recordPattern, subject.text, (match, at) => hasContext(subject, at + match.length, recordWords, 48)),
};

const passportWords = /(?<!\p{L})(?:passport|reisepass|passeport|pasaporte)(?!\p{L})/iu;
const passportPattern =
  /(?<![\p{L}\d])(?:[A-Z]{1,2}\d{6,8}|[A-Z]\d{2}[A-Z]{2}\d{4}|[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{7}\d|\d{8,9})(?![\p{L}\d])/giu;

export const passport: Detector = {
  describes: "8 or 9 digits, or letters and digits in a usual passport form, near the word passport",
  certainty: 2,
  shortest: 7,
  needs: /\d/,
  find: (subject) =>
    matches(passportPattern, subject.text, (match, at) => digitsOf(match).length >= 3 && hasContext(subject, at, passportWords, 40)),
};
