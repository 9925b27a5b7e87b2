import { expect, test } from "vitest";
import vectors from "../../../vectors/tokens/claims.json" with { type: "json" };
import { agentClaims, chainOf } from "./claims.ts";

test.each(vectors.accepted)("accepts $name and reads its chain", ({ claims, chain }) => {
  const parsed = agentClaims.parse(claims);
  expect(parsed).toEqual(claims);
  expect(chainOf(parsed)).toEqual(chain);
});

test.each(vectors.refused)("refuses $name", ({ from, change }) => {
  const base = vectors.accepted.find((one) => one.name === from)!.claims;
  const changed = Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, value]) => value !== null));
  expect(agentClaims.safeParse(changed).success).toBe(false);
});

test("claims that mean nothing here are dropped, not carried on", () => {
  const parsed = agentClaims.parse({ ...vectors.accepted[2]!.claims, admin: true, roles: ["admin"] });
  expect(parsed).toEqual(vectors.accepted[2]!.claims);
});
