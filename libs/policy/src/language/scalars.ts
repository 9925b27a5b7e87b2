import { namePattern, toolPattern } from "@aegis/contracts/name-patterns";
import { actionName, agentName, tenantName, toolName } from "@aegis/contracts/names";
import { RE2JS } from "re2js";
import type { z } from "zod";
import type { ScalarValue } from "../ir.ts";
import { maxPatternSize, maxPatternsSize, patternSize } from "./checks/pattern-shape.ts";
import { fault, type Place, type Reader, reader, scalar, wrongType } from "./reader.ts";
import type { Schema } from "./schema.ts";
import { nearestTo, suggestion } from "./suggest.ts";

export const text: Reader<string> = reader({ type: "string" }, (place) => {
  const value = scalar(place)?.value;
  return typeof value === "string" ? value : wrongType(place, "text");
});

/** Text that something further is asked of. `schema` says it as far as a schema can. */
export const textOf = <T>(schema: Schema, read: (value: string, place: Place) => T | undefined): Reader<T> =>
  reader({ type: "string", ...schema }, (place) => {
    const value = text(place);
    return value === undefined ? undefined : read(value, place);
  });

/** Text for people: reasons, justifications, queues. */
export const shortText: Reader<string> = textOf({ minLength: 1, maxLength: 1000 }, (value, place) =>
  value.length > 0 && value.length <= 1000
    ? value
    : fault(place, "invalid_length", `${place.path} has ${value.length} characters`, "write 1 to 1,000 characters"),
);

export const truth: Reader<boolean> = reader({ type: "boolean" }, (place) => {
  const value = scalar(place)?.value;
  return typeof value === "boolean" ? value : wrongType(place, "true or false");
});

const most = Number.MAX_SAFE_INTEGER;

/** A number that is the same in every engine: finite, and an exact double when it is an integer. */
export const number: Reader<number> = reader({ type: "number" }, (place) => {
  const value = scalar(place)?.value;
  if (typeof value !== "number") return wrongType(place, "a number");
  if (!Number.isFinite(value)) return fault(place, "invalid_number", `${place.path} is not a finite number`, "write a finite number");
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return fault(place, "invalid_number", `${place.path} cannot be kept exactly`, `stay within ±${most}`);
  }
  return Object.is(value, -0) ? 0 : value;
});

export const integer = (least: number, greatest: number): Reader<number> =>
  reader({ type: "integer", minimum: least, maximum: greatest }, (place) => {
    const value = number(place);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value)) return fault(place, "not_whole", `${place.path} is not a whole number`, "write a whole number");
    if (value >= least && value <= greatest) return value;
    return fault(place, "out_of_range", `${place.path} is ${value}`, `write ${least} to ${greatest}`);
  });

/** US dollars as integer micro-units. */
export const usd: Reader<number> = reader({ type: "number", minimum: 0, maximum: 1e9 }, (place) => {
  const value = number(place);
  if (value === undefined) return undefined;
  if (value < 0 || value > 1e9) return fault(place, "out_of_range", `${place.path} is ${value}`, "write 0 to 1000000000 US dollars");
  return Math.round(value * 1e6);
});

export const oneOf = <const T extends string>(...values: readonly T[]): Reader<T> =>
  textOf(
    { enum: [...values] },
    (value, place) =>
      values.find((each) => each === value) ??
      fault(place, "unknown_value", `"${brief(value)}" is no value of ${place.path}`, suggestion(value, values)),
  );

/** What always holds; a value that would switch it off is refused. */
export const always = <const T extends string>(value: T, refused: readonly string[], hint: string): Reader<T> =>
  refusing(oneOf(value), refused, (place, written) =>
    fault(place, "weakens_fabric", `${place.path}: ${written} would switch off what always holds`, hint),
  );

const refusing = <T>(known: Reader<T>, refused: readonly string[], refuse: (place: Place, value: string) => undefined): Reader<T> =>
  reader(known.schema, (place) => {
    const value = scalar(place)?.value;
    return typeof value === "string" && refused.includes(value) ? refuse(place, value) : known(place);
  });

const nameReader = (schema: z.ZodString, pattern: RegExp, what: string): Reader<string> =>
  textOf({ pattern: pattern.source }, (value, place) =>
    schema.safeParse(value).success
      ? value
      : fault(place, "invalid_name", `"${brief(value)}" is no ${what} name`, nameHint(value, pattern)),
  );

