import { beforeAll, expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { codes, sharedTenant, type Tenant } from "../src/tenant.ts";

let tenant: Tenant;

beforeAll(async () => {
  tenant = await sharedTenant("sanitize");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
});

const payment = (args: Record<string, unknown>, ...more: string[]) => ({
  agent: "finance-agent",
  tool: "stripe-payments",
  action: "create_payment",
  args: { amount: 10, currency: "USD", recipient: "acct_ink", ...args },
  more,
});

test("an address and a card in nested arguments come back redacted at their pointers, all else as it was", async () => {
  const answer = await tenant.check(
    payment({
      lines: [
        { note: "mail jo@example.com", quantity: 2, paid: true },
        { note: "card 4111 1111 1111 1111", tags: [null, "plain"] },
      ],
    }),
  );
  expect(answer.decision).toBe("sanitize");
  expect(answer.redactions?.map(({ pointer, detector }) => [pointer, detector])).toEqual([
    ["/lines/0/note", "email"],
    ["/lines/1/note", "credit_card"],
  ]);
  expect(answer.arguments).toMatchObject({
    amount: 10,
    currency: "USD",
    lines: [{ quantity: 2, paid: true }, { tags: [null, "plain"] }],
  });
  expect(JSON.stringify(answer)).not.toMatch(/jo@example\.com|4111/);
});

test("a destination that is not on the list is refused, whatever it is dressed as", async () => {
  const to = async (url: string) => {
    const answer = await tenant.check(payment({}, "--url", url, "--method", "POST"));
    return [answer.decision, ...codes(answer)];
  };
  expect(await to("https://api.stripe.com/v1/charges")).toEqual(["allow"]);
  expect(await to("https://books.ledger.internal/x")).toEqual(["allow"]);
  for (const url of [
    "https://evil.test/",
    "https://api.stripe.com@evil.test/",
    "https://api.stripe.com.evil.test/",
    "https://evil.test/#api.stripe.com",
  ]) {
    expect(await to(url), url).toEqual(["deny", "egress_blocked"]);
  }
});

test("what was found is in no log, no event and no ledger row", async () => {
  const answer = await tenant.check(payment({ memo: "pay jo.secret@example.com" }));
  await expect
    .poll(() => tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, "--limit", "500"]), { timeout: 20_000 })
    .toContainEqual(expect.objectContaining({ id: answer.decisionId }));
  const shown = await tenant.cli.run("audit", "show", answer.decisionId, "--tenant", tenant.name, "--json");
  expect(shown.stdout).toContain(answer.decisionId);
  expect(shown.stdout).not.toContain("jo.secret");
});
