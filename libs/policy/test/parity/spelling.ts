import type { Random } from "./random.ts";

/** A number of a JSON text, outside strings. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d[-+.\deE]*/g;

/** The numbers of a JSON text as they are spelled. */
export const numberTexts = (json: string): string[] => (json.match(tokens) ?? []).filter((token) => !token.startsWith('"'));

/** Writes some numbers of a JSON text in another of the spellings that JSON has for the same double; a share of them stands for no double. */
export const respelled = (random: Random, json: string, share = 0): string =>
  json.replace(tokens, (token) => {
    if (token.startsWith('"') || !random.chance(0.2)) return token;
    if (random.chance(share)) return random.pick(unreadable);
    if (random.chance(0.02)) return random.pick(large);
    const other = respelling(random, Number(token));
    return Number(other) === Number(token) ? other : token;
  });

/** Whole numbers beyond 2^53 that are doubles, spelled out: few values are, so few would be met. */
const large = [
  "100000000000000000",
  "1152921504606846976",
  "-36893488147419103232",
  "18446744073709551616",
  "1267650600228229401496703205376",
];

/** Numbers that JSON can spell and no double can hold. */
const unreadable = [
  "1e400",
  "-1e309",
  "1e-400",
  "-4.9e-325",
  "9007199254740993",
  "-9007199254740993",
  "123456789012345678901",
  "1e99999999",
];

function respelling(random: Random, value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return random.pick(["-0", "0.0", "-0.0", "0.000", "0e5", "-0E-7", "0.00e+10", "0e99999999"]);
  const [mantissa, power] = Math.abs(value).toExponential().split("e") as [string, string];
  const digits = random.pick([
    () => mantissa.replace(".", ""),
    () => mantissa.replace(".", ""),
    () => mantissa.replace(".", "") + "0".repeat(random.integer(1, 4)),
    // The exact value, and a little more than the shortest text, which the same double is nearest to.
    () => Math.abs(value).toExponential(40).split("e")[0]!.replace(".", ""),
    () => `${mantissa.replace(".", "").padEnd(20, "0")}1`,
  ])();
  return sign + random.pick([plain, plain, scientific])(random, digits, Number(power));
}

/** `digits` times ten to the `power` of the first one, with no exponent while that is short enough. */
function plain(random: Random, digits: string, power: number): string {
  if (power < -20 || power > 30) return scientific(random, digits, power);
  const zeros = "0".repeat(random.integer(0, 3));
  if (power < 0) return `0.${"0".repeat(-power - 1)}${digits}${zeros}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  const fraction = digits.slice(power + 1) + zeros;
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** With the point anywhere in or beside the digits. */
function scientific(random: Random, digits: string, power: number): string {
  const point = random.integer(-2, digits.length);
  const shown =
    point <= 0 ? `0.${"0".repeat(-point)}${digits}` : [digits.slice(0, point), digits.slice(point)].filter((part) => part !== "").join(".");
  const exponent = power + 1 - point;
  const spelled = exponent < 0 ? `-${-exponent}` : `${random.pick(["", "+", "+0", "00"])}${exponent}`;
  return `${shown}${random.pick(["e", "E"])}${spelled}`;
}

/** What is peculiar in a number's spelling. */
export function* spellingKinds(text: string): Iterable<string> {
  if (/^-?0[.eE]/.test(text) && Number(text) === 0) yield "zero";
  if (/\.\d*0$/.test(text)) yield "zeros";
  if (/[eE]/.test(text)) yield "exponent";
  if (text.replace(/[eE].*/, "").length > 20) yield "long";
  if (/^-?\d{17,}$/.test(text)) yield "large integer";
  // OPA leaves zeros and points at the end out before it compares.
  if (text.includes(".") && Number(text.replace(/[.0]+$/, "")) !== Number(text)) yield "trap";
}
