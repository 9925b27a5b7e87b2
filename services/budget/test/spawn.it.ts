import { afterAll, beforeAll, expect, test } from "vitest";
import { account, limit, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [limit("prompt/*", 3), limit("prompt/*/agent/greedy", 1), limit("tenant", 1_000)]);
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const spawn = (promptId: string, { parent = "planner", child = "worker", tenant = "acme", as = "token-0" } = {}) =>
  service.as(as).maySpawn({ tenant, parent, child, promptId });

const use = (scope: string, units: number) =>
  service.as("authz-0").lease({ account: account("acme", scope), holder: "e1", need: BigInt(units), want: BigInt(units) });

test("work may be handed on until nothing is left of the prompt's quota", async () => {
  await use("prompt/p1", 2);
  expect(await spawn("p1")).toMatchObject({ maySpawn: true });
  await use("prompt/p1", 1);
  expect(await spawn("p1")).toMatchObject({
    maySpawn: false,
    code: "budget_exhausted",
    message: "nothing is left of the 3 actions of prompt/p1",
  });
  expect(await spawn("p2"), "another prompt has its own quota").toMatchObject({ maySpawn: true });
});

test("an agent whose own share of the prompt is spent hands nothing on, and gets nothing", async () => {
  await use("prompt/p3/agent/greedy", 1);
  expect(await spawn("p3", { parent: "greedy" })).toMatchObject({ maySpawn: false });
  expect(await spawn("p3", { child: "greedy" })).toMatchObject({ maySpawn: false });
  expect(await spawn("p3")).toMatchObject({ maySpawn: true });
});

test("without a prompt nothing stands in the way; without known limits everything does", async () => {
  expect(await spawn("")).toMatchObject({ maySpawn: true });
  await expect(spawn("p1", { tenant: "unknown" })).rejects.toMatchObject({ code: "unavailable" });
});

test("only token may ask", async () => {
  await expect(spawn("p1", { as: "authz-0" })).rejects.toMatchObject({ code: "permission_denied" });
});