/** The same in small letters and dashes, when that is a name. */
function nameHint(written: string, pattern: RegExp): string {
  const plain = written
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, "-");
  return written.length <= 64 && pattern.test(plain) ? `did you mean "${plain}"?` : `must match ${pattern.source}`;
}

export const agent = nameReader(agentName, namePattern, "agent");
export const tenant = nameReader(tenantName, namePattern, "tenant");
export const tool = nameReader(toolName, toolPattern, "tool");
export const action = nameReader(actionName, toolPattern, "action");
/** A document's own name, or a purpose, queue or obligation. */
export const label = nameReader(toolName, toolPattern, "plain");

/** A name, or a prefix of names ending in `*`; `*` alone is every name. */
const prefixReader = (exact: Reader<string>, prefix: RegExp): Reader<string> =>
  reader({ type: "string", anyOf: [{ pattern: exact.schema.pattern as string }, { pattern: prefix.source }] }, (place) => {
    const value = text(place);
    if (value === undefined || prefix.test(value)) return value;
    if (value.includes("*"))
      return fault(place, "invalid_wildcard", `"${brief(value)}" has a * that is not at its end`, "write a name, or a prefix and one *");
    return exact(place);
  });

export const agentPattern = prefixReader(agent, /^(?:[a-z0-9][a-z0-9-]{0,62})?\*$/);
export const actionPattern = prefixReader(action, /^(?:[A-Za-z0-9][A-Za-z0-9_./:-]{0,127})?\*$/);

export const parameterName: Reader<string> = textOf({ minLength: 1, maxLength: 256 }, (value, place) =>
  value.length > 0 && value.length <= 256
    ? value
    : fault(place, "invalid_length", "a parameter's name must have 1 to 256 characters", "shorten it"),
);

/** RE2 syntax: linear time, and the same in both engines. */
export const pattern: Reader<string> = textOf({ maxLength: 1000 }, (value, place) => {
  if (value.length > 1000) return fault(place, "pattern_too_costly", `${place.path} is over 1,000 characters`, "write a shorter one");
  const size = patternSize(value);
  if (size > maxPatternSize) {
    return fault(place, "pattern_too_costly", `${place.path}: its counted repeats unfold to too much`, "repeat less, or bound the length");
  }
  place.source.patterns.size += size;
  if (place.source.patterns.size > maxPatternsSize) {
    return fault(place, "pattern_too_costly", `${place.path}: the file's expressions together are too large`, "split the file");
  }
  try {
    RE2JS.compile(value);
    return value;
  } catch (caught) {
    const why = caught instanceof Error ? caught.message.replace(/^error parsing regexp: /, "") : "unreadable";
    return fault(place, "invalid_pattern", `${place.path}: ${why}`, patternHint(value));
  }
});

