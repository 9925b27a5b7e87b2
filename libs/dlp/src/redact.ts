import { createHmac } from "node:crypto";
import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { escapeSegment } from "@aegis/canonical/pointer";
import { type Finding, type Looking, numberText, scanText } from "./detect.ts";
import { detectorNames, detectorOf } from "./detectors.ts";
import { normalise } from "./normalise.ts";

/**
 * What stands in a found value's place:
 * `redact` "[REDACTED:email]"; `mask` the same length with "*" for letters and digits, the last four kept when there are at least nine
 * and it is no secret; `hash` "[HASH:email:<16 hex>]", the same for the same value under the same key, however it was spelled.
 *
 * A number stays a number: `redact` makes it 0, `mask` its last four digits (0 when it has fewer than nine), `hash` a whole number below
 * 2^48, the same for the same digits under the same key.
 */
export type RedactionAction = "redact" | "mask" | "hash";

export interface Instruction {
  readonly finding: Finding;
  readonly action: RedactionAction;
}

/** What was replaced. The pointer is that of the redacted document, so it cannot hold a value that stood in a member's name. */
export interface Redaction {
  readonly pointer: string;
  readonly detector: string;
  readonly count: number;
}

/**
 * Replaces what the findings point at. The shape and every type stay: strings stay strings, members stay in order.
 * Where findings overlap, their union is replaced once, by the action that shows least (`redact`, then `hash`, then `mask`).
 * The value itself is not changed; parts without findings are shared.
 *
 * @param options.hashKey the tenant's HMAC key, at least 32 bytes.
 */
export function redact(
  value: JsonValue,
  instructions: readonly Instruction[],
  options: { readonly hashKey: Uint8Array },
): { value: JsonValue; redactions: Redaction[] } {
  const places = new Map<string, Instruction[]>();
  for (const instruction of instructions) {
    const place = placeOf(instruction.finding.pointer, instruction.finding.inKey);
    const list = places.get(place);
    if (list) list.push(instruction);
    else places.set(place, [instruction]);
  }
  const work: Work = { places, hashKey: options.hashKey, redactions: [] };
  return { value: places.size === 0 ? value : rewrite(value, "", "", work), redactions: work.redactions };
}

/** A free text (a reasoning, an error) without anything that the detectors find. */
export function redactText(text: string, looking: Looking = detectorNames): string {
  const instructions = scanText(text, looking).map((finding): Instruction => ({ finding, action: "redact" }));
  return replace(text, instructions, new Uint8Array()).text;
}

interface Work {
  readonly places: ReadonlyMap<string, Instruction[]>;
  readonly hashKey: Uint8Array;
  readonly redactions: Redaction[];
}

const placeOf = (pointer: string, inKey: boolean) => `${inKey ? "key" : "value"} ${pointer}`;

/** `pointer` leads through the original, `shown` through the result. */
function rewrite(value: JsonValue, pointer: string, shown: string, work: Work): JsonValue {
  if (typeof value === "string") {
    const instructions = work.places.get(placeOf(pointer, false));
    return instructions === undefined ? value : replaceAndReport(value, instructions, shown, work);
  }
  if (typeof value === "number") {
    const instructions = work.places.get(placeOf(pointer, false));
    return instructions === undefined ? value : replaceNumber(value, instructions, shown, work);
  }
  if (Array.isArray(value)) return value.map((item, index) => rewrite(item, `${pointer}/${index}`, `${shown}/${index}`, work));
  if (typeof value !== "object" || value === null) return value;
  const result: JsonObject = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${escapeSegment(name)}`;
    const instructions = work.places.get(placeOf(at, true));
    const replaced = instructions === undefined ? undefined : replace(name, instructions, work.hashKey);
    const text = replaced === undefined ? name : freeName(replaced.text, value, result);
    const shownAt = `${shown}/${escapeSegment(text)}`;
    if (replaced !== undefined) report(replaced.counts, shownAt, work);
    result[text] = rewrite(member, at, shownAt, work);
  }
  return result;
}

/** Two members must not become one: a name that is taken gets a number. */
function freeName(name: string, ...taken: readonly JsonObject[]): string {
  let free = name;
  for (let count = 2; taken.some((object) => Object.hasOwn(object, free)); count++) free = `${name}#${count}`;
  return free;
}

