import type { JsonValue } from "@aegis/canonical/ijson";
import { type DetectorName, detectorOf } from "./detectors.ts";
import { normalise, normaliseDecoded } from "./normalise.ts";

export { type DetectorName, detectorNames } from "./detectors.ts";

/** One thing found. It never holds the value. */
export interface Finding {
  /** JSON pointer (RFC 6901) of the string, or of the member whose name it is in. */
  readonly pointer: string;
  readonly detector: DetectorName;
  /** The range [start, end) of the original string, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Found in the member's name, not in its value. */
  readonly inKey: boolean;
}

/**
 * Looks through every string at every depth, and through the names of members. Numbers are left alone: replacing one would change
 * its type, and a type that an agent cannot choose is a parameter rule's matter. Sorted by place: by document order, then by start.
 */
export function scan(value: JsonValue, names: readonly DetectorName[]): Finding[] {
  const found: Finding[] = [];
  const chosen = [...new Set(names)];
  if (chosen.length > 0) visit(value, "", "", chosen, found);
  return found;
}

/** The same for one text on its own; the pointer is "". */
export function scanText(text: string, names: readonly DetectorName[]): Finding[] {
  return find(text, "", { pointer: "", inKey: false }, names);
}

function visit(value: JsonValue, pointer: string, memberName: string, names: readonly DetectorName[], found: Finding[]): void {
  if (typeof value === "string") {
    found.push(...find(value, memberName, { pointer, inKey: false }, names));
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      visit(item, `${pointer}/${index}`, memberName, names, found);
    });
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const at = `${pointer}/${escapePointer(name)}`;
      found.push(...find(name, "", { pointer: at, inKey: true }, names));
      visit(member, at, name, names, found);
    }
  }
}

/** One token of a JSON pointer (RFC 6901 §3). */
export function escapePointer(token: string): string {
  return token.replace(/~/g, "~0").replace(/\//g, "~1");
}

function find(text: string, memberName: string, place: { pointer: string; inKey: boolean }, names: readonly DetectorName[]): Finding[] {
  // The shortest thing any detector finds is "::1".
  if (text.length < 3) return [];
  const found = new Map<string, Finding>();
  const name = memberName === "" ? "" : normalise(memberName).text;
  for (const view of [normalise(text), normaliseDecoded(text)]) {
    if (view === undefined) continue;
    const subject = { text: view.text, memberName: name };
    for (const detector of names) {
      const { shortest, needs, find: findSpans } = detectorOf(detector);
      if (view.text.length < shortest || !needs.test(view.text)) continue;
      for (const span of findSpans(subject)) {
        const { start, end } = view.original(span.start, span.end);
        found.set(`${detector} ${start} ${end}`, { ...place, detector, start, end });
      }
    }
  }
  return found.size === 0 ? [] : settle([...found.values()]);
}

/** Drops what lies inside another match of the same detector, or inside a surer match of another. */
function settle(findings: readonly Finding[]): Finding[] {
  return findings
    .filter((one) => !findings.some((other) => other !== one && covers(other, one)))
    .sort((a, b) => a.start - b.start || b.end - a.end || (a.detector < b.detector ? -1 : 1));
}

function covers(outer: Finding, inner: Finding): boolean {
  if (outer.start > inner.start || outer.end < inner.end) return false;
  if (outer.detector === inner.detector) return outer.start < inner.start || outer.end > inner.end;
  return detectorOf(outer.detector).certainty > detectorOf(inner.detector).certainty;
}
