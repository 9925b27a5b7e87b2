import type { Scalar } from "yaml";

/**
 * For each UTF-16 unit of a scalar's value, and its end, the offset in the file's text that it was written at: past quotes,
 * escapes, indentation and folded lines. White space that YAML folded stands at the first unit it was folded from.
 */
export function offsetsIn(text: string, scalar: Scalar, value: string): number[] {
  const [start, end] = scalar.range ?? [0, 0];
  const quote = scalar.type === "QUOTE_DOUBLE" ? '"' : scalar.type === "QUOTE_SINGLE" ? "'" : undefined;
  let at = start;
  if (quote !== undefined) at++;
  // A block scalar starts with its header, which goes on to the end of its line.
  if (scalar.type === "BLOCK_LITERAL" || scalar.type === "BLOCK_FOLDED") at = Math.max(start, text.indexOf("\n", start) + 1);
  const offsets: number[] = [];
  let last = at;
  let index = 0;
  while (index < value.length && at < end) {
    const wanted = value[index]!;
    const escaped = quote === '"' && text[at] === "\\" ? escapeAt(text, at) : undefined;
    if (escaped !== undefined) {
      for (let unit = 0; unit < escaped.units; unit++) offsets[index++] = at;
      at += escaped.length;
    } else if (text[at] === wanted) {
      offsets[index++] = at;
      at += quote === "'" && wanted === "'" ? 2 : 1;
    } else if (isSpace(text[at]!)) {
      const from = at;
      while (at < end && isSpace(text[at]!)) at++;
      if (isSpace(wanted)) offsets[index++] = from;
    } else if (isSpace(wanted)) offsets[index++] = at;
    // The text is not what the value was read from: say where the scalar is, rather than a wrong place inside it.
    else return Array.from({ length: value.length + 1 }, () => start);
    last = at;
  }
  while (index <= value.length) offsets[index++] = last;
  return offsets;
}

const isSpace = (character: string): boolean => /[ \t\r\n]/.test(character);

/** How long a double-quoted scalar's escape is, and for how many units it stands: none for a line break that it hides. */
function escapeAt(text: string, at: number): { readonly length: number; readonly units: number } {
  const kind = text[at + 1] ?? "";
  if (kind === "x") return { length: 4, units: 1 };
  if (kind === "u") return { length: 6, units: 1 };
  if (kind === "U") return { length: 10, units: Number.parseInt(text.slice(at + 2, at + 10), 16) > 0xffff ? 2 : 1 };
  return { length: 2, units: kind === "\n" || kind === "\r" ? 0 : 1 };
}
