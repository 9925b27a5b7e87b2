import type { CheckResponse } from "@aegis/contracts/aegis/authz/v1/authz";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

const rules = (rates: string, limits: string) =>
  `apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: ground-rules }\nspec: { exchange_rates: ${rates}, limits: ${limits} }\n`;
const payments = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: payments }
spec:
  agents: [finance-agent]
  tools:
    - name: stripe-payments
      actions:
        - { name: create_payment, additional_parameters: allow, cost: { money: { amount: args.amount, currency: args.currency } } }
`;

let tenant: Tenant;
let caller: Caller;

beforeAll(async () => {
  tenant = await sharedTenant("euro");
  await tenant.publish(payments, rules("{ EUR: 1.1, JPY: 0.0067 }", "[{ budget: daily, usd: 100, money: EUR 60 }]"));
  await tenant.register("finance-agent");
  const issue = ["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"];
  caller = callAuthz(tenant.fabric.endpoints.authz.grpc, (await tenant.cli.json<{ access_token: string }>(issue)).access_token);
});
afterAll(() => caller?.[Symbol.dispose]());

const pay = (amount: number, currency: string): Promise<CheckResponse> =>
  caller.client.check({
    agentToken: caller.token,
    tool: "stripe-payments",
    action: "create_payment",
    args: { case: "argumentsJson", value: Buffer.from(JSON.stringify({ amount, currency })) },
  });
const aegis = <T>(...args: string[]) => tenant.cli.json<T>([...args, "--tenant", tenant.name]);
const why = ({ reasons }: CheckResponse) => reasons.map(({ code, message }) => `${code}: ${message}`);

test("a ceiling in US dollars holds over euros and yen by the declared rates, and one in euros over euros alone", async () => {
  // The budget service reads what was published, too, a moment later.
  await expect.poll(async () => isAllowed(await pay(10, "EUR")), { timeout: 30_000 }).toBe(true);
  expect(isAllowed(await pay(5000, "JPY"))).toBe(true);
  expect(why(await pay(51, "EUR"))).toEqual([expect.stringMatching(/^budget_exhausted: micro_eur of tenant per day: /)]);
  expect(isAllowed(await pay(50, "EUR"))).toBe(true);
  expect(why(await pay(1, "USD"))).toEqual([expect.stringMatching(/^budget_exhausted: micro_usd of tenant per day: /)]);
  expect(isAllowed(await pay(0.5, "USD"))).toBe(true);
  expect(why(await pay(1, "CHF"))).toEqual([expect.stringContaining("no exchange rate is declared for CHF")]);
  const lines = async () =>
    (await aegis<{ unit: string; limit: number; reserved: number; settled: number }[]>("budget", "show")).map(
      ({ unit, limit, reserved, settled }) => `${unit} ${reserved + settled >= limit * 0.99}`,
    );
  expect(await lines()).toEqual(["micro_eur true", "micro_usd true"]);
});

test("what was spent says in which currencies, the record says at which rate, and usage in another currency is counted too", async () => {
  await aegis("budget", "usage", "u-1", "--agent", "finance-agent", "--money", "EUR 0.02");
  const spent = () => aegis<{ key: string; microUsd: number; currencies: Record<string, number> }[]>("budget", "spend");
  const all = { key: "finance-agent", microUsd: 100_022_000, currencies: { EUR: 60_020_000, JPY: 5_000_000_000 } };
  await expect.poll(spent, { timeout: 30_000 }).toMatchObject([all]);
  const text = await tenant.cli.run("budget", "spend", "--csv", "--tenant", tenant.name);
  expect(text.stdout).toContain("finance-agent,100.02,0,4,EUR 60.02 JPY 5000.00");
  await expect(aegis("budget", "usage", "u-2", "--agent", "finance-agent", "--money", "CHF 1")).rejects.toThrow(
    /no exchange rate is declared for CHF/,
  );
  const { decisionId } = await pay(0, "EUR");
  const shown = () => aegis<{ entry: { event: { data: { cost: unknown } } } }>("audit", "show", decisionId);
  await expect
    .poll(async () => JSON.stringify(await shown().catch(() => "")), { timeout: 30_000 })
    .toContain('"money":{"currency":"EUR","micro":0,"rate":1.1}');
});

test("a currency without a rate is refused before it is published", async () => {
  await expect(tenant.publish(payments, rules("{ EUR: 1.1 }", "[{ budget: daily, money: CHF 60 }]"))).rejects.toThrow(/unknown_currency/);
});
