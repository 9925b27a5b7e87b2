import fc from "fast-check";
import { expect, test } from "vitest";
import { windowAt } from "./window.ts";

const at = Date.parse;
const day = (now: string, zone: string) => {
  const { start, end } = windowAt("day", at(now), zone);
  return [new Date(start).toISOString(), new Date(end ?? 0).toISOString()];
};

test("a prompt's and a session's account have one window for ever", () => {
  expect(windowAt("prompt", at("2026-11-20T12:00:00Z"), "UTC")).toEqual({ start: 0, end: undefined });
  expect(windowAt("session", 0, "America/Sao_Paulo")).toEqual({ start: 0, end: undefined });
});

test("a day is the calendar day of the tenant's time zone", () => {
  expect(day("2026-11-20T12:00:00Z", "UTC")).toEqual(["2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z"]);
  expect(day("2026-11-20T02:59:59.999Z", "America/Sao_Paulo")).toEqual(["2026-11-19T03:00:00.000Z", "2026-11-20T03:00:00.000Z"]);
  expect(day("2026-11-20T03:00:00Z", "America/Sao_Paulo")).toEqual(["2026-11-20T03:00:00.000Z", "2026-11-21T03:00:00.000Z"]);
  expect(day("2026-11-20T18:30:00Z", "Asia/Kolkata")).toEqual(["2026-11-20T18:30:00.000Z", "2026-11-21T18:30:00.000Z"]);
});

test("the day on which clocks skip midnight starts at one o'clock", () => {
  // America/Sao_Paulo, 2018-11-04: 00:00 never was.
  expect(day("2018-11-04T12:00:00Z", "America/Sao_Paulo")).toEqual(["2018-11-04T03:00:00.000Z", "2018-11-05T02:00:00.000Z"]);
  expect(day("2018-11-04T02:59:59Z", "America/Sao_Paulo")).toEqual(["2018-11-03T03:00:00.000Z", "2018-11-04T03:00:00.000Z"]);
});

test("the hour before midnight that clocks repeat belongs to the day that ends", () => {
  // America/Sao_Paulo, 2018-02-17: 24:00 became 23:00.
  expect(day("2018-02-18T02:30:00Z", "America/Sao_Paulo")).toEqual(["2018-02-17T02:00:00.000Z", "2018-02-18T03:00:00.000Z"]);
});

const window = (kind: "hour" | "week" | "month", now: string, zone: string) => {
  const { start, end } = windowAt(kind, at(now), zone);
  return [new Date(start).toISOString(), new Date(end ?? 0).toISOString()];
};

test("a week begins on Monday and a month on its first, by the tenant's clock", () => {
  // 2026-11-29 is a Sunday; in São Paulo it is still Sunday when it is Monday in UTC.
  expect(window("week", "2026-11-30T02:59:00Z", "America/Sao_Paulo")).toEqual(["2026-11-23T03:00:00.000Z", "2026-11-30T03:00:00.000Z"]);
  expect(window("week", "2026-11-30T03:00:00Z", "America/Sao_Paulo")).toEqual(["2026-11-30T03:00:00.000Z", "2026-12-07T03:00:00.000Z"]);
  expect(window("month", "2027-01-01T02:59:00Z", "America/Sao_Paulo")).toEqual(["2026-12-01T03:00:00.000Z", "2027-01-01T03:00:00.000Z"]);
  expect(window("month", "2028-02-29T12:00:00Z", "UTC")).toEqual(["2028-02-01T00:00:00.000Z", "2028-03-01T00:00:00.000Z"]);
});

test("weeks and months in which clocks are set are an hour shorter or longer", () => {
  expect(window("week", "2026-03-29T12:00:00Z", "Europe/Berlin")).toEqual(["2026-03-22T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]);
  expect(window("month", "2026-10-10T12:00:00Z", "Europe/Berlin")).toEqual(["2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"]);
  // São Paulo, November 2018: the clocks skipped an hour on the fourth.
  expect(window("month", "2018-11-20T12:00:00Z", "America/Sao_Paulo")).toEqual(["2018-11-01T03:00:00.000Z", "2018-12-01T02:00:00.000Z"]);
});

test("an hour is the clock's, also where it differs by half an hour, and a repeated hour is two", () => {
  expect(window("hour", "2026-11-20T12:15:00Z", "Asia/Kolkata")).toEqual(["2026-11-20T11:30:00.000Z", "2026-11-20T12:30:00.000Z"]);
  expect(window("hour", "2026-10-25T00:30:00Z", "Europe/Berlin")).toEqual(["2026-10-25T00:00:00.000Z", "2026-10-25T01:00:00.000Z"]);
  expect(window("hour", "2026-10-25T01:30:00Z", "Europe/Berlin")).toEqual(["2026-10-25T01:00:00.000Z", "2026-10-25T02:00:00.000Z"]);
  // Lord Howe sets its clocks by half an hour: 02:00 became 01:30.
  expect(window("hour", "2026-04-04T14:45:00Z", "Australia/Lord_Howe")).toEqual(["2026-04-04T14:00:00.000Z", "2026-04-04T15:00:00.000Z"]);
  expect(window("hour", "2026-04-04T15:15:00Z", "Australia/Lord_Howe")).toEqual(["2026-04-04T15:00:00.000Z", "2026-04-04T15:30:00.000Z"]);
});

test("days of 23 and 25 hours", () => {
  expect(day("2026-03-29T12:00:00Z", "Europe/Berlin")).toEqual(["2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]);
  expect(day("2026-10-25T12:00:00Z", "Europe/Berlin")).toEqual(["2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"]);
});

test("a day is found whichever day was asked for before", () => {
  for (const now of ["2026-11-20T23:59:59.999Z", "2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z"]) {
    const start = at(now) - (at(now) % 86_400_000);
    expect(windowAt("day", at(now), "UTC"), now).toEqual({ start, end: start + 86_400_000 });
  }
});

test("29 February is a day, and a date that was left out is none", () => {
  expect(day("2028-02-29T23:59:59.999Z", "UTC")).toEqual(["2028-02-29T00:00:00.000Z", "2028-03-01T00:00:00.000Z"]);
  // Pacific/Apia had no 2011-12-30.
  expect(day("2011-12-30T09:59:59Z", "Pacific/Apia")[1]).toBe("2011-12-30T10:00:00.000Z");
  expect(day("2011-12-30T10:00:00Z", "Pacific/Apia")[0]).toBe("2011-12-30T10:00:00.000Z");
});

test("an unknown time zone is refused", () => {
  expect(() => windowAt("day", 0, "Mars/Olympus")).toThrow(RangeError);
});

test("windows follow each other without gap or overlap, whatever the zone and the moment", () => {
  const zones = fc.constantFrom(
    "UTC",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Australia/Lord_Howe",
  );
  const kinds = fc.constantFrom("hour", "day", "week", "month");
  const instants = fc.integer({ min: at("1985-01-01T00:00:00Z"), max: at("2040-01-01T00:00:00Z") });
  fc.assert(
    fc.property(kinds, zones, instants, (kind, zone, now) => {
      const { start, end } = windowAt(kind, now, zone);
      expect(start).toBeLessThanOrEqual(now);
      expect(end).toBeGreaterThan(now);
      expect(windowAt(kind, start, zone)).toEqual({ start, end });
      expect(windowAt(kind, end! - 1, zone)).toEqual({ start, end });
      expect(windowAt(kind, end!, zone).start).toBe(end);
    }),
    { numRuns: 400 },
  );
});
