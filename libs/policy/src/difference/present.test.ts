import { expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { difference } from "./difference.ts";
import { presentChanges } from "./present.ts";

const document = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent, invoice-agent]
  egress: { allow: [api.stripe.com, "*.ledger.internal"] }
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  limits:
    - { budget: daily, usd: 2000 }
  tools:
    - name: stripe-payments
      deny: [delete_*]
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            currency: { enum: [USD, EUR] }
        - name: refund
`;

function read(text: string) {
  const compiled = compile([{ name: "finance.yaml", text }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  return compiled.policies;
}

test("a reviewer reads what each agent gains, loses and is held to", () => {
  const after = document
    .replace("[finance-agent, invoice-agent]", "[finance-agent, invoice-agent, audit-agent]")
    .replace("api.stripe.com", "api.paypal.com")
    .replace("action: redact", "action: mask")
    .replace("usd: 2000", "usd: 500")
    .replace("max: 5000", "max: 2000")
    .replace("[USD, EUR]", "[USD]")
    .replace("        - name: refund\n", "        - name: list_payments\n          approval: { queue: finance, quorum: 2 }\n");
  const changes = difference(read(document), read(after));
  expect(presentChanges(changes.filter(({ agent }) => agent !== "audit-agent"))).toBe(`finance-agent, invoice-agent
  ~ email in /memo: redact → mask (looser)
  ~ budget: 2,000 USD a day → 500 USD a day (tighter)
  + egress opened: api.paypal.com (looser)
  - egress closed: api.stripe.com (tighter)
  ~ stripe-payments:create_payment amount: at most 5,000 → at most 2,000 (tighter)
  ~ stripe-payments:create_payment currency: one of "USD", "EUR" → one of "USD" (tighter)
  + stripe-payments:list_payments is allowed: approval of 2 people of queue finance within 30m (looser)
  - stripe-payments:refund is no longer allowed (tighter)

16 changes for 2 agents: 10 tighten, 6 loosen`);
  expect(changes.filter(({ agent }) => agent === "audit-agent").map(({ text }) => text)).toContain(
    "becomes known: what its policies allow is allowed (looser)",
  );
  expect(changes.find(({ pointer }) => pointer === "/amount")).toMatchObject({
    kind: "parameter",
    direction: "tightens",
    tool: "stripe-payments",
    action: "create_payment",
    rules: { before: ["finance.yaml:17"], after: ["finance.yaml:17"] },
  });
});

test("shadow, and who need not change: what is said of rules in shadow is neither tighter nor looser", () => {
  const shadow = document.replace("spec:\n", "spec:\n  mode: shadow\n");
  const promoted = difference(read(shadow), read(document));
  expect(promoted.map(({ agent, text, direction }) => [agent, text, direction])).toEqual(
    ["finance-agent", "invoice-agent"].flatMap((agent) => [
      [agent, "mode: shadow → enforce (tighter)", "tightens"],
      [agent, "policy finance: shadow → enforce (tighter)", "tightens"],
    ]),
  );
  const edited = difference(read(shadow), read(shadow.replace("max: 5000", "max: 9000")));
  expect(edited.map(({ text, direction, shadow: tried }) => [text, direction, tried])).toEqual(
    Array(2).fill(["in shadow: stripe-payments:create_payment amount: at most 5,000 → at most 9,000", "changes", true]),
  );
  expect(presentChanges(difference(read(document), read(`# moved\n\n${document}`)))).toBe("no change in any decision");
});

test("a tenant's first set: everything in it is new", () => {
  const lines = difference(undefined, read(document)).filter(({ agent }) => agent === "invoice-agent");
  expect(lines.map(({ kind }) => kind)).toEqual(["agent", "dlp", "limits", "egress", "action", "action", "deny"]);
});
