import { expect, test } from "vitest";
import { forecast } from "./forecast.ts";

const line = (settled: number, limit = 100) => ({ windowStart: 1_000, windowEnd: 2_000, limit, settled });

test("what is spent by the end is what the window so far says", () => {
  expect(forecast(line(30), 1_500)).toEqual({ projected: 60 });
  expect(forecast(line(0), 1_500)).toEqual({ projected: 0 });
  expect(forecast(line(60), 1_500)).toEqual({ projected: 120, exhaustedAt: 1_834 });
  expect(forecast(line(120), 1_500)).toEqual({ projected: 240, exhaustedAt: 1_500 });
});

test("nothing is said too early in a window, nor of one without an end", () => {
  expect(forecast(line(1), 1_005)).toBeUndefined();
  expect(forecast({ ...line(1), windowEnd: undefined }, 1_500)).toBeUndefined();
});
