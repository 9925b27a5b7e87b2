import { expect, test } from "vitest";
import { arrivalGraceMs, mayStillArrive } from "./arrival.ts";

// RFC 9562 appendix A.6: this UUIDv7 was made at 1645557742000.
const id = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F";
const minted = 1_645_557_742_000;

test("an id is awaited for thirty seconds after its own time", () => {
  expect(mayStillArrive(id, minted)).toBe(true);
  expect(mayStillArrive(id, minted + arrivalGraceMs - 1)).toBe(true);
  expect(mayStillArrive(id, minted + arrivalGraceMs)).toBe(false);
});

test("an id from the far future is not awaited", () => {
  expect(mayStillArrive(id, minted - arrivalGraceMs)).toBe(false);
});

test("only a UUIDv7 tells its time", () => {
  expect(mayStillArrive("919108f7-52d1-4320-9bac-f847db4148a8", minted)).toBe(false);
});
