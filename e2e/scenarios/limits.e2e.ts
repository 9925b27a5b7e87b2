import { expect, test } from "vitest";
import { callAuthz, isAllowed } from "../src/caller.ts";
import { codes, sharedTenant } from "../src/tenant.ts";

const policy = (limits: string) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  limits:
    - ${limits}
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          additional_parameters: allow
`;

async function tenantWith(prefix: string, limits: string) {
  const tenant = await sharedTenant(prefix);
  await tenant.publish(policy(limits));
  await tenant.register("finance-agent");
  const issued = await tenant.cli.json<{ access_token: string }>([
    ...["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"],
  ]);
  return { tenant, token: issued.access_token };
}

test("at most 20 calls an hour: of 60 at once 20 go ahead, the others are told when to come back", async () => {
  const { tenant, token } = await tenantWith("rate", "{ rate: 20/h }");
  using caller = callAuthz(tenant.fabric.endpoints.authz.grpc, token);
  const answers = await Promise.all(Array.from({ length: 60 }, () => caller.pay(10)));
  expect(answers.filter(isAllowed)).toHaveLength(20);
  const refused = answers.filter((answer) => !isAllowed(answer));
  expect(new Set(refused.flatMap(({ reasons }) => reasons.map(({ code }) => code)))).toEqual(new Set(["rate_limited"]));
  // The next place is free after an hour's twentieth.
  expect(Number(refused[0]?.retryAfter?.seconds)).toBeGreaterThan(100);
  expect(Number(refused[0]?.retryAfter?.seconds)).toBeLessThanOrEqual(180);
});

test("at 80 % of a budget calls become questions; a person lets one through, and the limit holds all the same", async () => {
  const { tenant, token } = await tenantWith("soft", "{ budget: prompt, actions: 10, soft: 80%, at_soft: approval_needed }");
  using caller = callAuthz(tenant.fabric.endpoints.authz.grpc, token);
  const answers = await Promise.all(Array.from({ length: 30 }, () => caller.pay(10, { promptId: "p-1" })));
  expect(answers.filter(isAllowed)).toHaveLength(8);

  const ask = (amount: number, ...more: string[]) =>
    tenant.check({
      agent: "finance-agent",
      tool: "stripe-payments",
      action: "create_payment",
      args: { amount },
      more: ["--token", token, "--prompt", "p-1", ...more],
    });
  const approved = async (amount: number) => {
    const asked = await ask(amount);
    expect([asked.decision, codes(asked)]).toEqual(["approval_needed", ["approval_required"]]);
    const id = asked.approval?.id ?? "";
    await expect
      .poll(() => tenant.cli.json(["approvals", "approve", id, "--tenant", tenant.name, "--as", "bob"], "any"), { timeout: 20_000 })
      .toMatchObject({ state: "approved" });
    const override = await tenant.cli.json<{ override_token: string }>([
      ...["approvals", "override", id, "--tenant", tenant.name, "--token", token],
    ]);
    return ask(amount, "--override", override.override_token);
  };
  expect((await approved(11)).decision).toBe("allow");
  expect((await approved(12)).decision).toBe("allow");
  const last = await ask(13);
  expect([last.decision, codes(last)], "all ten are used, and no person can change that").toEqual(["deny", ["budget_exhausted"]]);
});
