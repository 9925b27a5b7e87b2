import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  limits:
    - { budget: daily, actions: 1000 }
  tools:
    - name: stripe-payments
      justification: pays invoices
      deny: [delete_*]
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            memo: { type: string, optional: true }
`;
const grantId = "01890a5d-ac96-774b-bcce-b302099a8058";

test("a call under a standing grant passes at once, is charged, and its record names the grant", async () => {
  const { call, approvals, log, budget } = given({ policy });
  approvals.standing = 1;
  const draft = await call({}, { amount: 50_000 });
  expect([draft.decision, draft.reasons, draft.grantOf]).toEqual(["allow", [], grantId]);
  expect(log.last().data).toMatchObject({ grantOf: grantId, decision: "allow" });
  expect(log.last().data.approval).toBeUndefined();
  expect(budget).toMatchObject({ reserved: 1, committed: 1, returned: 0 });
  expect(approvals.uses).toMatchObject([
    { grantId, tenant: "acme", agent: "finance-agent", decisionId: draft.id, actionDigest: draft.actionDigest },
  ]);
  expect((await call({}, { amount: 50_000 })).decision).toBe("approval_needed");
});

test("what is asked about tells the approvals service no more than an event does", async () => {
  const { call, approvals } = given({ policy });
  await call({}, { amount: 50_000, memo: "to jo@example.com" });
  expect(approvals.held).toMatchObject([{ tool: "stripe-payments", action: "create_payment", subject: "finance-agent" }]);
  expect(JSON.stringify(approvals.held)).not.toContain("jo@example.com");
});

test("under a standing grant, what must be hidden is still hidden", async () => {
  const { call, approvals } = given({ policy });
  approvals.standing = 1;
  const draft = await call({}, { amount: 50_000, memo: "to jo@example.com" });
  expect(draft.decision).toBe("sanitize");
  expect(draft.sanitized?.arguments.memo).toBe("to [REDACTED:email]");
});

test("a grant that is gone between finding and using lets nothing pass, asks people, and gives the budget back", async () => {
  const { call, approvals, budget } = given({ policy });
  approvals.standing = 1;
  approvals.meanwhile = () => {
    approvals.standing = 0;
  };
  const draft = await call({}, { amount: 50_000 });
  expect([draft.decision, draft.grantOf]).toEqual(["approval_needed", undefined]);
  expect(draft.approval?.id).toBeDefined();
  expect(budget).toMatchObject({ reserved: 1, committed: 0, returned: 1 });
});

test("no grant lifts a deny, serves a dry run, or is asked for where no leave is needed", async () => {
  const { call, approvals } = given({ policy });
  approvals.standing = 9;
  expect((await call({ action: "delete_all" }, { amount: 1 })).decision).toBe("deny");
  expect((await call({}, { amount: 50_000, other: 1 })).decision).toBe("deny");
  expect((await call({ dryRun: true }, { amount: 50_000 })).decision).toBe("approval_needed");
  expect((await call({}, { amount: 100 })).decision).toBe("allow");
  expect(approvals.held).toEqual([]);
  expect(approvals.uses).toEqual([]);
});

test("while approvals cannot be asked, people are", async () => {
  const { call, approvals } = given({ policy });
  approvals.standing = 1;
  approvals.reachable = false;
  expect((await call({}, { amount: 50_000 })).decision).toBe("approval_needed");
});

test("a call without budget under a grant is refused and uses nothing of it", async () => {
  const { call, approvals, budget } = given({ policy });
  approvals.standing = 1;
  budget.left = 0;
  const draft = await call({}, { amount: 50_000 });
  expect(draft.reasons.map(({ code }) => code)).toEqual(["budget_exhausted"]);
  expect(approvals.standing).toBe(1);
});
