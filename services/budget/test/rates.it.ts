import { afterAll, beforeAll, expect, test } from "vitest";
import { limit, type Running, type Surroundings, surroundings } from "./running.ts";

const rate = (scope: string, calls: number, seconds: number) => ({ rule: "policy.yaml:1", scope, calls, seconds });

let around: Surroundings;
let replicas: Running[];

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [limit("tenant", 1_000_000)], {
    // So slow that nothing is refilled while a test looks.
    rates: [rate("agent/*", 50, 86_400), rate("agent/two", 5, 43_200), rate("tool/mail", 20, 86_400), rate("agent/quick", 10, 1)],
  });
  await around.publish("other", 1, [limit("tenant", 1)], { rates: [rate("agent/*", 3, 86_400)] });
  replicas = [await around.start("budget-0"), await around.start("budget-1")];
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const admit = (scopes: string[], calls = 1, { tenant = "acme", at = 0, returned = 0 } = {}) =>
  (replicas[at % replicas.length] as Running).as(`authz-${at % 3}`).admit({ tenant, scopes, calls, returned });

test("of 300 calls at once through two replicas, exactly as many go ahead as the rate has room for", async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, (_, at) => admit(["agent/crowd"], 1, { at })));
  expect(answers.filter(({ admitted }) => admitted === 1)).toHaveLength(50);
  const refused = answers.find(({ admitted }) => admitted === 0);
  expect(refused?.refusedBy).toBe("50 in 86400 s on agent/crowd");
  expect(Number(refused?.retryAfter?.seconds)).toBeGreaterThan(1_600);
});

test("a call passes every rate or takes a place of none", async () => {
  expect((await admit(["agent/both", "tool/mail"], 30)).admitted).toBe(20);
  expect((await admit(["agent/both", "tool/mail"], 10)).admitted).toBe(0);
  expect((await admit(["agent/both"], 100)).admitted, "the refused calls took none of the agent's places").toBe(30);
});

test("of two rates on one account the stricter one decides, and is named", async () => {
  expect(await admit(["agent/two"], 9)).toMatchObject({ admitted: 5, refusedBy: "5 in 43200 s on agent/two" });
});

test("a place that was not used is free again", async () => {
  expect((await admit(["agent/returning"], 50)).admitted).toBe(50);
  expect((await admit(["agent/returning"], 0, { returned: 2 })).admitted).toBe(0);
  expect((await admit(["agent/returning"], 5)).admitted).toBe(2);
});

test("a rate refills with time", async () => {
  expect((await admit(["agent/quick"], 10)).admitted).toBe(10);
  await expect.poll(() => admit(["agent/quick"], 1).then(({ admitted }) => admitted), { interval: 20 }).toBe(1);
});

test("what nothing bounds goes ahead, and another tenant's rates are its own", async () => {
  expect((await admit(["tenant"], 9_999)).admitted).toBe(9_999);
  expect((await admit(["agent/elsewhere"], 4, { tenant: "other" })).admitted).toBe(3);
  expect((await admit(["agent/elsewhere"], 4)).admitted).toBe(4);
});

test("a tenant nobody knows, and whoever is not authz, gets nothing", async () => {
  await expect(admit(["tenant"], 1, { tenant: "unknown" })).rejects.toMatchObject({ code: "unavailable" });
  const [service] = replicas as [Running];
  await expect(service.as("token-0").admit({ tenant: "acme", scopes: ["tenant"], calls: 1 })).rejects.toMatchObject({
    code: "permission_denied",
  });
});
