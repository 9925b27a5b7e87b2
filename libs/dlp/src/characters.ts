import type { Span } from "./detector.ts";

/** Kinds of characters that detectors need, as bits. */
export const Kind = { digit: 1, at: 2, colon: 4, hyphen: 8, dot: 16, any: 32 } as const;

/** Which kinds of characters a text holds: what the engine's own searches tell is cheaper than looking at each character. */
export function kindsIn(text: string): number {
  let kinds: number = Kind.any;
  if (/[0-9]/.test(text)) kinds |= Kind.digit;
  if (text.includes("@")) kinds |= Kind.at;
  if (text.includes(":")) kinds |= Kind.colon;
  if (text.includes("-")) kinds |= Kind.hyphen;
  if (text.includes(".")) kinds |= Kind.dot;
  return kinds;
}

const longest = 16;

/** ASCII letters, digits, "_", "-" and ".". */
const inRun = new Uint8Array(128);
for (let unit = 0; unit < 128; unit++) inRun[unit] = /[A-Za-z0-9_.-]/.test(String.fromCharCode(unit)) ? 1 : 0;
const belongs = (unit: number) => unit < 128 && inRun[unit] === 1;

/** Every run of at least 16 letters, digits, "_", "-" and "." (ASCII). Only each sixteenth character is looked at, and its word. */
export function longRunsIn(text: string): Span[] {
  const found: Span[] = [];
  let past = 0;
  for (let at = longest - 1; at < text.length; at += longest) {
    if (!belongs(text.charCodeAt(at))) continue;
    let start = at;
    while (start > past && belongs(text.charCodeAt(start - 1))) start--;
    let end = at + 1;
    while (end < text.length && belongs(text.charCodeAt(end))) end++;
    if (end - start >= longest) found.push({ start, end });
    past = end;
    at = end;
  }
  return found;
}
