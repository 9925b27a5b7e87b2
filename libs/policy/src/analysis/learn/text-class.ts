const punctuationOrder = /[^A-Za-z0-9]/gu;

/** `[a-z0-9]{8,20}` of these texts, all printable ASCII; lengths are exact when they all agree and there are enough of them. */
export function classOf(texts: readonly string[], options: { readonly hexadecimal?: boolean } = {}): string {
  let lower = false;
  let upper = false;
  let digit = false;
  let beyondHex = false;
  const others = new Set<string>();
  let shortest = Infinity;
  let longest = 0;
  let characters = 0;
  for (const text of texts) {
    shortest = Math.min(shortest, text.length);
    longest = Math.max(longest, text.length);
    characters += text.length;
    lower ||= /[a-z]/.test(text);
    upper ||= /[A-Z]/.test(text);
    digit ||= /[0-9]/.test(text);
    beyondHex ||= /[^0-9a-f]/.test(text);
    for (const [other] of text.matchAll(punctuationOrder)) others.add(other);
  }
  const hexadecimal = options.hexadecimal !== false && !beyondHex && lower && digit && characters >= 200;
  const letters = hexadecimal ? "0-9a-f" : `${lower ? "a-z" : ""}${upper ? "A-Z" : ""}${digit ? "0-9" : ""}`;
  return `[${letters}${[...others].sort().map(escapeInClass).join("")}]${repetition(shortest, longest, texts.length)}`;
}

/** Lengths as a repetition; one that many texts share exactly needs no margin. RE2 counts to 1,000. */
function repetition(shortest: number, longest: number, count: number): string {
  if (shortest === longest && count >= 10) return longest === 1 ? "" : `{${longest}}`;
  const least = shortest === 0 ? 0 : Math.max(1, Math.floor(shortest * 0.75));
  const most = Math.ceil(longest * 1.25) + 1;
  return most > 200 ? (least === 0 ? "*" : "+") : `{${least},${most}}`;
}

const escapeInClass = (character: string): string => (/[\\\]^-]/.test(character) ? `\\${character}` : character);

/** A text as a pattern that matches exactly it. */
export const literal = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&");

/** Whether all are printable ASCII without a space. */
export const isToken = (texts: readonly string[]): boolean => texts.every((text) => /^[!-~]+$/.test(text));
