import { expect, test } from "vitest";
import { activePolicy, given } from "../../test/given.ts";

const payments =
  "agent: finance-agent\nallowed_tools:\n- name: stripe-payments\n  actions: [create_payment]\n  conditions: { max_amount: 5000 }";
const governance = (spec: string) => `apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: g }\nspec: ${spec}`;
const member = `${payments}\n---\n${governance("{ member_of: acme-group, limits: [{ budget: daily, actions: 500 }] }")}`;
const limits = "limits: [{ budget: daily, actions: 9 }, { budget: daily, actions: 7 }, { budget: monthly, usd: 5 }]";

const world = (organisation?: string) => {
  const made = given({ policy: member });
  if (organisation !== undefined) made.policies.set("acme-group", activePolicy(governance(organisation), "acme-group"));
  return made;
};

test("a member's call is charged to its own accounts and to each of its organisation's, once", async () => {
  const { decision, reservations } = await world(`{ organisation: { members: [acme], ${limits} } }`).call();
  expect(decision).toBe("allow");
  expect(reservations.map(({ scope, unit, window, units }) => `${scope} ${units} ${unit} ${window}`)).toEqual([
    "tenant 1 actions day",
    "org/acme-group 1 actions day",
    "org/acme-group 0 micro_usd month",
  ]);
});

test.each([
  ["is not known", undefined],
  ["is none", "{ time_zone: UTC }"],
  ["does not list the tenant", `{ organisation: { members: [globex], ${limits} } }`],
])("where the organisation %s, the call is denied", async (_what, organisation) => {
  const { call, budget } = world(organisation);
  expect(await call()).toMatchObject({ decision: "deny", reasons: [{ code: "budget_exhausted" }], retryAfter: 5 });
  expect(budget.reserved).toBe(0);
  expect(await call({}, { amount: 9_000 })).toMatchObject({ reasons: [{ code: "parameter_out_of_range" }] });
});

test.each([
  ["declares none: the member's hold", "", 108_000_000],
  ["declares its own: they hold", "exchange_rates: { EUR: 1.2 },", 120_000_000],
])("of euros, an organisation's ceiling in US dollars counts by rates; it %s", async (_what, own, units) => {
  const rates = "exchange_rates: { EUR: 1.08 }";
  const made = given({ policy: `${payments}\n---\n${governance(`{ member_of: acme-group, ${rates} }`)}` });
  const organisation = `{ ${own} organisation: { members: [acme], limits: [{ budget: monthly, usd: 500 }] } }`;
  made.policies.set("acme-group", activePolicy(governance(organisation), "acme-group"));
  const estimate = { microUsd: 0n, tokens: 0n, currency: "EUR", micro: 100_000_000n };
  expect((await made.call({ estimate })).reservations).toMatchObject([{ scope: "org/acme-group", unit: "micro_usd", units }]);
});

test("a currency that the organisation's rates do not know is denied", async () => {
  const made = given({ policy: `${payments}\n---\n${governance("{ member_of: acme-group, exchange_rates: { EUR: 1.08 } }")}` });
  const organisation = "{ exchange_rates: { JPY: 0.0067 }, organisation: { members: [acme], limits: [{ budget: monthly, usd: 500 }] } }";
  made.policies.set("acme-group", activePolicy(governance(organisation), "acme-group"));
  const estimate = { microUsd: 0n, tokens: 0n, currency: "EUR", micro: 1n };
  expect(await made.call({ estimate })).toMatchObject({
    decision: "deny",
    reasons: [{ code: "budget_exhausted", message: "acme-group: no exchange rate is declared for EUR" }],
  });
});
