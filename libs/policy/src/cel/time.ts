import type { ClockPart } from "./expression.ts";

/** The years 1 to 9999, in milliseconds since 1970. */
export const timestampRange = { least: -62_135_596_800_000, most: 253_402_300_799_999 } as const;
/** About 10,000 years. */
export const durationRange = { least: -315_576_000_000_000, most: 315_576_000_000_000 } as const;
/** The years 1970 to 2099: where every engine's tables of time zones agree. */
export const clockRange = { least: 0, most: 4_102_444_799_999 } as const;

export const timestampPattern: string = String.raw`^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$`;
const timestampExpression = new RegExp(timestampPattern);

/** Milliseconds since 1970 of an RFC 3339 timestamp; digits after the third of a fraction are cut off. */
export function readTimestamp(text: string): number | undefined {
  const match = timestampExpression.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour = "00", offsetMinute = "00"] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(offsetHour) > 23 || Number(offsetMinute) > 59)
    return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(`${fraction}000`.slice(0, 3)));
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000;
  const value = date.getTime() + (sign === "-" ? offset : -offset);
  return value >= timestampRange.least && value <= timestampRange.most ? value : undefined;
}

const unitMilliseconds: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds of `1h30m`, `-2.5s`, `100ms`; whole milliseconds only. */
export function readDuration(text: string): number | undefined {
  const match = /^(-)?((?:\d+(?:\.\d+)?(?:h|ms|m|s))+|0)$/.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const [, count, unit] of match[2]!.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) total += Number(count) * unitMilliseconds[unit!]!;
  const whole = Math.round(total);
  // 1.1 * 3600000 is a whole number that binary fractions miss.
  if (Math.abs(whole - total) > 1e-6 || whole > durationRange.most) return undefined;
  return match[1] === undefined || whole === 0 ? whole : -whole;
}

/** A fixed offset from UTC in milliseconds, or the name of a zone. */
export function readZone(zone: string): number | string | undefined {
  if (zone === "UTC") return 0;
  const offset = /^([+-]?)(\d{2}):(\d{2})$/.exec(zone);
  if (offset !== null) {
    const [, sign, hours, minutes] = offset;
    if (Number(hours) > 14 || Number(minutes) > 59) return undefined;
    const value = (Number(hours) * 60 + Number(minutes)) * 60_000;
    return sign === "-" && value > 0 ? -value : value;
  }
  if (!/^[A-Z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)+$/.test(zone)) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions();
    // Names are files elsewhere: their case counts. An older name of the same zone is one too.
    return timeZone.toLowerCase() === zone.toLowerCase() && timeZone !== zone ? undefined : zone;
  } catch {
    return undefined;
  }
}

/** Reads one part of a timestamp as a clock in the zone shows it; months, days of the month (but `getDate`) and of the week count from 0. */
export function clockReader(part: ClockPart, zone: string): (at: number) => number {
  const place = readZone(zone);
  if (typeof place !== "string") return (at) => read(part, new Date(at + (place ?? 0)));
  const format = new Intl.DateTimeFormat("en", {
    timeZone: place,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (at) => {
    const shown: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(at)) shown[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = shown;
    return read(part, new Date(Date.UTC(year, month - 1, day, hour, minute, second, at % 1000)));
  };
}

function read(part: ClockPart, date: Date): number {
  switch (part) {
    case "getFullYear":
      return date.getUTCFullYear();
    case "getMonth":
      return date.getUTCMonth();
    case "getDate":
      return date.getUTCDate();
    case "getDayOfMonth":
      return date.getUTCDate() - 1;
    case "getDayOfWeek":
      return date.getUTCDay();
    case "getHours":
      return date.getUTCHours();
    case "getMinutes":
      return date.getUTCMinutes();
    case "getSeconds":
      return date.getUTCSeconds();
    case "getMilliseconds":
      return date.getUTCMilliseconds();
  }
}
