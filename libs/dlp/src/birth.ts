import { Kind } from "./characters.ts";
import { spelledOut, withoutPlaceholders } from "./context.ts";
import { type Detector, matches, type Span, type Subject } from "./detector.ts";

const birthWords =
  /(?<!\p{L})(?:dob|d\.? ?o\.? ?b|born|birth|births|birthdate|birthday|bday|geboren|geb|geburtsdatum|geburtstag|naissance|n[eé]e? le|nacimiento|nacid[oa]|nascimento|nascita|nat[oa] il)(?!\p{L})|出生|生年月日|生日|생년월일/iu;
/** What other dates are of. Behind the birth word they say that the date is not the one of birth. */
const otherDates =
  /(?<!\p{L})(?:admitted|admission|discharged?|appointment|visit|seen|issued?|expir\p{L}*|due|signed|updated|created|hired|joined|since|died|death|deceased|married|scheduled|today|dated|effective)(?!\p{L})/iu;
const months =
  "(?:jan|feb|febr|mar|m\u00e4r|apr|abr|avr|may|mai|maj|jun|jui|jul|aug|ago|ao\u00fb|sep|set|oct|okt|out|nov|dec|dez|dic|d\u00e9c)\\p{L}{0,7}";
const day = "(?:0?[1-9]|[12]\\d|3[01])";
const year = "(?:19|20)\\d{2}";

const numeric = /\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}/g;
const yearMark = /(?:19|20)\d{2}|-\d{2}(?!\d)/g;
const anyDate = /\d[-/.]\d{1,2}[-/.]\d|(?:19|20)\d{2}|[A-Za-z]-\d{2}(?!\d)/;
/** Holds wherever `birthWords` does, and is cheaper to look for. */
const perhapsBirth = /born|birth|bday|d\.? ?o\.? ?b|geb|nai|nac|nas|nat|n[e\u00e9]e? |\u751f|\uc0dd/i;
const isoForm = new RegExp(`^${year}[-/.](?:0?[1-9]|1[0-2])[-/.]${day}$`);
const otherForm = new RegExp(`^(?:${day}[-/.](?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[-/.]${day})[-/.](?:${year}|\\d{2})$`);
const dayMonthYear = new RegExp(
  `(?<![\\p{L}\\d])${day}(?:st|nd|rd|th|\\.)?[ -]?(?:of |de )?${months}\\.?,?[ -](?:de |del )?(?:${year}|\\d{2})$`,
  "iu",
);
const monthDayYear = new RegExp(`(?<!\\p{L})${months}\\.?[ -]${day}(?:st|nd|rd|th)?,?[ -]${year}$`, "iu");
const yearMonthDay = new RegExp(
  `^${year}(?:[-. ,]{1,2}${months}[-. ]${day}(?!\\d)|\u5e74\\d{1,2}\u6708\\d{1,2}\u65e5|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\\d|3[01])(?![\\d-]))`,
  "iu",
);

export const dateOfBirth: Detector = {
  describes: "a date in a usual notation, the first one behind words such as born, DOB, date of birth, or right before them",
  certainty: 2,
  shortest: 6,
  needs: Kind.digits3,
  find(subject) {
    if (!anyDate.test(subject.text)) return [];
    const named = subject.memberName !== "" && birthWords.test(spelledOut(subject.memberName));
    if (!named && !perhapsBirth.test(subject.text)) return [];
    const dates = datesIn(subject.text);
    const found: Span[] = [];
    let last: Span | undefined;
    let lastIsBirth = false;
    for (const date of dates) {
      lastIsBirth = named || isBirth(subject, date, last) || (lastIsBirth && last !== undefined && isListed(subject.text, last, date));
      if (lastIsBirth) found.push(date);
      last = date;
    }
    return found;
  },
};

/** A birth word between the date before (at most 40 characters) and this one, or right behind it. */
function isBirth({ text }: Subject, { start, end }: Span, last: Span | undefined): boolean {
  const before = withoutPlaceholders(text.slice(Math.max(last?.end ?? 0, start - 40), start));
  const word = birthWords.exec(before);
  if (word !== null) return !otherDates.test(before.slice(word.index));
  const after = withoutPlaceholders(text.slice(end, end + 24));
  const behind = /^[ ,]{0,2}[([](?=\p{L})/u.test(after) ? birthWords.exec(after.split(/[)\]]/)[0] ?? "") : null;
  return behind !== null;
}

/** "1984-02-29 and 1986-03-01": what holds for the first holds for the next. */
const isListed = (text: string, last: Span, { start }: Span) =>
  start - last.end <= 8 && /^[\s,;&/]*(?:and|or|und|et|y|e)?[\s,;&/]*$/i.test(text.slice(last.end, start));

/** Every date, in order. */
function datesIn(text: string): Span[] {
  const found = matches(numeric, text, (match, at) => {
    if (/[\p{L}\d]/u.test(text.charAt(at - 1)) || /\d/.test(text.charAt(at + match.length))) return false;
    return isoForm.test(match) || otherForm.test(match);
  });
  const written: Span[] = [];
  for (const { start, end } of matches(yearMark, text)) {
    const previous = text.charAt(start - 1);
    if (text.charAt(start) === "-" ? !/[A-Za-z.]/.test(previous) : /\d/.test(previous)) continue;
    const upTo = Math.max(0, start - 32);
    const before = text.slice(upTo, end);
    const from = (monthDayYear.exec(before) ?? dayMonthYear.exec(before))?.index;
    if (from !== undefined) written.push({ start: upTo + from, end });
    else {
      const behind = yearMonthDay.exec(text.slice(start, start + 32));
      if (behind !== null) written.push({ start, end: start + behind[0].length });
    }
  }
  if (written.length === 0) return found;
  return [...found, ...written].sort((a, b) => a.start - b.start || b.end - a.end);
}
