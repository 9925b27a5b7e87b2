import type { BudgetWindow } from "@aegis/policy/ir";

/** The stretch of time an account counts in: from `start`, to just before `end`. Milliseconds since the epoch. */
export interface Window {
  readonly start: number;
  /** Undefined: a prompt's or session's own account has no end. */
  readonly end: number | undefined;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * The window that `now` falls in: for `day`, the calendar day of the time zone (IANA name); a prompt or a session has one window for ever.
 *
 * @throws RangeError for an unknown time zone.
 */
export function windowAt(kind: BudgetWindow, now: number, timeZone: string): Window {
  if (kind !== "day") return { start: 0, end: undefined };
  // Finding where a day starts takes a hundred questions to the calendar, and every decision asks.
  const known = days.get(timeZone);
  if (known !== undefined && known.start <= now && now < known.end) return known;
  const found = dayAt(now, timeZone);
  days.set(timeZone, found);
  return found;
}

type Day = Window & { readonly end: number };

/** The day that was last asked for in each time zone. */
const days = new Map<string, Day>();

function dayAt(now: number, timeZone: string): Day {
  // Where clocks go back across midnight, a date is shown twice; a day still starts once, so windows neither overlap nor leave a gap.
  let day = dateAt(now, timeZone);
  while (now >= startOf(day + 1, timeZone)) day++;
  while (now < startOf(day, timeZone)) day--;
  return { start: startOf(day, timeZone), end: startOf(day + 1, timeZone) };
}

/** The first instant of a date, which is not always midnight: where clocks jump over it, the day starts at one. */
function startOf(day: number, timeZone: string): number {
  // Offsets from UTC lie between −12 and +14 hours.
  let before = day * dayMs - 15 * hourMs;
  let after = day * dayMs + 13 * hourMs;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (dateAt(middle, timeZone) < day) before = middle;
    else after = middle;
  }
  return after;
}

/** The date that a clock in the time zone shows, as days since 1970-01-01. */
function dateAt(instant: number, timeZone: string): number {
  let [year, month, day] = [0, 0, 0];
  for (const part of formatter(timeZone).formatToParts(instant)) {
    if (part.type === "year") year = Number(part.value);
    else if (part.type === "month") month = Number(part.value);
    else if (part.type === "day") day = Number(part.value);
  }
  return daysSinceEpoch(year, month, day);
}

/** Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so that the leap day is the last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  let made = formatters.get(timeZone);
  if (made === undefined) {
    made = new Intl.DateTimeFormat("en-US", { timeZone, calendar: "gregory", year: "numeric", month: "2-digit", day: "2-digit" });
    formatters.set(timeZone, made);
  }
  return made;
}
