import { actionName, agentName, namePattern, tenantName, toolName, toolPattern } from "@aegis/contracts/names";
import { type DetectorName, detectorNames } from "@aegis/dlp/detect";
import { RE2JS } from "re2js";
import type { z } from "zod";
import type { ScalarValue } from "../ir.ts";
import { fault, type Place, type Reader, scalar, wrongType } from "./reader.ts";
import { suggestion } from "./suggest.ts";

export const text: Reader<string> = (place) => {
  const value = scalar(place)?.value;
  return typeof value === "string" ? value : wrongType(place, "text");
};

/** Text for people: reasons, justifications, queues. */
export const shortText: Reader<string> = (place) => {
  const value = text(place);
  if (value === undefined || (value.length > 0 && value.length <= 1000)) return value;
  return fault(place, "invalid_value", `${place.path} must have 1 to 1,000 characters`);
};

export const truth: Reader<boolean> = (place) => {
  const value = scalar(place)?.value;
  return typeof value === "boolean" ? value : wrongType(place, "true or false");
};

/** A number that is the same in every engine: finite, and an exact double when it is an integer. */
export const number: Reader<number> = (place) => {
  const value = scalar(place)?.value;
  if (typeof value !== "number") return wrongType(place, "a number");
  if (!Number.isFinite(value)) return fault(place, "invalid_value", `${place.path} is not a finite number`, "write a finite number");
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return fault(place, "invalid_value", `${place.path} cannot be kept exactly`, `stay within ±${Number.MAX_SAFE_INTEGER}`);
  }
  return Object.is(value, -0) ? 0 : value;
};

export const integer =
  (least: number, most: number): Reader<number> =>
  (place) => {
    const value = number(place);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value)) return fault(place, "wrong_type", `${place.path} is not a whole number`, "write a whole number");
    if (value >= least && value <= most) return value;
    return fault(place, "out_of_range", `${place.path} is ${value}`, `write ${least} to ${most}`);
  };

/** US dollars as integer micro-units. */
export const usd: Reader<number> = (place) => {
  const written = scalar(place)?.value;
  if (typeof written === "string") {
    return fault(
      place,
      "not_supported",
      "a cost that is computed from arguments is not supported by this version",
      "write a constant number of US dollars",
    );
  }
  const value = number(place);
  if (value === undefined) return undefined;
  if (value < 0 || value > 1e9) return fault(place, "out_of_range", `${place.path} is ${value}`, "write 0 to 1000000000 US dollars");
  return Math.round(value * 1e6);
};

export const oneOf =
  <const T extends string>(...values: readonly T[]): Reader<T> =>
  (place) => {
    const value = text(place);
    if (value === undefined) return undefined;
    return (
      values.find((each) => each === value) ??
      fault(place, "invalid_value", `"${brief(value)}" is no value of ${place.path}`, suggestion(value, values))
    );
  };

/** A value that is understood, and one that is not enforced by this version. */
export const supported =
  <const T extends string>(values: readonly T[], refused: readonly string[], hint: string): Reader<T> =>
  (place) => {
    const value = scalar(place)?.value;
    if (typeof value === "string" && refused.includes(value)) {
      return fault(place, "not_supported", `${place.path}: ${value} is not supported by this version`, hint);
    }
    return oneOf(...values)(place);
  };

const nameReader =
  (schema: z.ZodString, pattern: RegExp, what: string): Reader<string> =>
  (place) => {
    const value = text(place);
    if (value === undefined || schema.safeParse(value).success) return value;
    return fault(place, "invalid_name", `"${brief(value)}" is no ${what} name`, `must match ${pattern.source}`);
  };

export const agent = nameReader(agentName, namePattern, "agent");
export const tenant = nameReader(tenantName, namePattern, "tenant");
export const tool = nameReader(toolName, toolPattern, "tool");
export const action = nameReader(actionName, toolPattern, "action");
/** A document's own name, or a purpose, queue or obligation. */
export const label = nameReader(toolName, toolPattern, "plain");

