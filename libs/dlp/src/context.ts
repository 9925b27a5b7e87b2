import type { Subject } from "./detector.ts";

/** Where words may stand that say what a number is. */
export interface ContextWords {
  readonly words: RegExp;
  /** How many characters before the match are looked at. */
  readonly before: number;
  /** How many characters behind it, up to the end of the clause; absent: none. */
  readonly after?: number;
}

/** Whether one of the words stands near the range, or in the name of the member that holds the text. */
export function hasContext(subject: Subject, start: number, end: number, { words, before, after }: ContextWords): boolean {
  if (words.test(withoutPlaceholders(subject.text.slice(Math.max(0, start - before), start)))) return true;
  if (after !== undefined && labelsBackwards(subject.text, end, words, after)) return true;
  return subject.memberName !== "" && words.test(spelledOut(subject.memberName));
}

/** "[REDACTED:us_ssn]" says what stood there, not what the next number is; a slice may begin inside one. */
export const withoutPlaceholders = (text: string) => (text.includes("]") ? text.replace(/^[a-z0-9_:]*\]|:[a-z0-9_:]+\]/g, "") : text);

const endOfClause = /[.,;:\n]/;
const belongsToNext = /^[\s'"]{0,3}(?:no|nr|number|id|#)?[.\s]{0,2}[:=#]/i;

/** "1984-02-29 (date of birth)" but not "1984-02-29, date of birth: …", whose words are about what follows. */
function labelsBackwards(text: string, end: number, words: RegExp, reach: number): boolean {
  const slice = withoutPlaceholders(text.slice(end, end + reach));
  const stop = slice.search(endOfClause);
  const clause = stop < 0 ? slice : slice.slice(0, stop);
  const match = words.exec(clause);
  return match !== null && !belongsToNext.test(text.slice(end + match.index + match[0].length, end + reach + 16));
}

/** A member's name as words: "dateOfBirth" and "date_of_birth" are "date of birth". */
export function spelledOut(name: string): string {
  return withoutPlaceholders(name.slice(0, 200))
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/[_\-.]/g, " ");
}

/**
 * What numbers are called that are no personal data. "order no. 415-555-2671" has the form of a telephone number and is none.
 * Only the words right before the number count.
 */
const otherLabels =
  /(?<![\p{L}\d])(?:invoice|order|purchase order|po|ticket|tracking|shipment|parcel|reference|ref|case|account|acct|receipt|booking|confirmation|serial|s\/n|sku|part|model|product|batch|lot|transaction|txn|isbn|issn|ean|upc|version|build|commit|revision|policy|claim|item|article|catalog|catalogue|rechnung|rechnungsnummer|auftrag|bestellung|bestellnummer|facture|commande|pedido|factura|vat|ein|npi|timestamp|epoch|port|licen[cs]e|suite|apartment|apt|room|unit|box|floor|row|line|page|error|code|job|run|session|request|customer|client|member|membership|contract|meter|imei|vin|doi)s?(?:[ ._#:=-]{0,3}(?:no|nr|number|num|id|code|is|was|of)\.?){0,3}[ ._#:='"-]{0,4}$/iu;

/** Whether the words right before a place, or the name of the member, say that the number there is something else. */
export function labelledOtherwise({ text, memberName }: Pick<Subject, "text" | "memberName">, start: number): boolean {
  if (start === 0) return memberName !== "" && otherLabels.test(spelledOut(memberName));
  return otherLabels.test(text.slice(Math.max(0, start - 48), start));
}
