import { escapeSegment, segmentsOf } from "@aegis/canonical/pointer";

/** The value a JSON pointer (RFC 6901) names; undefined when there is none. */
export function at(value: unknown, pointer: string): unknown {
  if (pointer === "") return value;
  let found = value;
  for (const key of segmentsOf(pointer)) {
    if (typeof found !== "object" || found === null) return undefined;
    if (Array.isArray(found) && !/^(0|[1-9]\d*)$/.test(key)) return undefined;
    if (!Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/** Every string, number, boolean and null in a value, by its pointer, in order; at most `limit`. */
export function leaves(value: unknown, limit: number): [pointer: string, leaf: string | number | boolean | null][] {
  const found: [string, string | number | boolean | null][] = [];
  const visit = (part: unknown, pointer: string): void => {
    if (found.length >= limit || part === undefined) return;
    if (typeof part !== "object" || part === null) {
      found.push([pointer, part as string | number | boolean | null]);
      return;
    }
    for (const [key, inner] of Object.entries(part)) visit(inner, `${pointer}/${escapeSegment(key)}`);
  };
  visit(value, "");
  return found;
}
