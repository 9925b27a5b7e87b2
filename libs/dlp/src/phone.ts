import { Kind } from "./characters.ts";
import { hasContext, labelledOtherwise } from "./context.ts";
import { type Detector, digitsOf, matches, type Subject } from "./detector.ts";

const words = {
  words:
    /(?<!\p{L})(?:phones?|cep|tel|telephone|telefon|telefonnummer|tel[eé]fono|t[eé]l[eé]phone|telefone|rufnummer|mobile|mobil|m[oó]vil|celular|portable|cell|cellphone|fax|call|calling|sms|whatsapp|reach|dial|ring|answering|handy|landline|hotline|helpline|contact (?:no|number)|contacts?(?=\s{0,2}[:=])|text me)(?!\p{L})|电话|電話|手机|手機|携帯|전화|телефон/iu,
  before: 40,
};
/** RFC 3966 calls it an extension. */
const extension = "(?: ?(?:x|ext\\.?|extension) ?\\d{1,6})?";
const labelBehind = /^[ \-(]{0,2}(?:office|fax|mobile|cell|tel|home|work)(?!\p{L})/iu;
const international = new RegExp(`(?<![\\p{L}\\d+])(?:\\+|00)[ .-]?\\(?[1-9](?:[ .()/-]{0,2}\\d){6,14}${extension}(?![\\p{L}\\d])`, "giu");
const northAmerican = new RegExp(
  `(?<![\\p{L}\\d.-])(?:1[ .-])?(?:\\([2-9]\\d{2}\\) ?|[2-9]\\d{2}[ .-])\\d{3}[ .-]\\d{4}${extension}(?!\\d|-\\d)`,
  "giu",
);
const national =
  /(?<![\p{L}\d]|\d[.,-])(?:\(0[1-9]\d{0,4}\)|0[ -]?\(?[1-9]\d{1,3}\)?|0[1-9]\d{0,3}(?=[ ./-]))(?:[ ./-]{0,2}\d){4,9}(?![\p{L}\d]|[-.]\d)/gu;
const any = new RegExp(`(?<![\\p{L}\\d]|\\d[.,-])\\(?\\d(?:[ .()/-]{0,2}\\d){6,14}${extension}(?!\\d|-\\d)`, "giu");
const date =
  /^(?:(?:19|20)\d{2}[-/.]\d{2}[-/.]\d{2}|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:(?:19|20)\d{2}(?!\d)|\d{2}$))/;

export const phone: Detector = {
  describes:
    "a telephone number: international (+ or 00), North American grouping, grouped with a leading 0, or 7 to 15 digits beside a word such as phone, call, fax",
  certainty: 1,
  shortest: 7,
  needs: Kind.digits7,
  find(subject) {
    const { text } = subject;
    return [
      ...matches(international, text, (match, at) => isInternational(subject, match, at)),
      ...matches(northAmerican, text, (_, at) => !labelledOtherwise(subject, at)),
      ...matches(national, text, (match, at) => isNational(match) && !labelledOtherwise(subject, at)),
      ...matches(any, text, (match, at) => isNamed(subject, match, at)),
    ];
  },
};

function isInternational(subject: Subject, match: string, at: number): boolean {
  const digits = digitsOf(match.replace(/ ?(?:x|ext).*$/i, ""));
  if (match.startsWith("+")) return digits.length <= 15;
  return digits.length >= 11 && digits.length <= 17 && !labelledOtherwise(subject, at);
}

/** In groups, nine to eleven digits, and no date. */
function isNational(match: string): boolean {
  const { length } = digitsOf(match);
  return length >= 9 && length <= 11 && /[ ()./-]/.test(match) && !date.test(match);
}

/** "telephone 202-555-0143, record 8163488": another thing's number, near a telephone's. */
const recordBefore = /record(?: (?:no|nr|number|id)\.?)?[ :#]{0,3}$/i;

function isNamed(subject: Subject, match: string, at: number): boolean {
  const end = at + match.length;
  if (recordBefore.test(subject.text.slice(Math.max(0, at - 24), at))) return false;
  if (date.test(match) || labelledOtherwise(subject, at)) return false;
  return saysPhone(subject, at, end);
}

/** Whether a word for telephones stands near: what has the same form is then a telephone number. */
export const saysPhone = (subject: Subject, start: number, end: number) =>
  hasContext(subject, start, end, words) || labelBehind.test(subject.text.slice(end, end + 16));
