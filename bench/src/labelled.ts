import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { detectorNames, type Finding, scan } from "@aegis/dlp/detect";

/** A text, or a tool call's arguments, as somebody else labelled it. */
export interface LabelledText {
  readonly source: string;
  readonly value: string | JsonObject;
  /** Several detectors are parted by " or ". */
  readonly labels: readonly { readonly detector: string; readonly value: string }[];
  /** What the labeller looked for: finding it where there is no label is wrong. */
  readonly covers: readonly string[];
}

/** What a detector did with one source's labels. */
export interface DetectorRow {
  readonly detector: string;
  readonly source: string;
  labelled: number;
  found: number;
  wrong: number;
  /** Labels that the documented format contradicts. */
  leftOut: number;
  /** A few of the labels that were not found, and of the finds that are no label. */
  readonly examples: string[];
}

/** Labels that the documented format contradicts, each as docs/reference/dlp.md says; nothing else is left out. */
const contradicted: readonly { readonly detector: string; readonly value: RegExp }[] = [
  // The Social Security Administration issues no number whose area is 000 or begins with 9.
  { detector: "us_ssn", value: /^(?:9|000)/ },
  // One letter for every character is how documentation stands for a secret.
  { detector: "secret or url_credentials", value: /x{9,}/i },
  // A Discord token begins with the bot's number, in digits, in base64: with M, N or O.
  { detector: "secret or url_credentials", value: /^[^MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{38}$/ },
];

/** What all detectors find in what others labelled, for each detector and source. A label is found when all its letters and digits are. */
export function measureLabelled(texts: Iterable<LabelledText>): DetectorRow[] {
  const rows = new Map<string, DetectorRow>();
  const rowOf = (detector: string, source: string): DetectorRow => {
    const key = JSON.stringify([detector, source]);
    const row = rows.get(key) ?? { detector, source, labelled: 0, found: 0, wrong: 0, leftOut: 0, examples: [] };
    rows.set(key, row);
    return row;
  };
  for (const { source, value, labels, covers } of texts) {
    const findings = scan(value, detectorNames).filter(({ inKey }) => !inKey);
    const used = new Set<Finding>();
    for (const label of labels) {
      const kinds = label.detector.split(" or ");
      const own = findings.filter((finding) => kinds.includes(finding.detector) && touches(value, finding, label.value));
      for (const finding of own) used.add(finding);
      const row = rowOf(label.detector, source);
      if (contradicted.some((each) => each.detector === label.detector && each.value.test(label.value))) {
        row.leftOut++;
        continue;
      }
      row.labelled++;
      // A label of several kinds is a whole text with one of them somewhere in it.
      if (kinds.length > 1 ? own.length > 0 : isWhole(value, own, label.value)) row.found++;
      else example(row, "missed", label.value, value);
    }
    for (const finding of findings) {
      if (used.has(finding) || !covers.includes(finding.detector)) continue;
      const row = rowOf(finding.detector, source);
      row.wrong++;
      example(row, "wrong", found(value, finding), value);
    }
  }
  return [...rows.values()].sort((a, b) => order(a.detector) - order(b.detector));
}

const order = (detector: string) => detectorNames.findIndex((name) => detector.startsWith(name));

function example({ examples }: DetectorRow, what: string, which: string, value: JsonValue): void {
  if (examples.length < 40) examples.push(`${what} ${JSON.stringify(which)} in ${JSON.stringify(value).slice(0, 300)}`);
}

function textAt(value: JsonValue, pointer: string): string {
  let at = value;
  for (const token of pointer.split("/").slice(1)) at = (at as JsonObject)[token.replaceAll("~1", "/").replaceAll("~0", "~")] as JsonValue;
  return String(at);
}

const found = (value: JsonValue, { pointer, start, end }: Finding) => textAt(value, pointer).slice(start, end);

/** Whether what was found and the label overlap, wherever in the text the label stands. */
function touches(value: JsonValue, finding: Finding, label: string): boolean {
  const text = textAt(value, finding.pointer);
  for (let at = text.indexOf(label); at >= 0; at = text.indexOf(label, at + 1)) {
    if (finding.start < at + label.length && finding.end > at) return true;
  }
  return false;
}

const significant = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, "");

const isWhole = (value: JsonValue, own: readonly Finding[], label: string): boolean =>
  own.some((finding) => significant(found(value, finding)).includes(significant(label)));
