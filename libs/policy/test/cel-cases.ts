import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { Environment } from "../src/cel/expression.ts";

/** Expressions and environments that nobody thought of: the same ones for the same seed. */
export class CelCases {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A condition; many of them fail, and most speak of the arguments. */
  condition(): string {
    return this.#boolean(4, []);
  }

  environment(): Environment {
    const args: JsonObject = { t: this.#pick(times), zone: "UTC" };
    for (const name of names) if (this.#chance(0.85)) args[name] = this.#value(name, 3);
    return {
      args,
      dest: this.#chance(0.5) ? { url: "https://a.example/x", host: "a.example", path: "/x", method: "GET" } : {},
      agent: { name: "a", tenant: "acme", subject: "s", depth: this.#below(3), chain: ["a", "b"].slice(0, 1 + this.#below(2)) },
      context: this.#chance(0.5) ? { purpose: this.#pick(texts) } : {},
      session: { labels: this.#chance(0.5) ? ["untrusted"] : [], calls: [] },
      now: this.#pick([
        0,
        1_790_000_000_000,
        1_774_746_000_000,
        951_782_400_123,
        4_102_444_799_999,
        4_102_444_800_000,
        this.#below(2 ** 31) * 1900,
      ]),
    };
  }

  /** Operations on doubles; many results lie half-way between two of them, or nearly so, or at an end of their range. */
  operations(amount: number): Operation[] {
    return Array.from({ length: amount }, (_, index): Operation => {
      const operator = operators[index % operators.length] as Operation[0];
      const a = this.#number();
      const b = this.#number();
      if (operator !== "_/_" && this.#chance(0.4)) return [operator, a, this.#halfOfLast(a)];
      return operator === "_/_" && this.#chance(0.2) && Number.isFinite(a * b) ? [operator, a * b, b] : [operator, a, b];
    });
  }

  /** Half of a double's last digit, or a little more or less. */
  #halfOfLast(a: number): number {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, Math.abs(a));
    bits.setBigUint64(0, bits.getBigUint64(0) + 1n);
    const half = (bits.getFloat64(0) - Math.abs(a)) / 2;
    const near = half * (1 + this.#pick([0, 0, 2 ** -52, -(2 ** -52)]));
    return Number.isFinite(near) ? near * this.#pick([1, -1]) : 2 ** 970;
  }

  #value(name: string, depth: number): JsonValue {
    const kind = this.#chance(0.75) ? name[0] : this.#pick(["n", "s", "b", "l", "m", "z"]);
    if (kind === "n") return this.#number();
    if (kind === "s") return this.#pick(texts);
    if (kind === "b") return this.#chance(0.5);
    if (kind === "l") return Array.from({ length: depth > 0 ? this.#below(4) : 0 }, () => this.#value(this.#pick(names), depth - 1));
    if (kind === "m") return depth > 0 ? { a: this.#value(this.#pick(names), depth - 1), ä: this.#number(), "😀": "x" } : {};
    return null;
  }

  #number(): number {
    if (this.#chance(0.55)) return this.#pick(numbers);
    if (this.#chance(0.3)) return this.#below(2000) / 100;
    if (this.#chance(0.5)) return this.#below(2 ** 32) - 2 ** 31;
    const bits = new DataView(new ArrayBuffer(8));
    // Exponents near each other, so that what is added or compared comes close.
    bits.setUint32(
      0,
      ((this.#below(2) << 31) | ((this.#chance(0.5) ? 1000 + this.#below(60) : this.#below(2047)) << 20) | this.#below(2 ** 20)) >>> 0,
    );
    bits.setUint32(4, this.#chance(0.3) ? 0 : this.#below(2 ** 32));
    return bits.getFloat64(0);
  }

  #boolean(depth: number, elements: readonly string[]): string {
    if (depth <= 0) return this.#pick(["true", "false", "args.b", "args.b2", "has(args.n)", "has(context.purpose)", ...elements]);
    const next = (): string => this.#boolean(depth - 1, elements);
    const form = this.#below(21);
    if (form < 2) return `(${next()} && ${next()})`;
    if (form < 4) return `(${next()} || ${next()})`;
    if (form === 4) return `!(${next()})`;
    if (form === 5) return `(${next()} ? ${next()} : ${next()})`;
    if (form < 11)
      return `${this.#numeric(depth - 1, elements)} ${this.#pick(["<", "<=", ">", ">="])} ${this.#numeric(depth - 1, elements)}`;
    if (form === 11)
      return `${this.#text(depth - 1, elements)} ${this.#pick(["<", "<=", ">", ">=", "==", "!="])} ${this.#text(depth - 1, elements)}`;
    if (form === 12) return `${this.#any(elements)} ${this.#pick(["==", "!="])} ${this.#any(elements)}`;
    if (form === 13)
      return `${this.#any(elements)} in ${this.#pick(["args.l", "args.l2", '["a", 1, null]', "[1, 2.5]", '["", "é"]', "args.m", "[args.n, args.s]"])}`;
    if (form === 14) return `${this.#text(0, elements)}.${this.#pick(["startsWith", "endsWith", "contains"])}(${this.#text(0, elements)})`;
    if (form === 15) return `${this.#text(0, elements)}.matches(${this.#pick(['"^a"', 'r"\\d+"', '"[é-ü]"', '"^.$"', '"(?i)A"', '""'])})`;
    if (form === 16)
      return `has(${this.#pick(["args.n", "args.m.a", "args.l.a", "dest.host", "args.m.b", ...elements.map((each) => `${each}.a`)])})`;
    if (form === 17) return this.#time();
    if (form === 18 && elements.length === 0)
      return this.#loop(depth, elements, this.#pick(["args.l", "args.m", "args.l2", "[1, 2, 3]", "args.n", "session.labels"]));
    if (form === 19 && elements.length === 1)
      return this.#loop(depth, elements, this.#pick([elements[0]!, `${elements[0]}.a`, "[1, 2, 3]"]));
    return `${this.#pick(["size(args.l)", "args.s.size()", "size(args.m)", "size(args.n)", "agent.depth", "args.n % 7", "-args.n % 3"])} ${this.#pick(["==", "!="])} ${this.#below(4)}`;
  }

  #loop(depth: number, elements: readonly string[], over: string): string {
    const element = `x${elements.length}`;
    return `${over}.${this.#pick(["exists", "all"])}(${element}, ${this.#boolean(depth - 1, [...elements, element])})`;
  }

  #numeric(depth: number, elements: readonly string[]): string {
    if (depth <= 0 || this.#chance(0.2)) {
      return this.#pick([
        "args.n",
        "args.n2",
        "args.n3",
        "args.n4",
        "args.s",
        String(this.#number()),
        "args.l[0]",
        "args.m.a",
        'args.m["ä"]',
        "args.l[args.n]",
        ...elements,
        ...elements,
      ]);
    }
    if (this.#chance(0.1)) return `-${this.#numeric(0, elements).replace(/^-/, "")}`;
    if (this.#chance(0.05)) return `(${this.#boolean(1, elements)} ? ${this.#numeric(0, elements)} : ${this.#numeric(0, elements)})`;
    return `(${this.#numeric(depth - 1, elements)} ${this.#pick(["+", "-", "*", "/", "+", "-", "*", "/", "%"])} ${this.#numeric(depth - 1, elements)})`;
  }

  #text(depth: number, elements: readonly string[]): string {
    if (depth > 0 && this.#chance(0.3)) return `(${this.#text(0, elements)} + ${this.#text(0, elements)} + "")`;
    return this.#pick(["args.s", "args.s2", "context.purpose", JSON.stringify(this.#pick(texts)), "args.l[1]", "args.n", ...elements]);
  }

  #any(elements: readonly string[]): string {
    return this.#pick([
      "args.n",
      "args.s",
      "args.b",
      "args.l",
      "args.l2",
      "args.m",
      "args.z",
      "null",
      "args.m.a",
      "[]",
      '"x"',
      "1",
      ...elements,
    ]);
  }

  #time(): string {
    const time = this.#pick([
      "now",
      "timestamp(args.t)",
      'timestamp("2024-02-29T23:59:59.5+05:30")',
      'now + duration("36h")',
      'now - duration("1h30m")',
    ]);
    if (this.#chance(0.4))
      return `${time} ${this.#pick(["<", ">=", "==", "!="])} timestamp(args.t) + duration("${this.#pick(["1ms", "-1h", "87600h", "0"])}")`;
    if (this.#chance(0.2)) return `${time} - timestamp(args.t) ${this.#pick(["<", ">"])} -duration("24h")`;
    const zone = this.#pick([
      "",
      '"Europe/Zurich"',
      '"America/New_York"',
      '"+05:45"',
      '"-03:30"',
      '"UTC"',
      '"Australia/Lord_Howe"',
      '"Asia/Kolkata"',
    ]);
    const part = this.#pick([
      "getFullYear",
      "getMonth",
      "getDate",
      "getDayOfMonth",
      "getDayOfWeek",
      "getHours",
      "getMinutes",
      "getSeconds",
      "getMilliseconds",
    ]);
    return `(${time}).${part}(${zone}) ${this.#pick(["<", "==", ">="])} ${this.#pick([0, 1, 2, 5, 12, 17, 29, 30, 45, 2024, 2026])}`;
  }