function patternHint(value: string): string {
  if (/\(\?(?:=|!|<=|<!|>)/.test(value)) return "RE2 has no lookaround: match what is allowed, from ^ to $";
  if (/\\[1-9]/.test(value)) return "RE2 has no backreference: write the text twice, or drop the rule";
  return "write RE2 syntax, with a backslash before a character that is meant as itself";
}

const pointer = /^(?:\/(?:[^~/]|~[01])*)+$/u;

/** JSON pointer (RFC 6901) whose segments may be `*`. */
export const pointerPattern: Reader<string> = textOf({ pattern: pointer.source, maxLength: 1000 }, (value, place) => {
  if (value.split("/").includes("**")) {
    const hint = "write one * for each level; leave `in` out to look everywhere";
    return fault(place, "invalid_pointer", `"${brief(value)}" has **, which no pointer knows`, hint);
  }
  if (pointer.test(value) && value.length <= 1000) return value;
  return fault(place, "invalid_pointer", `"${brief(value)}" is no JSON pointer`, pointerHint(value));
});

function pointerHint(written: string): string {
  const meant = `/${written
    .replace(/^\$?\.?\/?/, "")
    .replaceAll("[*]", ".*")
    .replaceAll(".", "/")}`;
  return /^[\w/*.-]+$/.test(meant) && pointer.test(meant) && meant.length <= 64
    ? `did you mean "${meant}"?`
    : 'write "/member", "/list/*/member"';
}

const durationPattern = /^([1-9]\d{0,6})(s|m|h|d)$/;

/** `90s`, `30m`, `12h`, `7d`, as seconds. */
export const duration: Reader<number> = textOf({ pattern: durationPattern.source }, (value, place) => {
  const match = durationPattern.exec(value);
  if (match === null) return fault(place, "invalid_duration", `"${brief(value)}" is no duration`, durationHint(value));
  const seconds = Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[match[2] as "s" | "m" | "h" | "d"];
  return seconds <= 30 * 86400 ? seconds : fault(place, "out_of_range", `${place.path} is ${value}`, "write at most 30d");
});

function durationHint(written: string): string {
  const match = /^\s*([1-9]\d{0,6})\s*([smhd])[a-z]*\s*$/i.exec(written);
  return match === null ? "write 90s, 30m, 12h or 7d" : `did you mean "${match[1]}${match[2]!.toLowerCase()}"?`;
}

const ratePattern = /^([1-9]\d{0,8})\/(s|m|h)$/;

/** `10/s`, `60/m`, `1000/h`. */
export const rate: Reader<{ readonly calls: number; readonly seconds: number }> = textOf(
  { pattern: ratePattern.source },
  (value, place) => {
    const match = ratePattern.exec(value);
    if (match === null) return fault(place, "invalid_rate", `"${brief(value)}" is no rate`, rateHint(value));
    return { calls: Number(match[1]), seconds: { s: 1, m: 60, h: 3600 }[match[2] as "s" | "m" | "h"] };
  },
);

function rateHint(written: string): string {
  const match = /^\s*([1-9]\d{0,8})\s*(?:\/|per|an?|each)?\s*([smh])[a-z]*\s*$/i.exec(written);
  return match === null ? "write 10/s, 60/m or 1000/h" : `did you mean "${match[1]}/${match[2]!.toLowerCase()}"?`;
}

const percentPattern = /^([1-9]\d?)%$/;

/** `1%` to `99%`, as a whole number. */
export const percent: Reader<number> = reader({ type: "string", pattern: percentPattern.source }, (place) => {
  const value = scalar(place)?.value;
  const match = typeof value === "string" ? percentPattern.exec(value) : null;
  if (match !== null) return Number(match[1]);
  if (typeof value === "number" && percentPattern.test(`${value}%`)) {
    return fault(place, "invalid_percentage", `${value} is no share of the limit`, `did you mean "${value}%"?`);
  }
  if (typeof value !== "string" && typeof value !== "number") return wrongType(place, "text, as 80%");
  return fault(place, "invalid_percentage", `"${brief(String(value))}" is no share of the limit`, "write 1% to 99%");
});

const datePattern = /^\d{4}-\d{2}-\d{2}$/;

/** A day of the calendar, `2027-01-31`. */
export const date: Reader<string> = textOf({ pattern: datePattern.source, format: "date" }, (value, place) => {
  const day = datePattern.test(value) ? new Date(`${value}T00:00:00Z`) : undefined;
  // An impossible day such as February 30 is either invalid or another day.
  if (day !== undefined && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value)) return value;
  return fault(place, "invalid_date", `"${brief(value)}" is no date`, "write a day as 2027-01-31");
});

const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/;

/** An instant in UTC, `2027-01-31T12:00:00Z`, as milliseconds since 1970. */
export const instant: Reader<number> = textOf({ pattern: instantPattern.source, format: "date-time" }, (value, place) => {
  const at = instantPattern.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at) || !new Date(at).toISOString().startsWith(value.slice(0, 19)))
    return fault(place, "invalid_date", `"${brief(value)}" is no time`, "write a time in UTC as 2027-01-31T12:00:00Z");
  return at;
});

/** One plain value of a closed set. */
export const scalarValue: Reader<{ readonly value: ScalarValue }> = reader({ type: ["string", "number", "boolean", "null"] }, (place) => {
  const read = scalar(place);
  if (read === undefined) return wrongType(place, "text, a number, true, false or null");
  if (typeof read.value !== "number") return read;
  const value = number(place);
  return value === undefined ? undefined : { value };
});

export const timeZone: Reader<string> = textOf({ examples: ["UTC", "Europe/Zurich"] }, (value, place) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
    return value;
  } catch {
    return fault(place, "unknown_time_zone", `"${brief(value)}" is no time zone`, timeZoneHint(value));
  }
});

function timeZoneHint(written: string): string {
  const near = nearestTo(written, Intl.supportedValuesOf("timeZone"));
  return near === undefined ? "write an IANA name such as Europe/Zurich" : `did you mean "${near}"?`;
}

export const brief = (value: string): string => (value.length > 64 ? `${value.slice(0, 64)}…` : value);
