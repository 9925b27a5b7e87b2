/** The tokens of a JSON pointer (RFC 6901 §4), unescaped; none for the whole document. */
export const segmentsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((segment) => (segment.includes("~") ? segment.replaceAll("~1", "/").replaceAll("~0", "~") : segment));

/** A name as one token of a JSON pointer (RFC 6901 §3). */
export function escapeSegment(name: string): string {
  if (!name.includes("~") && !name.includes("/")) return name;
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
