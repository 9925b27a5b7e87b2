import { expect, test } from "vitest";
import { fromTemplate, type Template, type Templated } from "./template.ts";

const template: Template = {
  tenant: "acme",
  name: "payer",
  purpose: "pays invoices",
  kind: "agentic",
  risk: "medium",
  scope: ["mail:read", "pay:*"],
  mayAct: ["planner"],
  scopeReviews: [{ scope: "pay:*", justification: "it pays" }],
  createdAt: 0,
  createdBy: "alice",
};

test("what a registration leaves out comes from its template", () => {
  const { purpose, kind, risk, scope, mayAct, scopeReviews } = template;
  expect(fromTemplate<Templated & { owner: string }>(template, { owner: "bob" })).toEqual({
    ok: true,
    registration: { owner: "bob", purpose, kind, risk, scope, mayAct, scopeReviews },
  });
});

test("what it says itself counts, where that is narrower", () => {
  const given = { scope: ["pay:send"], mayAct: [], risk: "high" as const, purpose: "pays rent", scopeReviews: [] };
  expect(fromTemplate(template, given)).toMatchObject({ ok: true, registration: given });
});

test("nothing is wider than its template", () => {
  const refused = [
    { scope: ["pay:send", "mail:send"] },
    { scope: ["mail:*"] },
    { mayAct: ["planner", "other"] },
    { risk: "low" },
    { kind: "generative" },
  ];
  for (const given of refused) expect(fromTemplate(template, given as never), JSON.stringify(given)).toMatchObject({ ok: false });
});
