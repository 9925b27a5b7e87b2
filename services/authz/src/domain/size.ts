import type { JsonValue } from "@aegis/canonical/ijson";

/** Roughly the characters of a value's JSON, without writing it; stops counting soon after `most`. */
export function sizeUpTo(value: JsonValue, most: number): number {
  if (typeof value === "string") return value.length + 3;
  if (typeof value !== "object" || value === null) return 8;
  let size = 2;
  for (const [name, member] of Object.entries(value)) {
    size += (Array.isArray(value) ? 1 : name.length + 4) + sizeUpTo(member, most - size);
    if (size > most) break;
  }
  return size;
}
