import type { JsonValue } from "@aegis/canonical/ijson";

/** What values of one place may be, as it was seen. */
export interface Bound {
  accepts(value: JsonValue): boolean;
  /** Members of a parameter in the policy language, each as YAML text. */
  readonly members: readonly (readonly [name: string, yaml: string])[];
  /** A CEL condition over the expression `path` that says the same; "" where it says nothing. */
  condition(path: string): string;
  /** What was seen, for a comment; it names no single value. */
  readonly note: string;
}

/** Makes a bound of values, or nothing when they are not of its kind. */
export type Candidate = (values: readonly JsonValue[]) => Bound | undefined;

const folds = 5;
const mostTried = 3_000;
/** Of the values that a bound was not shown, it may refuse this share: fewer than one in a thousand. */
const tolerance = 0.001;

/**
 * The first candidate that generalises: made of four fifths of the values it must accept the fifth it was not shown, for each fifth.
 * A list of values passes only when it is complete as far as anybody can tell; an open-ended kind of value falls through to a range or
 * a pattern. `values` are in the order they were seen.
 */
export function narrowest(values: readonly JsonValue[], candidates: readonly Candidate[]): Bound | undefined {
  const tried = values.length <= mostTried ? values : every(values, Math.ceil(values.length / mostTried));
  for (const candidate of candidates) {
    const bound = candidate(values);
    if (bound !== undefined && missed(tried, candidate) <= Math.floor(tried.length * tolerance)) return bound;
  }
  return undefined;
}

/** How many values candidates refuse that were made without them. */
function missed(values: readonly JsonValue[], candidate: Candidate): number {
  if (values.length < 2) return 0;
  let misses = 0;
  for (let fold = 0; fold < folds; fold++) {
    const shown: JsonValue[] = [];
    const kept: JsonValue[] = [];
    values.forEach((value, index) => {
      (foldOf(index) === fold ? kept : shown).push(value);
    });
    if (kept.length === 0) continue;
    const bound = shown.length === 0 ? undefined : candidate(shown);
    misses += bound === undefined ? kept.length : kept.filter((value) => !bound.accepts(value)).length;
  }
  return misses;
}

/** Scattered, so that what repeats with a period is in every fold. */
const foldOf = (index: number): number => (Math.imul(index + 1, 0x9e3779b1) >>> 16) % folds;

function every<T>(values: readonly T[], step: number): T[] {
  return values.filter((_, index) => index % step === 0);
}
