import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type DetectorName, detectorNames, type Finding, scanText } from "./detect.ts";

interface Kind {
  readonly sources: readonly string[];
  readonly values: readonly string[];
  readonly templates: readonly string[];
}

const labelled = JSON.parse(readFileSync(new URL("../../../vectors/dlp/labelled.json", import.meta.url), "utf8")) as {
  detectors: Record<DetectorName, Kind>;
  clear: string[];
};

/** A text, and the one range in it that is somebody's; none in a text that is clear. */
interface Sample {
  readonly text: string;
  readonly label?: { readonly detector: DetectorName; readonly start: number; readonly end: number };
}

/** The same numbers in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = seeded(8);
const below = (count: number) => Math.floor(random() * count);
const letters = {
  n: "0123456789",
  h: "0123456789abcdef",
  a: "ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz0123456789",
  w: "ABCDEFabcdefghjkm0123456789_-",
};
const drawn = (alphabet: string, count: number) => Array.from({ length: count }, () => alphabet.charAt(below(alphabet.length))).join("");
const madeUp = (value: string) =>
  value.replace(/\{([nahw])(\d+)\}/g, (_, kind: keyof typeof letters, count) => drawn(letters[kind], Number(count)));

const plain = (value: string) => value.replace(/[^A-Za-z0-9]/g, "");
const inFours = (value: string, separator: string) => plain(value).replace(/(.{4})(?=.)/g, `$1${separator}`);
const spellings: Record<string, (value: string) => string> = {
  "{}": (value) => value,
  "{plain}": plain,
  "{group}": (value) => inFours(value, " "),
  "{dash}": (value) => (value.includes(" ") ? value.replaceAll(" ", "-") : inFours(value, "-")),
  "{space}": (value) => value.replaceAll("-", " "),
};

function samplesOf(detector: DetectorName): Sample[] {
  const { values, templates } = labelled.detectors[detector];
  return values.flatMap((made) => {
    const value = madeUp(made);
    return templates.map((template): Sample => {
      const [slot = "{}"] = Object.keys(spellings).filter((one) => template.includes(one));
      const spelled = (spellings[slot] as (value: string) => string)(value);
      const start = template.indexOf(slot);
      return { text: template.replace(slot, () => spelled), label: { detector, start, end: start + spelled.length } };
    });
  });
}

/** What looks like somebody's and is not: numbers and words that programs write by the thousand. */
function clearSamples(): Sample[] {
  const hex = (count: number) => drawn(letters.h, count);
  const digits = (count: number) => String(1 + below(9)) + drawn(letters.n, count - 1);
  const makers: readonly (() => string)[] = [
    () => `id ${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    () => `commit ${hex(40)}`,
    () => `sha256:${hex(64)}`,
    () => `order ${digits(10)}`,
    () => `order number ${digits(9)} shipped`,
    () => `invoice INV-${digits(8)}`,
    () => `invoice ${digits(3)}-${digits(3)}-${digits(4)}`,
    () => `tracking 1Z${digits(6)}A${digits(9)}`,
    () => `{"ts":${1_600_000_000_000 + below(400_000_000_000)}}`,
    () => `took ${random()} s, ${random() * 100} %`,
    () => `at ${new Date(1_600_000_000_000 + below(400_000_000) * 1000).toISOString()}`,
    () => `version ${below(20)}.${below(20)}.${below(90)}.${below(99)}`,
    () => `${digits(9)} units in stock`,
    () => `9${luhnValid(below(1e9), 15)}`,
    () => `data:image/png;base64,${drawn(`${letters.a}+/`, 120)}==`,
    () => `row ${digits(5)}, ${digits(7)}, ${digits(6)}`,
    () => `isbn 978-${digits(1)}-${digits(4)}-${digits(4)}-${digits(1)}`,
    () => `span ${hex(16)} of trace ${hex(32)}`,
  ];
  const generated = makers.flatMap((make) => Array.from({ length: 20 }, make));
  return [...labelled.clear, ...generated].map((text) => ({ text }));
}

/** 15 digits that make a Luhn-valid number behind a "9", with which no card begins. */
function luhnValid(seed: number, length: number): string {
  const digits = `9${String(seed).padStart(length - 1, "5")}`;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${digits.slice(1)}${(10 - (sum % 10)) % 10}`;
}

/** Their checksum or structure leaves little to chance. */
const exact: ReadonlySet<string> = new Set([
  "credit_card",
  "iban",
  "uk_nhs",
  "crypto_wallet",
  "email",
  "mac",
  "ip",
  "us_ssn",
  "us_itin",
  "url_credentials",
]);

test("recall and precision of every detector on published examples, and on what only looks like them", () => {
  const samples = [...detectorNames.flatMap(samplesOf), ...clearSamples()];
  const counts = new Map(detectorNames.map((name) => [name as string, { found: 0, missed: [] as string[], wrong: [] as string[] }]));
  for (const { text, label } of samples) {
    const findings = scanText(text, detectorNames);
    const meets = ({ detector, start, end }: Finding) => label?.detector === detector && start < label.end && end > label.start;
    if (label !== undefined) {
      const count = counts.get(label.detector);
      if (findings.some((one) => meets(one) && one.start <= label.start && one.end >= label.end)) count!.found++;
      else count?.missed.push(text);
    }
    // What a text about one thing holds of another is wrong too.
    for (const one of findings) if (!meets(one)) counts.get(one.detector)?.wrong.push(text);
  }
  const lines = [...counts].map(([name, { found, missed, wrong }]) => {
    const recall = found / (found + missed.length);
    const precision = found / (found + wrong.length);
    return { name, labelled: found + missed.length, recall, precision, missed, wrong };
  });
  console.log(
    [`| detector | labelled | recall | precision |`, `|---|---|---|---|`]
      .concat(
        lines.map(({ name, labelled, recall, precision }) => `| ${name} | ${labelled} | ${percent(recall)} | ${percent(precision)} |`),
      )
      .concat(`${samples.length} texts, ${samples.length - lines.reduce((sum, { labelled }) => sum + labelled, 0)} of them clear`)
      .join("\n"),
  );
  for (const { name, recall, precision, missed, wrong } of lines) {
    const least = exact.has(name) ? 0.95 : 0.85;
    expect(recall, `${name} misses ${missed.slice(0, 12).join(" | ")}`).toBeGreaterThanOrEqual(least);
    expect(precision, `${name} wrongly finds something in ${wrong.slice(0, 12).join(" | ")}`).toBeGreaterThanOrEqual(least);
  }
});

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