  #chance(share: number): boolean {
    return this.#below(1_000_000) < share * 1_000_000;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }

  /** A whole number from 0, below `limit`, which is at most 2^32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }
}

type Operation = readonly ["_+_" | "_-_" | "_*_" | "_/_", number, number];
const operators = ["_+_", "_-_", "_*_", "_/_"] as const;

const names = ["n", "n2", "n3", "n4", "s", "s2", "b", "b2", "l", "l2", "m", "z"] as const;
// What members are of no name in it stays in the alphabet of the expressions.
const texts = ["", "a", "A", "ab", "é", "e\u0301", "😀", "\uffff", "\ue000", "12", "x\ny", "a\u0000", '"', "\\", "𝒳y"];
const numbers = [
  0,
  1,
  -1,
  2,
  3,
  7,
  0.1,
  0.2,
  0.3,
  0.30000000000000004,
  1 / 3,
  2 / 3,
  100,
  1e16,
  1e21,
  1e22,
  1e300,
  -1e300,
  1e308,
  5e-324,
  -5e-324,
  1e-323,
  2 ** 53,
  2 ** 53 - 1,
  2 ** 53 + 2,
  -(2 ** 53),
  2 ** 63,
  2 ** 64,
  2 ** -53,
  2 ** -1074,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 970,
  2 ** 969,
  2.2250738585072014e-308,
  2.225073858507201e-308,
  1 + 2 ** -52,
  1 - 2 ** -53,
  1.5e-10,
  1.5e-100,
  2.5e30,
  2.5e300,
  0.029,
  1.1,
  5000,
  3.0000000000000004,
  123456789012345680000,
];
const times = [
  "2026-11-20T10:00:00Z",
  "2024-02-29T12:30:15.123456789+01:00",
  "1970-01-01T00:00:00Z",
  "2023-02-29T00:00:00Z",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "2000-12-31T24:00:00Z",
  "2026-03-29T01:30:00Z",
  "2026-10-25T00:59:59Z",
  "0000-01-01T00:00:00Z",
  "2100-02-29T00:00:00Z",
  "today",
  "1969-12-31T23:59:59.999-00:30",
];
