import type { JsonValue } from "@aegis/canonical/ijson";
import type { ScalarValue } from "../../ir.ts";
import type { Bound, Candidate } from "./bound.ts";

const longestMember = 100;
const mostCharacters = 2_000;
/** Of each listed value there must be so many sightings on average, or the list is not worth its name. */
const sightings = 8;

/** A closed list of plain values. */
export const choice =
  (most: number): Candidate =>
  (values) => {
    const counts = new Map<ScalarValue, number>();
    for (const value of values) {
      if (typeof value === "object" && value !== null) return undefined;
      counts.set(value, (counts.get(value) ?? 0) + 1);
      if (counts.size > most) return undefined;
    }
    if (counts.size === 0 || values.length < sightings * counts.size) return undefined;
    const members = [...counts.keys()].sort((a, b) =>
      typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1,
    );
    const spelled = members.map((member) => JSON.stringify(member));
    if (spelled.some((text) => text.length > longestMember) || spelled.join().length > mostCharacters) return undefined;
    return listBound(members, spelled);
  };

/** A word among numbers is an identifier only by accident of few calls: numbers are listed only when they are few and whole. */
export const numberChoice: Candidate = (values) =>
  values.length >= 100 && values.every((value) => Number.isSafeInteger(value)) ? choice(10)(values) : undefined;

/** Always the same: worth saying only when it was seen often enough. */
export const constant: Candidate = (values) => (values.length >= 50 ? choice(1)(values) : undefined);

function listBound(members: readonly ScalarValue[], spelled: readonly string[]): Bound {
  const allowed = new Set<JsonValue>(members);
  const list = `[${spelled.join(", ")}]`;
  return {
    accepts: (value) => allowed.has(value),
    members: [["enum", list]],
    condition: (path) => `${path} in ${list}`,
    note: members.length === 1 ? "always the same" : `${members.length} values`,
  };
}
