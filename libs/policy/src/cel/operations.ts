import type { JsonValue } from "@aegis/canonical/ijson";
import { RE2JS } from "re2js";
import { type ClockPart, clockParts, type Operation } from "./expression.ts";
import { clockRange, clockReader, durationRange, readTimestamp, timestampRange } from "./time.ts";
import { alike, codePoints, compareText, equal, Failure, kindOf, type Value } from "./values.ts";

/** The most code points of text that + makes. */
export const maxJoined = 1024;

/** What an operation makes of the values of its arguments. None of them is a failure: those are passed on before, the first of them. */
export type Apply = (values: readonly JsonValue[]) => Value;

/** Operations that need all their arguments. `&&`, `||` and `?:` do not. */
export function applied(name: Exclude<Operation, "_&&_" | "_||_" | "_?_:_">, at: number, literal: JsonValue | undefined): Apply {
  const fail = (message: string): Failure => new Failure(at, message);
  if ((clockParts as readonly string[]).includes(name)) return clock(name as ClockPart, literal as string, fail);
  if (name === "matches") return matcher(literal as string, fail);
  return simple[name as keyof typeof simple](fail);
}

type Fail = (message: string) => Failure;

function clock(part: ClockPart, zone: string, fail: Fail): Apply {
  const read = clockReader(part, zone);
  const outside = fail(`${part} is told of the years 1970 to 2099`);
  return ([at]) => ((at as number) >= clockRange.least && (at as number) <= clockRange.most ? read(at as number) : outside);
}

function matcher(source: string, fail: Fail): Apply {
  const pattern = RE2JS.compile(source);
  const notText = fail("matches is asked of what is no text");
  return ([of]) => (typeof of === "string" ? pattern.test(of) : notText);
}

const computed =
  (compute: (a: number, b: number) => number): ((fail: Fail) => Apply) =>
  (fail) => {
    const notNumbers = fail("this is computed from what is no number");
    const notFinite = fail("the result is no finite number");
    return ([a, b]) => {
      if (typeof a !== "number" || typeof b !== "number") return notNumbers;
      const result = compute(a, b);
      return Number.isFinite(result) ? result : notFinite;
    };
  };

/** Whole, and with no other whole number rounded to it. */
const isExact = (value: number): boolean => Number.isInteger(value) && Math.abs(value) <= 2 ** 53;

const divided =
  (compute: (a: number, b: number) => number, whole: boolean): ((fail: Fail) => Apply) =>
  (fail) => {
    const byZero = fail("this is divided by zero");
    const notWhole = fail("% takes whole numbers up to 2^53 only");
    const plain = computed(compute)(fail);
    return (values) => {
      const [a, b] = values;
      if (typeof a === "number" && b === 0) return byZero;
      if (whole && typeof a === "number" && typeof b === "number" && !(isExact(a) && isExact(b))) return notWhole;
      return plain(values);
    };
  };

const ordering =
  (holds: (order: number) => boolean): ((fail: Fail) => Apply) =>
  (fail) => {
    const unlike = fail("only numbers, or texts, can be put in order");
    return ([a, b]) => {
      if (typeof a === "number" && typeof b === "number") return holds(a < b ? -1 : a > b ? 1 : 0);
      if (typeof a === "string" && typeof b === "string") return holds(compareText(a, b));
      return unlike;
    };
  };

const equality =
  (wanted: boolean): ((fail: Fail) => Apply) =>
  (fail) => {
    const unlike = fail("values of unlike types are compared");
    return ([a, b]) => (alike(a as JsonValue, b as JsonValue) ? equal(a as JsonValue, b as JsonValue) === wanted : unlike);
  };

const ofText =
  (name: string, tell: (of: string, part: string) => boolean): ((fail: Fail) => Apply) =>
  (fail) => {
    const notText = fail(`${name} is asked of what is no text`);
    return ([of, part]) => (typeof of === "string" && typeof part === "string" ? tell(of, part) : notText);
  };

