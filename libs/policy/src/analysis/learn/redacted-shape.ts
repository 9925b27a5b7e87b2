import type { JsonValue } from "@aegis/canonical/ijson";
import { literal } from "./text-class.ts";

/** What a detector's finds look like, wide enough for every spelling of them; the values themselves are not recorded. */
const shapes: Readonly<Record<string, string>> = {
  email: "[^@ ]+@[^@ ]+",
  phone: "[+(]{0,2}[0-9][0-9 ()./+-]{5,24}",
  credit_card: "[0-9][0-9 -]{11,24}",
  iban: "[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 -]{10,45}",
  us_ssn: "[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}",
  us_itin: "[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}",
  uk_nhs: "[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}",
  ip: "[0-9A-Fa-f:.]{2,45}(%[0-9A-Za-z]+)?",
  mac: "[0-9A-Fa-f.:-]{12,17}",
  crypto_wallet: "[A-Za-z0-9:]{20,110}",
  secret: "[!-~]+",
};

const mark = /\[REDACTED:([a-z0-9_]+)\]/g;
const mostTemplates = 5;

/**
 * A pattern of texts that are all a redaction in the same surroundings, from what its detector finds; undefined when the surroundings
 * are too many, or nobody knows what a detector's finds look like.
 */
export function redactedPattern(texts: readonly JsonValue[]): string | undefined {
  const templates = new Set<string>();
  for (const text of texts) {
    if (typeof text !== "string") return undefined;
    templates.add(text);
    if (templates.size > mostTemplates) return undefined;
  }
  const patterns = [...templates].sort().map(patternOf);
  if (patterns.length === 0 || patterns.some((pattern) => pattern === undefined)) return undefined;
  return patterns.length === 1 ? `^${patterns[0]}$` : `^(${patterns.join("|")})$`;
}

function patternOf(template: string): string | undefined {
  let pattern = "";
  let at = 0;
  for (const found of template.matchAll(mark)) {
    const shape = shapes[found[1] ?? ""];
    if (shape === undefined) return undefined;
    pattern += literal(template.slice(at, found.index)) + shape;
    at = found.index + found[0].length;
  }
  return pattern + literal(template.slice(at));
}
