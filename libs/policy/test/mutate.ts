import { parseAllDocuments } from "yaml";

/** A whole number from 0 up to, and without, a bound. */
export type Random = (bound: number) => number;

/** The same numbers for the same seed, everywhere (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const hostile = [
  ".inf",
  "-.inf",
  ".nan",
  "1e400",
  "-0",
  "9007199254740993",
  "0x7f",
  "0o17",
  "~",
  "null",
  "true",
  "yes",
  '""',
  "''",
  "[]",
  "{}",
  "[[]]",
  "!!str",
  "!!binary aGk=",
  "!x",
  "*a",
  "&a",
  "&a [*a]",
  "<<",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "\u0000",
  "\ufeff",
  "\r\n",
  "\r",
  "\t",
  "\u2028",
  "\ud800",
  "\udc00",
  "😀",
  "é",
  "\u202e",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "? ",
  ": ",
  "- ",
  "|\n",
  ">-\n",
  "#",
  '"',
  "'",
  "`",
  "@",
  "\\",
  "[".repeat(40),
  "{a: ".repeat(40),
  "(a{30}){30}",
  "(((((",
  "x".repeat(5000),
  "a*",
  "*.com",
  "/a/**",
  "~2",
  "-1",
  "1.5",
  "2027-02-30",
  "100%",
  "60/m",
  "args.amount > 1",
  "args[",
  "'a' + ",
  "80%",
  "UTC",
  "\u0085",
  "\u000b",
];

/** A text of a corpus after one to eight damages: what typos, merges, editors and attackers do to files. */
export function mutations(corpus: readonly string[], random: Random): string {
  const pick = () => corpus[random(corpus.length)]!;
  let text = pick();
  if (random(6) === 0) text = reshaped(text, random);
  for (let count = 1 + random(1 + random(8)); count > 0; count--) text = damages[random(damages.length)]!(text, random, pick);
  return text.slice(0, 200_000);
}

type Damage = (text: string, random: Random, pick: () => string) => string;

const cut = (text: string, at: number, length: number, insert: string): string => text.slice(0, at) + insert + text.slice(at + length);

const damages: readonly Damage[] = [
  (text, random) => cut(text, random(text.length + 1), random(12), ""),
  (text, random) => cut(text, random(text.length + 1), 0, String.fromCharCode(random(random(2) === 0 ? 128 : 65_536))),
  (text, random) => cut(text, random(text.length + 1), 1, "{}[]:-*&!|>%@`'\"#?,\n\t \\"[random(24)]!),
  (text, random) => cut(text, random(text.length + 1), random(4), hostile[random(hostile.length)]!),
  (text, random) => ofLines(text, (lines) => lines.splice(random(lines.length), 1 + random(3))),
  (text, random) => ofLines(text, (lines) => lines.splice(random(lines.length), 0, lines[random(lines.length)]!)),
  (text, random) =>
    ofLines(text, (lines) => {
      const [a, b] = [random(lines.length), random(lines.length)];
      [lines[a], lines[b]] = [lines[b]!, lines[a]!];
    }),
  (text, random) =>
    ofLines(text, (lines) => {
      const at = random(lines.length);
      lines[at] = random(2) === 0 ? ` ${lines[at]}` : lines[at]!.replace(/^ {1,2}/, "");
    }),
  // A value for another one, a key for another one.
  (text, random) => replaceOne(text, random, /(?<=: )[^\n{}[\],]+/g, hostile[random(hostile.length)]!),
  (text, random) => replaceOne(text, random, /[a-z_]+(?=:)/g, words(text, random)),
  (text, random) => replaceOne(text, random, /[\w-]+/g, words(text, random)),
  (text, _random, pick) => `${text}\n---\n${pick()}`,
  (text, random, pick) => text.slice(0, random(text.length + 1)) + pick().slice(random(200)),
  (text, random) => text.slice(0, random(text.length + 1)),
  (text, random) => {
    const at = random(text.length + 1);
    return cut(text, at, 0, text.slice(at, at + random(80)).repeat(1 + random(30)));
  },
  (text) => text.replaceAll("\n", "\r\n"),
];

function ofLines(text: string, change: (lines: string[]) => void): string {
  const lines = text.split("\n");
  change(lines);
  return lines.join("\n");
}

function replaceOne(text: string, random: Random, what: RegExp, by: string): string {
  const found = [...text.matchAll(what)];
  const chosen = found[random(Math.max(1, found.length))];
  return chosen === undefined ? text : cut(text, chosen.index, chosen[0].length, by);
}

function words(text: string, random: Random): string {
  const found = text.match(/[\w-]+/g) ?? ["x"];
  return found[random(found.length)]!;
}

/** The same documents as JSON, with one value put where another was: well-formed, and meaning something else. */
function reshaped(text: string, random: Random): string {
  try {
    const documents = parseAllDocuments(text, { version: "1.2", logLevel: "silent" }).map(
      (document) => document.toJS({ maxAliasCount: 50 }) as unknown,
    );
    const values: { owner: Record<string, unknown>; key: string }[] = [];
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null || values.length > 2000) return;
      for (const key of Object.keys(value)) {
        values.push({ owner: value as Record<string, unknown>, key });
        walk((value as Record<string, unknown>)[key]);
      }
    };
    documents.forEach(walk);
    for (let count = random(3); count > 0 && values.length > 0; count--) {
      const [to, from] = [values[random(values.length)]!, values[random(values.length)]!];
      const value: unknown = structuredClone(from.owner[from.key]);
      if (random(4) === 0) delete to.owner[to.key];
      else to.owner[random(3) === 0 ? from.key : to.key] = value;
    }
    return documents.map((document) => JSON.stringify(document, null, random(2))).join("\n---\n");
  } catch {
    return text;
  }
}