/** A name, or a prefix of names ending in `*`; `*` alone is every name. */
const prefixReader =
  (exact: Reader<string>, prefix: RegExp): Reader<string> =>
  (place) => {
    const value = text(place);
    if (value === undefined || prefix.test(value)) return value;
    if (value.includes("*"))
      return fault(place, "invalid_name", `"${brief(value)}" has a * that is not at its end`, "write a name, or a prefix and one *");
    return exact(place);
  };

export const agentPattern = prefixReader(agent, /^(?:[a-z0-9][a-z0-9-]{0,62})?\*$/);
export const actionPattern = prefixReader(action, /^(?:[A-Za-z0-9][A-Za-z0-9_./:-]{0,127})?\*$/);

export const parameterName = (name: string, place: Place): boolean => {
  if (name.length > 0 && name.length <= 256) return true;
  fault(place, "invalid_name", "a parameter's name must have 1 to 256 characters");
  return false;
};

export const detector: Reader<DetectorName> = (place) => {
  const value = text(place);
  if (value === undefined) return undefined;
  return (
    detectorNames.find((name) => name === value) ??
    fault(place, "invalid_value", `"${brief(value)}" is no detector`, suggestion(value, detectorNames))
  );
};

/** RE2 syntax: linear time, and the same in both engines. */
export const pattern: Reader<string> = (place) => {
  const value = text(place);
  if (value === undefined) return undefined;
  if (value.length > 1000) return fault(place, "invalid_pattern", `${place.path} is over 1,000 characters`);
  try {
    RE2JS.compile(value);
    return value;
  } catch (caught) {
    const why = caught instanceof Error ? caught.message : "unreadable";
    return fault(place, "invalid_pattern", `${place.path}: ${why}`, "RE2 syntax has no lookaround and no backreference");
  }
};

/** JSON pointer (RFC 6901) whose segments may be `*`. */
export const pointerPattern: Reader<string> = (place) => {
  const value = text(place);
  if (value?.split("/").includes("**")) {
    const hint = "write one * for each level; leave `in` out to look everywhere";
    return fault(place, "invalid_value", `"${brief(value)}" has **, which no pointer knows`, hint);
  }
  if (value === undefined) return value;
  if (value.split("/").includes("**")) {
    return fault(
      place,
      "invalid_value",
      `"${brief(value)}" has **, which no pointer knows`,
      "write one * for each level; leave `in` out to look everywhere",
    );
  }
  if (/^(?:\/(?:[^~/]|~[01])*)+$/u.test(value) && value.length <= 1000) return value;
  return fault(place, "invalid_value", `"${brief(value)}" is no JSON pointer`, 'write "/member", "/list/*/member"');
};

/** `90s`, `30m`, `12h`, `7d`, as seconds. */
export const duration: Reader<number> = (place) => {
  const value = text(place);
  if (value === undefined) return undefined;
  const match = /^([1-9]\d{0,6})(s|m|h|d)$/.exec(value);
  if (match === null) return fault(place, "invalid_value", `"${brief(value)}" is no duration`, "write 90s, 30m, 12h or 7d");
  const seconds = Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[match[2] as "s" | "m" | "h" | "d"];
  return seconds <= 30 * 86400 ? seconds : fault(place, "out_of_range", `${place.path} is ${value}`, "write at most 30d");
};

/** One plain value of a closed set. */
export const scalarValue: Reader<{ readonly value: ScalarValue }> = (place) => {
  const read = scalar(place);
  if (read === undefined) return wrongType(place, "text, a number, true, false or null");
  if (typeof read.value !== "number") return read;
  const value = number(place);
  return value === undefined ? undefined : { value };
};

export const timeZone: Reader<string> = (place) => {
  const value = text(place);
  if (value === undefined) return undefined;
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
    return value;
  } catch {
    return fault(place, "invalid_value", `"${brief(value)}" is no time zone`, "write an IANA name such as Europe/Zurich");
  }
};

const brief = (value: string): string => (value.length > 64 ? `${value.slice(0, 64)}…` : value);