/** As a whole, whatever part of it was found: the rest of a number says too much. */
function replaceNumber(value: number, instructions: readonly Instruction[], shown: string, work: Work): number {
  const text = numberText(value) ?? "";
  const chosen = instructions.reduce((one, other) => (strength[other.action] > strength[one.action] ? other : one));
  const { detector } = chosen.finding;
  report(new Map([[detector, 1]]), shown, work);
  if (chosen.action === "redact") return 0;
  if (chosen.action === "hash") return Number.parseInt(pseudonym(text, detector, work.hashKey).slice(0, 12), 16);
  return text.length >= 9 && detectorOf(detector)?.maskShowsEnd !== false ? Number(text.slice(-4)) : 0;
}

function replaceAndReport(text: string, instructions: readonly Instruction[], shown: string, work: Work): string {
  const replaced = replace(text, instructions, work.hashKey);
  report(replaced.counts, shown, work);
  return replaced.text;
}

function report(counts: ReadonlyMap<string, number>, pointer: string, work: Work): void {
  for (const [detector, count] of counts) work.redactions.push({ pointer, detector, count });
}

const strength: Readonly<Record<RedactionAction, number>> = { redact: 3, hash: 2, mask: 1 };

function replace(text: string, instructions: readonly Instruction[], hashKey: Uint8Array): { text: string; counts: Map<string, number> } {
  const ordered = instructions.filter(({ finding }) => finding.end <= text.length).sort((a, b) => a.finding.start - b.finding.start);
  const counts = new Map<string, number>();
  let result = "";
  let at = 0;
  for (let first = 0; first < ordered.length; ) {
    const start = (ordered[first] as Instruction).finding.start;
    let chosen = ordered[first] as Instruction;
    let end = chosen.finding.end;
    let next = first + 1;
    for (; next < ordered.length && (ordered[next] as Instruction).finding.start < end; next++) {
      const other = ordered[next] as Instruction;
      end = Math.max(end, other.finding.end);
      if (strength[other.action] > strength[chosen.action]) chosen = other;
    }
    const { detector } = chosen.finding;
    counts.set(detector, (counts.get(detector) ?? 0) + 1);
    result += text.slice(at, start) + substitute(text.slice(start, end), detector, chosen.action, hashKey);
    at = end;
    first = next;
  }
  return { text: result + text.slice(at), counts };
}

function substitute(value: string, detector: string, action: RedactionAction, hashKey: Uint8Array): string {
  if (action === "redact") return `[REDACTED:${detector}]`;
  if (action === "mask") return mask(value, detectorOf(detector)?.maskShowsEnd !== false);
  return `[HASH:${detector}:${pseudonym(value, detector, hashKey).slice(0, 16)}]`;
}

/** Hex digits that stand for a value: a person who has not the key cannot tell whose they are by trying. */
function pseudonym(value: string, detector: string, hashKey: Uint8Array): string {
  const canonical = detectorOf(detector)?.canonical ?? ((text: string) => text.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase());
  return createHmac("sha256", hashKey)
    .update(`${detector}\0${canonical(normalise(value).text)}`)
    .digest("hex");
}

function mask(value: string, showsEnd: boolean): string {
  const characters = [...value];
  const shown = characters.filter((character) => /[\p{L}\p{N}]/u.test(character)).length;
  let left = showsEnd && shown >= 9 ? shown - 4 : shown;
  return characters.map((character) => (/[\p{L}\p{N}]/u.test(character) && left-- > 0 ? "*" : character)).join("");
}
