/** Text as a person may be shown it: what is invisible or turns the reading direction is written as an escape, and what is too long is cut. */
export function visible(text: string, maxLength: number): string {
  const escaped = text.replace(/[^\P{C}\n]|[\u2028\u2029]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
  if (escaped.length <= maxLength) return escaped;
  const cut = escaped.slice(0, maxLength - ending.length);
  // No half of a surrogate pair.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}${ending}`;
}

const ending = "… (shortened)";
