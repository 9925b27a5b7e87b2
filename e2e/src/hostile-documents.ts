/** A reader of its own: whether bytes are one I-JSON object (RFC 8259, RFC 7493) within the limits that vectors/digests/README.md names. */
export function strictlyReadable(bytes: Uint8Array): boolean {
  if (bytes.length > 1024 * 1024) return false;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  } catch {
    return false;
  }
  const open: (Set<string> | undefined)[] = [];
  // The grammar was checked: what is left is to look at each token.
  const tokens = text.match(/"(?:[^"\\]|\\.)*"(?:[ \t\r\n]*:)?|[{}[\]]|-?\d[\d.eE+-]*/g) ?? [];
  return tokens.every((token) => {
    if (token === "{" || token === "[") return open.push(token === "{" ? new Set() : undefined) <= 32;
    if (token === "}" || token === "]") return open.pop() !== null;
    if (!token.startsWith('"')) return exact(token);
    const name = token.endsWith('"') ? undefined : (JSON.parse(token.slice(0, token.lastIndexOf(":"))) as string);
    const said = name ?? (JSON.parse(token) as string);
    if (!said.isWellFormed()) return false;
    const names = open.at(-1);
    return name === undefined || (names !== undefined && !names.has(name) && names.add(name) !== undefined);
  });
}

/** Whether a reader of doubles takes the number that was written. */
function exact(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value) || (value === 0 && /[1-9]/.test(token.split(/[eE]/)[0] ?? ""))) return false;
  if (!/^-?\d+$/.test(token) || Number.isSafeInteger(value) || String(value) === token) return true;
  return BigInt(token) === BigInt(value);
}

/** The same numbers for the same seed (mulberry32), each from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const names = ["a", "\\u0061", "b", "__proto__", "constructor", "", "é", "e\\u0301", "\\ud83d\\ude00", "😀", "toString", "a ", "A"];
const atoms = [
  ...[
    "0",
    "-0",
    "1",
    "-1",
    "01",
    "-01",
    "+1",
    "1.",
    ".5",
    "1.0",
    "1e5",
    "1E+5",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "Infinity",
    "-Infinity",
    "NaN",
    "nan",
  ],
  ...[
    "1e308",
    "1e309",
    "-1e309",
    "1e400",
    "1e-323",
    "1e-324",
    "1e-400",
    "0e999",
    "0.0e-999",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
  ],
  ...["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740994", "18446744073709551616"],
  ...[
    "18446744073709551617",
    "123456789012345678901234567890",
    "100000000000000000000000",
    "1e21",
    "1000000000000000000000",
    "5e-324",
    "2e-324",
  ],
  ...[
    "true",
    "false",
    "null",
    "True",
    "TRUE",
    "nul",
    "undefined",
    "truefalse",
    "''",
    "'a'",
    "`a`",
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud83d\\ude00"',
  ],
  ...[
    '"\\udc00\\ud800"',
    '"\\ud83d"',
    '"\\u0000"',
    '"\\x41"',
    '"\\u12"',
    '"\\uD83D\\uDE00"',
    '"\\a"',
    '"\\/"',
    '"a\\"b"',
    '"\t"',
    '"\n"',
    '"\u0001"',
  ],
  ...[
    '"\u007f"',
    '"\u2028"',
    '"\ufeff"',
    '"unterminated',
    '"',
    '"\\"',
    "[]",
    "{}",
    "[1,]",
    "[,]",
    "[1 2]",
    "{,}",
    '{"a"}',
    '{"a":}',
    "{a:1}",
    "[[[]]]",
  ],
  ...["/* c */1", "1//c", "#1", "1;", "\u00a01", "\u20281", "\ufeff1", "\v1", "\f1", "--1", "1-", "1e5.5", "0b1", "0o7", "1n"],
];

/** One document that may or may not be readable: often just so. */
export function hostileDocument(random: () => number): Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const value = (depth: number): string => {
    const kind = random();
    if (depth > 3 || kind < 0.6) return pick(atoms);
    if (kind < 0.8) return object(depth + 1);
    return `[${Array.from({ length: Math.floor(random() * 3) }, () => value(depth + 1)).join(",")}]`;
  };
  const object = (depth: number): string => {
    const members = Array.from({ length: 1 + Math.floor(random() * 3) }, () => `"${pick(names)}":${value(depth)}`);
    return `{${members.join(random() < 0.98 ? "," : pick([",,", ";", " "]))}}`;
  };
  const nested = (depth: number) => `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const roll = random();
  // Readable but for what is done to it below.
  const plain = `{"${pick(["a", "b", "c"])}":${pick(["1", '"x"', "[true,null]", '{"d":0.5}', "9007199254740992", '"\\ud83d\\ude00"'])}}`;
  const text = roll < 0.55 ? object(0) : roll < 0.62 ? nested(28 + Math.floor(random() * 8)) : roll < 0.66 ? value(0) : plain;
  const bytes = Buffer.from(
    roll > 0.9 ? `${pick(["\ufeff", " ", "\n", "\u00a0", "\0", "x", ""])}${text}${pick([" ", "\0", ",", "}", "{}", ""])}` : text,
  );
  if (roll < 0.8) return bytes;
  const at = Math.floor(random() * bytes.length);
  const mutation = random();
  if (mutation < 0.3) return bytes.subarray(0, at);
  if (mutation < 0.5) bytes[at] = Math.floor(random() * 256);
  else if (mutation < 0.7) return Buffer.concat([bytes.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at)]);
  else if (mutation < 0.8) return Buffer.concat([bytes.subarray(0, at), bytes]);
  return bytes;
}
