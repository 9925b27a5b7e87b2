import type { JsonValue } from "@aegis/canonical/ijson";
import { escapeSegment } from "@aegis/canonical/pointer";
import { kindsIn, longRunsIn } from "./characters.ts";
import { type NormalisedText, normalise, normaliseDecoded } from "./normalise.ts";
import { builtInDetectors, type Detectors } from "./prepare.ts";

export { type DetectorName, detectorNames } from "./detectors.ts";

/** One thing found. It never holds the value. */
export interface Finding {
  /** JSON pointer (RFC 6901) of the string or number, or of the member whose name it is in. */
  readonly pointer: string;
  /** A built-in detector, or one of the tenant's own. */
  readonly detector: string;
  /** The range [start, end) of the original string, in UTF-16 code units; of a number, of its shortest text (RFC 8785). */
  readonly start: number;
  readonly end: number;
  /** Found in the member's name, not in its value. */
  readonly inKey: boolean;
}

/** What looks: prepared detectors, or the names of built-in ones. */
export type Looking = Detectors | readonly string[];

/**
 * Looks through every string and every whole number at every depth, and through the names of members. Sorted by place: by document
 * order, then by start.
 *
 * @throws AegisError `invalid_argument` for a name that is no built-in detector.
 */
export function scan(value: JsonValue, looking: Looking): Finding[] {
  const found: Finding[] = [];
  const detectors = prepared(looking);
  if (detectors.all.length > 0) visit(value, "", "", { detectors, found, names: namesKnownTo(detectors) });
  return found;
}

/** The same for one text on its own; the pointer is "". */
export function scanText(text: string, looking: Looking): Finding[] {
  return find(text, "", { pointer: "", inKey: false }, prepared(looking));
}

const prepared = (looking: Looking): Detectors => ("all" in looking ? looking : builtInDetectors(looking));

interface Work {
  readonly detectors: Detectors;
  readonly found: Finding[];
  /** Names met before, in this value or in others. */
  readonly names: Map<string, Name>;
  /** Names that are kept for this value alone: a list of records has the same ones over and over. */
  own?: Map<string, Name>;
}

interface Name {
  /** Folded. */
  readonly text: string;
  readonly found: readonly Finding[];
}

/** `memberName` is folded. */
function visit(value: JsonValue, pointer: string, memberName: string, work: Work): void {
  if (typeof value === "string") {
    append(work.found, find(value, memberName, { pointer, inKey: false }, work.detectors));
  } else if (typeof value === "number") {
    const text = numberText(value);
    if (text !== undefined) append(work.found, find(text, memberName, { pointer, inKey: false }, work.detectors));
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      visit(item, `${pointer}/${index}`, memberName, work);
    });
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const at = `${pointer}/${escapeSegment(name)}`;
      const known = nameOf(name, work);
      for (const one of known.found) work.found.push({ ...one, pointer: at });
      visit(member, at, known.text, work);
    }
  }
}

function nameOf(name: string, work: Work): Name {
  const { names, detectors } = work;
  let known = names.get(name) ?? work.own?.get(name);
  if (known === undefined) {
    known = { text: normalise(name).text, found: find(name, "", { pointer: "", inKey: true }, detectors) };
    if (names.size < mostNames && name.length <= longestName && known.found.length === 0) names.set(name, known);
    else {
      work.own ??= new Map();
      work.own.set(name, known);
    }
  }
  return known;
}

/** Calls of one tool have the same names again and again. Long ones are met once, and what holds something found is not kept. */
const mostNames = 2_000;
const longestName = 64;
const knownNames = new WeakMap<Detectors, Map<string, Name>>();

function namesKnownTo(detectors: Detectors): Map<string, Name> {
  let names = knownNames.get(detectors);
  if (names === undefined) {
    names = new Map();
    knownNames.set(detectors, names);
  }
  return names;
}

/** Not by spreading: a string may hold more findings than a call may have arguments. */
function append(found: Finding[], more: readonly Finding[]): void {
  for (const one of more) found.push(one);
}

/** Whole numbers of five digits and more may be somebody's; smaller ones, and measures with a fraction, are nobody's. */
export function numberText(value: number): string | undefined {
  const size = Math.abs(value);
  return Number.isInteger(value) && size >= 10_000 && size < 1e21 ? String(size) : undefined;
}

interface Place {
  readonly pointer: string;
  readonly inKey: boolean;
}

interface Match extends Finding {
  readonly certainty: number;
}

function find(text: string, memberName: string, place: Place, detectors: Detectors): Finding[] {
  if (text === "") return none;
  let found = look(normalise(text), memberName, place, detectors, undefined);
  const decoded = normaliseDecoded(text);
  if (decoded !== undefined) found = look(decoded, memberName, place, detectors, found);
  return found === undefined ? none : settle([...found.values()]);
}

type Matches = Map<string, Match>;

const none: Finding[] = [];

/** What kinds of characters there are is looked up once; a detector that needs others is not asked. */
function look(
  view: NormalisedText,
  memberName: string,
  place: Place,
  detectors: Detectors,
  known: Matches | undefined,
): Matches | undefined {
  let found = known;
  const { text } = view;
  const kinds = kindsIn(text);
  const subject = { text, memberName, longRuns: longRunsIn(text) };
  for (const { name, detector } of detectors.for(kinds)) {
    if (text.length < detector.shortest) continue;
    for (const span of detector.find(subject)) {
      const { start, end } = view.original(span.start, span.end);
      found ??= new Map();
      found.set(`${name} ${start} ${end}`, { ...place, detector: name, start, end, certainty: detector.certainty });
    }
  }
  return found;
}

/** Drops what lies inside another match of the same detector, or inside a surer match of another; sorts by start. */
function settle(matches: Match[]): Finding[] {
  matches.sort((a, b) => a.start - b.start || b.end - a.end || b.certainty - a.certainty || (a.detector < b.detector ? -1 : 1));
  // Whatever covers a match stands before it, so the furthest end seen so far answers whether one does.
  const furthest = new Map<string | number, number>();
  const reaches = (key: string | number, end: number) => (furthest.get(key) ?? -1) >= end;
  const kept: Finding[] = [];
  for (const { certainty, ...finding } of matches) {
    const { detector, end } = finding;
    if (!reaches(detector, end) && !reaches(certainty + 1, end) && !reaches(certainty + 2, end)) kept.push(finding);
    for (const key of [detector, certainty]) furthest.set(key, Math.max(furthest.get(key) ?? -1, end));
  }
  return kept;
}
