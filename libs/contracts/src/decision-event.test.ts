import { expect, test } from "vitest";
import { decisionData, principal } from "./decision-event.ts";

test("what a caller calls things has no control character, so that any store can hold it", () => {
  const { context } = decisionData.shape;
  for (const field of ["sessionId", "promptId", "purpose", "planId", "replanOf", "toolCallId"]) {
    expect(context.safeParse({ [field]: "p-1 é" }).success).toBe(true);
    expect(context.safeParse({ [field]: "p\u0000x" }).success, field).toBe(false);
  }
  expect(context.safeParse({ reasoning: "two\nlines" }).success).toBe(true);
  expect(principal.shape.subject.safeParse("user:u\u0000").success).toBe(false);
});
