import { expect, test } from "vitest";
import { compare } from "./unusual.ts";

const earlier = [6_000, 12_000, 8_000].map((amount) => ({ amount, to: { account: "acct_1" }, memo: "rent" }));
const says = (present: Record<string, unknown>) =>
  Object.fromEntries(compare(present, earlier).map(({ pointer, says, unusual }) => [pointer, `${unusual ? "! " : ""}${says}`]));

test("each argument is told beside the earlier ones", () => {
  expect(says({ amount: 50_000, to: { account: "acct_9" }, urgent: true })).toEqual({
    "/amount": "! above all of 3 earlier (6,000 to 12,000)",
    "/to/account": "! never this in 3 earlier",
    "/urgent": "! not given in any of 3 earlier",
    "/memo": "! missing, and was there in all 3 earlier",
  });
  expect(says({ amount: 7_000, to: { account: "acct_1" }, memo: "rent" })).toEqual({
    "/amount": "within 3 earlier (6,000 to 12,000)",
    "/to/account": "the same in 3 of 3 earlier",
    "/memo": "the same in 3 of 3 earlier",
  });
  expect(says({ amount: "7000", to: { account: "acct_1" }, memo: "rent" })["/amount"]).toBe("! never this in 3 earlier");
  expect(says({ amount: 5, to: { account: "acct_1" }, memo: "rent" })["/amount"]).toBe("! below all of 3 earlier (6,000 to 12,000)");
});

test("too few earlier ones tell nothing", () => {
  expect(compare({ amount: 1 }, earlier.slice(0, 2))).toEqual([]);
});
