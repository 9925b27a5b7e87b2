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
 * The window that `now` falls in: the calendar hour, day, week (from Monday) or month of the time zone (IANA name); a prompt or a session
 * has one window for ever.
 *
 * @throws RangeError for an unknown time zone.
 */
export function windowAt(kind: BudgetWindow, now: number, timeZone: string): Window {
  if (kind === "prompt" || kind === "session") return { start: 0, end: undefined };
  // Finding where a day starts takes a hundred questions to the calendar, and every decision asks.
  const key = `${kind} ${timeZone}`;
  const known = latest.get(key);
  if (known !== undefined && known.start <= now && now < known.end) return known;
  const found = kind === "hour" ? hourAt(now, timeZone) : daysAt(kind, now, timeZone);
  latest.set(key, found);
  return found;
}

type Ending = Window & { readonly end: number };

/** The windows that were last asked for, of each kind in each time zone. */
const latest = new Map<string, Ending>();

/** A window of whole days. */
function daysAt(kind: "day" | "week" | "month", now: number, timeZone: string): Ending {
  const day = dayAt(now, timeZone);
  const between = (from: number, to: number): Ending => ({ start: startOf(from, timeZone), end: startOf(to, timeZone) });
  if (kind === "day") return between(day, day + 1);
  if (kind === "week") {
    // 1970-01-01 was a Thursday.
    const monday = day - ((((day + 3) % 7) + 7) % 7);
    return between(monday, monday + 7);
  }
  const { year, month } = shownAt(startOf(day, timeZone), timeZone);
  return between(daysSinceEpoch(year, month, 1), month === 12 ? daysSinceEpoch(year + 1, 1, 1) : daysSinceEpoch(year, month + 1, 1));
}

/** Where clocks go back across midnight, a date is shown twice; a day still starts once, so windows neither overlap nor leave a gap. */
function dayAt(now: number, timeZone: string): number {
  let day = dateAt(now, timeZone);
  while (now >= startOf(day + 1, timeZone)) day++;
  while (now < startOf(day, timeZone)) day--;
  return day;
}

/** From one full hour on the clock to the next. An hour that clocks repeat is two; where they are set within an hour, it ends there. */
function hourAt(now: number, timeZone: string): Ending {
  const offset = offsetAt(now, timeZone);
  const full = Math.floor((now + offset) / hourMs) * hourMs - offset;
  const start = offsetAt(full, timeZone) === offset ? full : changeBetween(full, now, timeZone);
  const end = full + hourMs;
  return { start, end: offsetAt(end - 1, timeZone) === offset ? end : changeBetween(now, end, timeZone) };
}

/** The first instant after `before` at which clocks show what they do at `after`. */
function changeBetween(before: number, after: number, timeZone: string): number {
  const offset = offsetAt(after, timeZone);
  let [early, late] = [before, after];
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (offsetAt(middle, timeZone) === offset) late = middle;
    else early = middle;
  }
  return late;
}

/** Milliseconds that clocks are ahead of UTC. */
function offsetAt(instant: number, timeZone: string): number {
  const { year, month, day, hour, minute, second } = shownAt(instant, timeZone);
  const shown = daysSinceEpoch(year, month, day) * dayMs + hour * hourMs + minute * 60_000 + second * 1000;
  return shown - Math.floor(instant / 1000) * 1000;
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
  const { year, month, day } = shownAt(instant, timeZone);
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

const clocks = new Map<string, Intl.DateTimeFormat>();
const units = ["year", "month", "day", "hour", "minute", "second"] as const;

/** What a clock in the time zone shows. */
function shownAt(instant: number, timeZone: string): Record<(typeof units)[number], number> {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
    const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
    clock = new Intl.DateTimeFormat("en-US", { timeZone, calendar: "gregory", ...date, ...time });
    clocks.set(timeZone, clock);
  }
  const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of clock.formatToParts(instant)) for (const unit of units) if (type === unit) shown[unit] = Number(value);
  return shown;
}
