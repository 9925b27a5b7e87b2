import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, claimsOf, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const admin = (method: string, path: string, json?: unknown, tenant = "acme") =>
  asOperator(around, { [tenant]: ["admin"] }, method, `${service.url}${path}`, json);
const template = {
  tenant: "acme",
  name: "payer",
  purpose: "pays invoices",
  risk: "medium",
  scope: ["pay:*", "mail:read"],
  mayAct: ["planner"],
  scopeReviews: [{ scope: "pay:*", justification: "it pays", reviewBy: "2030-01-01" }],
};
const made = (agent: string, more: object, tenant = "acme") =>
  registered(around, service, { tenant, agent }, undefined, undefined, { mayAct: undefined, ...more });

test("an agent made from a template has what its registration leaves out, and its tokens no more than that", async () => {
  expect((await admin("POST", "/v1/templates", template)).status).toBe(201);
  expect((await admin("POST", "/v1/templates", template)).status).toBe(409);
  expect((await admin("GET", "/v1/templates?tenant=acme")).body.templates).toEqual([
    expect.objectContaining({ name: "payer", kind: "agentic" }),
  ]);
  const whole = await made("whole", { template: "payer" });
  const shown = (await admin("GET", "/v1/agents/whole?tenant=acme")).body;
  expect(shown).toMatchObject({
    template: "payer",
    purpose: "pays invoices",
    risk: "medium",
    mayAct: ["planner"],
    scope: ["mail:read", "pay:*"],
  });
  expect(shown.scopeReviews).toEqual(template.scopeReviews);
  expect(claimsOf(await whole.own()).scope).toBe("mail:read pay:*");
  const narrow = await made("narrow", { template: "payer", scope: ["pay:send"], mayAct: [], risk: "high" });
  expect(claimsOf(await narrow.own()).scope).toBe("pay:send");
  expect((await narrow.own({ scope: "pay:read" })).body.error).toBe("invalid_scope");
});

test("nothing is made wider than its template, nor from another tenant's", async () => {
  for (const wider of [{ scope: ["*:*"] }, { scope: ["mail:*"] }, { mayAct: ["other"] }, { risk: "low" }, { kind: "generative" }])
    await expect(made("wider", { template: "payer", ...wider }), JSON.stringify(wider)).rejects.toThrow(/does not allow|invalid/);
  await expect(made("borrower", { template: "payer" }, "globex")).rejects.toThrow(/no template/);
  await expect(made("bare", {})).rejects.toThrow(/scope must be given/);
});

test("a template that is removed makes no more agents; those it made stay", async () => {
  expect((await admin("DELETE", "/v1/templates/payer?tenant=acme", undefined, "globex")).status).toBe(403);
  expect((await admin("DELETE", "/v1/templates/payer?tenant=globex", undefined, "globex")).status).toBe(404);
  expect((await admin("DELETE", "/v1/templates/payer?tenant=acme")).status).toBe(204);
  await expect(made("late", { template: "payer" })).rejects.toThrow(/no template/);
  expect((await admin("GET", "/v1/agents/whole?tenant=acme")).body.state).toBe("active");
});
