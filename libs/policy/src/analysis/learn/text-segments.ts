import { classOf, isToken, literal } from "./text-class.ts";

const mostSkeletons = 3;
const mostWords = 8;
const mostSegments = 12;

/**
 * A pattern of texts that are built alike from parts between separators (`INV-2026-00123`, `acct_x9f2`): each part a fixed word, one of
 * a few words, or a class with its lengths. Undefined when they are not built alike.
 */
export function segmentPattern(texts: readonly string[]): string | undefined {
  if (!texts.every((text) => /^[ -~]+$/.test(text))) return undefined;
  const groups = new Map<string, string[]>();
  for (const text of texts) {
    const skeleton = text.replace(/[A-Za-z0-9]+/g, "x");
    const group = groups.get(skeleton);
    if (group) group.push(text);
    else if (groups.size === mostSkeletons) return undefined;
    else groups.set(skeleton, [text]);
  }
  const patterns = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([skeleton, group]) => skeletonPattern(skeleton, group));
  if (patterns.some((pattern) => pattern === undefined)) return undefined;
  return patterns.length === 1 ? `^${patterns[0]}$` : `^(${patterns.join("|")})$`;
}

function skeletonPattern(skeleton: string, texts: readonly string[]): string | undefined {
  const separators = skeleton.split("x");
  if (separators.length - 1 > mostSegments) return undefined;
  const parts = texts.map((text) => text.match(/[A-Za-z0-9]+/g) ?? []);
  let pattern = literal(separators[0] ?? "");
  for (let index = 0; index < separators.length - 1; index++) {
    pattern += partPattern(parts.map((each) => each[index] ?? "")) + literal(separators[index + 1] ?? "");
  }
  return pattern;
}

/** One part of all texts: few words that come again and again, or a class behind the letters that all begin with. */
function partPattern(texts: readonly string[]): string {
  const words = new Set<string>();
  for (const text of texts) {
    words.add(text);
    if (words.size > mostWords) break;
  }
  if (words.size <= mostWords && texts.length >= 20 * words.size) {
    const all = [...words].sort();
    return all.length === 1 ? (all[0] as string) : `(${all.join("|")})`;
  }
  const prefix = texts.length >= 10 ? commonPrefix(texts).replace(/[0-9]+$/, "") : "";
  const rest = texts.map((text) => text.slice(prefix.length));
  return rest.every((text) => text === "") ? prefix : prefix + classOf(rest);
}

function commonPrefix(texts: readonly string[]): string {
  let prefix = texts[0] ?? "";
  for (const text of texts) while (!text.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}

/** What all begin with, up to its last separator, and a class of everything after it. */
export function prefixPattern(texts: readonly string[]): string | undefined {
  if (!isToken(texts) || texts.length < 10) return undefined;
  const prefix = commonPrefix(texts).replace(/[A-Za-z0-9]*$/, "");
  return `^${literal(prefix)}${classOf(texts.map((text) => text.slice(prefix.length)))}$`;
}

/** A class of all characters. */
export function tokenPattern(texts: readonly string[]): string | undefined {
  return isToken(texts) ? `^${classOf(texts, { hexadecimal: false })}$` : undefined;
}