const within =
  (range: { least: number; most: number }, compute: (a: number, b: number) => number): ((fail: Fail) => Apply) =>
  (fail) => {
    const outside = fail("the result is out of the range of times");
    return ([a, b]) => {
      const result = compute(a as number, b as number);
      return result >= range.least && result <= range.most ? result : outside;
    };
  };

const simple = {
  condition: (fail: Fail): Apply => {
    const none = fail("the condition is neither true nor false");
    return ([value]) => (typeof value === "boolean" ? value : none);
  },
  cost: (fail: Fail): Apply => {
    const none = fail("the cost is no number from 0");
    return ([value]) => (typeof value === "number" && value >= 0 && Number.isFinite(value) ? value : none);
  },
  "!_": (fail: Fail): Apply => {
    const none = fail('"!" is applied to what is neither true nor false');
    return ([value]) => (typeof value === "boolean" ? !value : none);
  },
  "-_": (fail: Fail): Apply => {
    const none = fail("this is computed from what is no number");
    return ([value]) => (typeof value === "number" ? -value : none);
  },
  "_==_": equality(true),
  "_!=_": equality(false),
  "_<_": ordering((order) => order < 0),
  "_<=_": ordering((order) => order <= 0),
  "_>_": ordering((order) => order > 0),
  "_>=_": ordering((order) => order >= 0),
  "_+_": (fail: Fail): Apply => {
    const add = computed((a, b) => a + b)(fail);
    const tooLong = fail(`the text that + makes is over ${maxJoined} characters`);
    return (values) => {
      const [a, b] = values;
      if (typeof a !== "string" || typeof b !== "string") return add(values);
      // Two units at most for each code point: longer texts need not be counted, nor joined.
      if (a.length + b.length > 2 * maxJoined) return tooLong;
      return codePoints(a) + codePoints(b) <= maxJoined ? a + b : tooLong;
    };
  },
  "_-_": computed((a, b) => a - b),
  "_*_": computed((a, b) => a * b),
  "_/_": divided((a, b) => a / b, false),
  "_%_": divided((a, b) => a % b, true),
  "@in": (fail: Fail): Apply => {
    const none = fail('"in" is asked of what is neither list nor map');
    const unlike = fail("values of unlike types are compared");
    return ([value, of]) => {
      if (Array.isArray(of)) {
        if (of.some((item) => equal(item, value as JsonValue))) return true;
        return of.every((item) => alike(item, value as JsonValue)) ? false : unlike;
      }
      if (typeof of !== "object" || of === null) return none;
      return typeof value === "string" ? Object.hasOwn(of, value) : unlike;
    };
  },
  size: (fail: Fail): Apply => {
    const none = fail("size is asked of what is no text, list or map");
    return ([of]) => {
      if (typeof of === "string") return codePoints(of);
      if (Array.isArray(of)) return of.length;
      return typeof of === "object" && of !== null ? Object.keys(of).length : none;
    };
  },
  startsWith: ofText("startsWith", (of, part) => of.startsWith(part)),
  endsWith: ofText("endsWith", (of, part) => of.endsWith(part)),
  contains: ofText("contains", (of, part) => of.includes(part)),
  has: (fail: Fail): Apply => {
    const none = fail("has is asked of what is no map");
    return ([of, name]) => (kindOf(of as JsonValue) === "object" ? Object.hasOwn(of as object, name as string) : none);
  },
  timestamp: (fail: Fail): Apply => {
    const none = fail("this is no time");
    return ([text]) => (typeof text === "string" ? (readTimestamp(text) ?? none) : none);
  },
  "timestamp+": within(timestampRange, (a, b) => a + b),
  "timestamp-": within(timestampRange, (a, b) => a - b),
  "duration+": within(durationRange, (a, b) => a + b),
  // With one argument: the opposite.
  "duration-": within(durationRange, (a, b) => (b === undefined ? -a : a - b)),
} as const;
