import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  limits:
    - { rate: 60/m }
    - { budget: daily, actions: 1000, soft: 80%, at_soft: approval_needed }
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, max: 5000, beyond: approval_needed }
`;
const codes = (draft: { reasons: readonly { code: string }[] }) => draft.reasons.map((reason) => reason.code);

test("a call takes a place under its rates before it takes units", async () => {
  const { call, rates, budget } = given({ policy });
  expect((await call()).decision).toBe("allow");
  expect(rates.asked).toEqual([["agent/finance-agent"]]);
  rates.places = 0;
  const refused = await call();
  expect([refused.decision, codes(refused), refused.retryAfter]).toEqual(["deny", ["rate_limited"], 5]);
  expect(budget.reserved).toBe(1);
});

test("what is denied, pending or a dry run takes no place, and a refused call gives its place back", async () => {
  const { call, rates, budget } = given({ policy });
  rates.places = 1;
  await call({ dryRun: true });
  await call({}, { amount: "many" });
  await call({}, { amount: 9000 });
  expect(rates.asked).toEqual([]);
  budget.left = 0;
  expect(codes(await call())).toEqual(["budget_exhausted"]);
  expect(rates.places).toBe(1);
});

test("a decision that cannot be recorded gives its place back", async () => {
  const { call, rates, log } = given({ policy });
  rates.places = 1;
  log.fails = true;
  expect(codes(await call())).toEqual(["audit_unavailable"]);
  expect(rates.places).toBe(1);
});

test("past a soft threshold a call becomes a question, and the answer lets exactly it through", async () => {
  const { call, budget, approvals, rates, log } = given({ policy });
  budget.soft = "approval_needed";
  rates.places = 5;
  const asked = await call();
  expect([asked.decision, codes(asked), asked.approval?.queue]).toEqual(["approval_needed", ["approval_required"], "default"]);
  expect(log.last().data).toMatchObject({ decision: "approval_needed", ruleDigest: asked.verdict?.ruleDigest });
  expect([budget.reserved, rates.places], "nothing is taken while a person is asked").toEqual([0, 5]);

  approvals.good.add("leave");
  const allowed = await call({ overrideToken: "leave" });
  expect([allowed.decision, budget.committed]).toEqual(["allow", 1]);
  expect(approvals.asked).toMatchObject([{ ruleDigest: asked.verdict?.ruleDigest, decisionId: allowed.id }]);
  const again = await call({ overrideToken: "leave" });
  expect([again.decision, codes(again), budget.returned]).toEqual(["deny", ["override_invalid"], 1]);
});

test("the leave for a violated bound also lets the call past the threshold", async () => {
  const { call, budget, approvals } = given({ policy });
  const asked = await call({}, { amount: 9000 });
  budget.soft = "approval_needed";
  approvals.good.add("leave");
  expect((await call({ overrideToken: "leave" }, { amount: 9000 })).decision).toBe("allow");
  expect(approvals.asked).toMatchObject([{ ruleDigest: asked.verdict?.ruleDigest }]);
});

test("a person's leave does not lift the limit, nor a pace", async () => {
  const { call, budget, approvals } = given({ policy });
  approvals.good.add("leave");
  budget.soft = "approval_needed";
  budget.left = 0;
  expect(codes(await call({ overrideToken: "leave" }))).toEqual(["budget_exhausted"]);
  budget.soft = "throttle";
  const paced = await call({ overrideToken: "leave" });
  expect([codes(paced), paced.retryAfter, approvals.asked.length]).toEqual([["rate_limited"], 9, 0]);
});
