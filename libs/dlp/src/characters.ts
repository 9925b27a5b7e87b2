import type { Span } from "./detector.ts";

/** What characters detectors need, as bits; of digits, at least how many. */
export const Kind = {
  any: 1,
  at: 2,
  colon: 4,
  hyphen: 8,
  dot: 16,
  digits3: 32,
  digits5: 64,
  digits7: 128,
  digits9: 256,
  digits12: 512,
} as const;

/** Which kinds of characters a text holds: what the engine's own searches tell is cheaper than looking at each character. */
export function kindsIn(text: string): number {
  let kinds: number = Kind.any;
  const digits = digitsUpTo(12, text);
  if (digits >= 3) kinds |= Kind.digits3;
  if (digits >= 5) kinds |= Kind.digits5;
  if (digits >= 7) kinds |= Kind.digits7;
  if (digits >= 9) kinds |= Kind.digits9;
  if (digits >= 12) kinds |= Kind.digits12;
  if (text.includes("@")) kinds |= Kind.at;
  if (text.includes(":")) kinds |= Kind.colon;
  if (text.includes("-")) kinds |= Kind.hyphen;
  if (text.includes(".")) kinds |= Kind.dot;
  return kinds;
}

/** How many digits a text has; counting ends at `most`. */
function digitsUpTo(most: number, text: string): number {
  let count = 0;
  for (let at = 0; at < text.length && count < most; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 48 && unit <= 57) count++;
  }
  return count;
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
