import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { barePayments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

const governance = (spec: string) => `apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: ground-rules }\nspec: ${spec}\n`;
const shared = (members: readonly Tenant[], actions: number) =>
  governance(
    `{ organisation: { members: [${members.map(({ name }) => name).join(", ")}], limits: [{ budget: daily, actions: ${actions} }] } }`,
  );

let organisation: Tenant;
let members: Tenant[];
let callers: Caller[];

beforeAll(async () => {
  organisation = await sharedTenant("group");
  members = [await sharedTenant("member"), await sharedTenant("member")];
  await organisation.publish(shared(members, 30));
  callers = [];
  for (const member of members) {
    await member.publish(barePayments, governance(`{ member_of: ${organisation.name}, limits: [{ budget: daily, actions: 20 }] }`));
    await member.register("finance-agent");
    const issue = ["token", "issue", "--tenant", member.name, "--agent", "finance-agent"];
    const { access_token: token } = await member.cli.json<{ access_token: string }>(issue);
    callers.push(callAuthz(member.fabric.endpoints.authz.grpc, token));
  }
});
afterAll(() => {
  for (const caller of callers ?? []) caller[Symbol.dispose]();
});

const show = (tenant: Tenant) =>
  tenant.cli.json<{ scope: string; limit: number; remaining: number }[]>(["budget", "show", "--tenant", tenant.name]);

test("two tenants spend what each may and what their organisation may, and nothing beyond; neither sees the other's", async () => {
  // The budget service reads what was published, too, a moment later.
  for (const caller of callers) await expect.poll(async () => isAllowed(await caller.pay(10)), { timeout: 30_000 }).toBe(true);
  const answers = await Promise.all(Array.from({ length: 80 }, (_, at) => callers[at % 2]!.pay(10)));
  const allowed = [0, 1].map((which) => 1 + answers.filter((answer, at) => at % 2 === which && isAllowed(answer)).length);
  console.log(`of 82 calls of two tenants with 20 each and 30 together: ${allowed.join(" and ")} allowed`);
  expect(allowed[0]! + allowed[1]!).toBe(30);
  for (const one of allowed) expect(one).toBeLessThanOrEqual(20);
  const refused = answers.filter((answer) => !isAllowed(answer));
  expect(new Set(refused.flatMap(({ reasons }) => reasons.map(({ code }) => code)))).toEqual(new Set(["budget_exhausted"]));
  for (const answer of answers) expect(answer.budgets.filter(({ scope }) => scope.startsWith("org"))).toEqual([]);
  for (const member of members) expect((await show(member)).map(({ scope }) => scope)).toEqual(["tenant"]);
  expect(await show(organisation)).toMatchObject([{ scope: "org", limit: 30, remaining: 0 }]);
});

test("the organisation's people raise the ceiling for all at once, and set a lower one", async () => {
  await organisation.publish(shared(members, 40));
  const again = async () => (await Promise.all(callers.map((caller) => caller.pay(10)))).some(isAllowed);
  await expect.poll(again, { timeout: 10_000, interval: 250 }).toBe(true);
  const set = ["budget", "set", "org", "--actions", "1", "--tenant"];
  expect((await organisation.cli.run(...set, organisation.name)).code).toBe(0);
  expect((await organisation.cli.run(...set, members[0]!.name)).code, "a member cannot").toBe(1);
  const none = async () => (await Promise.all(callers.map((caller) => caller.pay(10)))).every((answer) => !isAllowed(answer));
  await expect.poll(none, { timeout: 15_000, interval: 250 }).toBe(true);
});

test("whom the organisation does not list is denied, and takes nothing of it", async () => {
  const stranger = await sharedTenant("stranger");
  await stranger.publish(barePayments, governance(`{ member_of: ${organisation.name} }`));
  await stranger.register("finance-agent");
  const call = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment" };
  const answer = await stranger.check({ ...call, args: { amount: 10, currency: "USD", recipient: "acct_ink" } });
  expect(answer).toMatchObject({
    decision: "deny",
    reasons: [{ code: "budget_exhausted", message: expect.stringContaining("does not list") }],
  });
});
