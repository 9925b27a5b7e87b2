import type { JsonValue } from "@aegis/canonical/ijson";
import type { Bound, Candidate } from "./bound.ts";

/** Numbers between what was seen, moved outwards: the less is known, the further. */
export const numberRanges: readonly Candidate[] = [counter, range(1.25), range(2), range(5), anyNumber];

/** Whole numbers by chance: of fewer, the next one may have a fraction. */
const wholeFrom = 16;
/** A bound that was met this often is one that the caller keeps to: more often than other values are, or when each was seen so often. */
const metOften = 5;
const timesUsual = 3;
const seenOften = 20;

function range(widen: number): Candidate {
  return (values) => {
    const seen = summary(values);
    if (seen === undefined) return undefined;
    const { least, greatest, metLeast, metGreatest, whole, count, distinct } = seen;
    const usual = count / distinct;
    const often = usual >= seenOften ? usual / timesUsual : Math.max(metOften, count / 100, timesUsual * usual);
    // A bound that many calls meet exactly needs no margin; else the true one lies further out.
    const max = metGreatest >= often && greatest !== least ? greatest : outwards(greatest, widen);
    const min = metLeast >= often && greatest !== least ? least : -outwards(-least, 2 * widen);
    return bound(min, max, whole, seen);
  };
}

/** A number that grows from call to call, as an id or a time does: the next ones are larger, and have the same number of digits or one more. */
function counter(values: readonly JsonValue[]): Bound | undefined {
  const seen = summary(values);
  if (seen === undefined || !seen.whole || seen.count < 20 || seen.least < 0 || seen.distinct < 0.9 * seen.count) return undefined;
  if (correlationWithOrder(values as readonly number[]) < 0.9) return undefined;
  const max = 10 ** Math.ceil(Math.log10(Math.max(1, 2 * seen.greatest)));
  return bound(-outwards(-seen.least, 1.25), max, true, seen, ", growing");
}

function anyNumber(values: readonly JsonValue[]): Bound | undefined {
  const seen = summary(values);
  return seen && { ...bound(-Infinity, Infinity, seen.whole, seen), accepts: (value) => typeof value === "number" };
}

interface Summary {
  readonly least: number;
  readonly greatest: number;
  readonly metLeast: number;
  readonly metGreatest: number;
  readonly whole: boolean;
  readonly count: number;
  readonly distinct: number;
}

function summary(values: readonly JsonValue[]): Summary | undefined {
  let least = Infinity;
  let greatest = -Infinity;
  let whole = true;
  for (const value of values) {
    if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    whole &&= Number.isInteger(value);
  }
  if (values.length === 0) return undefined;
  const met = (bound: number) => values.filter((value) => value === bound).length;
  return {
    least,
    greatest,
    metLeast: met(least),
    metGreatest: met(greatest),
    whole: whole && values.length >= wholeFrom,
    count: values.length,
    distinct: new Set(values).size,
  };
}

/** Away from zero by the factor when positive, towards zero by it when negative; then to two digits, outwards again. */
function outwards(value: number, widen: number): number {
  const moved = value >= 0 ? value * widen : value / widen;
  if (moved === 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(moved))) - 1);
  return Number((Math.ceil(moved / unit) * unit).toPrecision(12));
}

function bound(least: number, greatest: number, whole: boolean, seen: Summary, more = ""): Bound {
  const limit = (value: number) => Math.min(Number.MAX_SAFE_INTEGER, Math.max(-Number.MAX_SAFE_INTEGER, value));
  const min = least === -Infinity ? undefined : limit(whole ? Math.floor(least) : least);
  const max = greatest === Infinity ? undefined : limit(whole ? Math.ceil(greatest) : greatest);
  const members: [string, string][] = [["type", whole ? "integer" : "number"]];
  if (min !== undefined) members.push(["min", String(min)]);
  if (max !== undefined) members.push(["max", String(max)]);
  return {
    accepts: (value) =>
      typeof value === "number" && (!whole || Number.isInteger(value)) && value >= (min ?? -Infinity) && value <= (max ?? Infinity),
    members,
    condition: (path) => `${path} >= ${decimal(min ?? -Number.MAX_VALUE)} && ${path} <= ${decimal(max ?? Number.MAX_VALUE)}`,
    note: `${seen.least} to ${seen.greatest}${more}`,
  };
}

/** CEL tells 1 from 1.0, and JSON does not. */
const decimal = (value: number): string => (Number.isInteger(value) && !String(value).includes("e") ? `${value}.0` : String(value));

/** Pearson's, between the values and their places. */
function correlationWithOrder(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const middle = (n - 1) / 2;
  let together = 0;
  let own = 0;
  let places = 0;
  values.forEach((value, index) => {
    together += (value - mean) * (index - middle);
    own += (value - mean) ** 2;
    places += (index - middle) ** 2;
  });
  return own === 0 ? 0 : together / Math.sqrt(own * places);
}
