import { Outcome, ReportOutcomeRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import type { OutcomeEvent } from "@aegis/contracts/outcome-event";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { given as world } from "../../test/given.ts";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
`;

function given(governance = "") {
  const authz = world({ policy: governance === "" ? policy : `${policy}---\n${governance}\n` });
  const report = (decisionId: string, change: MessageInitShape<typeof ReportOutcomeRequestSchema> = {}) =>
    authz.reportOutcome(
      create(ReportOutcomeRequestSchema, { agentToken: "good", decisionId, outcome: Outcome.EXECUTED, ...change }),
      authz.caller,
    );
  return { ...authz, report, last: () => authz.log.events.at(-1) as unknown as { subject: string; event: OutcomeEvent } };
}

test("an outcome is recorded with the decision's reservations and without what must not be stored", async () => {
  const { call, report, last } = given();
  const draft = await call({}, { amount: 5 });
  const id = await report(draft.id, {
    outcome: Outcome.FAILED,
    actual: { microUsd: 5n, tokens: 7n },
    error: "declined for jo@example.com",
    resultDigest: `sha256:${"a".repeat(64)}`,
  });
  expect(last().subject).toBe("aegis.outcome.acme.finance-agent.failed");
  expect(last().event).toMatchObject({
    id,
    data: { decisionId: draft.id, outcome: "failed", actual: { microUsd: 5, tokens: 7 }, reservations: [...draft.reservations] },
  });
  expect(last().event.data.error).toBe("declined for [REDACTED:email]");
});

test("what a call really cost in another currency is recorded with its worth in US dollars, or not taken where no rate is declared", async () => {
  const { call, report, last } = given(
    "apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: g }\nspec: { exchange_rates: { EUR: 1.08 } }",
  );
  const draft = await call({}, { amount: 5 });
  const cost = (currency: string) => ({ microUsd: 0n, tokens: 3n, currency, micro: 101n });
  await expect(report(draft.id, { actual: cost("CHF") })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(draft.id, { actual: cost("euro") })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(draft.id, { actual: { ...cost("EUR"), microUsd: 1n } })).rejects.toMatchObject({ code: "invalid_argument" });
  await report(draft.id, { actual: cost("EUR") });
  expect(last().event.data.actual).toEqual({ microUsd: 110, tokens: 3, money: { currency: "EUR", micro: 101, rate: 1.08 } });
});

test("what a tenant's own detector finds in an error is not stored either", async () => {
  const { call, report, last } = given(
    "apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: g }\nspec: { detectors: [{ name: badge, pattern: 'B[0-9]{6}' }] }",
  );
  const draft = await call({}, { amount: 5 });
  await report(draft.id, { outcome: Outcome.FAILED, error: "refused for B774193" });
  expect(last().event.data.error).toBe("refused for [REDACTED:badge]");
});

test("a decision this replica does not know is reported all the same", async () => {
  const { report, last } = given();
  await report("01890a5d-ac96-774b-bcce-b302099a8057");
  expect(last().event.data.reservations).toBeUndefined();
});

test("somebody else's decision cannot be reported", async () => {
  const { call, report, token } = given();
  const draft = await call({}, { amount: 5 });
  token.claims = { ...token.claims, client_id: "mallory", sub: "mallory" };
  await expect(report(draft.id)).rejects.toMatchObject({ code: "permission_denied" });
});

test("a repeat with the same request id is recorded once", async () => {
  const { report, log } = given();
  const [first, second] = await Promise.all([1, 2].map(() => report("01890a5d-ac96-774b-bcce-b302099a8057", { requestId: "r" })));
  expect(second).toBe(first);
  expect(log.events).toHaveLength(1);
});

test("a malformed report and a bad or expired token are errors", async () => {
  const { report, token, log } = given();
  const id = "01890a5d-ac96-774b-bcce-b302099a8057";
  await expect(report("x")).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(id, { outcome: Outcome.UNSPECIFIED })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(id, { resultDigest: "md5:1" })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(id, { actual: { microUsd: -1n } })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(report(id, { agentToken: "bad" })).rejects.toMatchObject({ code: "unauthenticated" });
  token.expired = true;
  await expect(report(id)).rejects.toMatchObject({ code: "unauthenticated" });
  expect(log.events).toEqual([]);
});

test("an outcome that cannot be recorded is not confirmed", async () => {
  const { report, log } = given();
  log.fails = true;
  await expect(report("01890a5d-ac96-774b-bcce-b302099a8057", { requestId: "r" })).rejects.toMatchObject({ code: "unavailable" });
  log.fails = false;
  await report("01890a5d-ac96-774b-bcce-b302099a8057", { requestId: "r" });
});

test("what failed more often than governance allows is not tried again unchanged, and is once it succeeded", async () => {
  const { call, report, told, clock, revocations } = given(
    "apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: ground-rules }\nspec: { retry_unchanged: 2 }",
  );
  const fail = async () => report((await call()).id, { outcome: Outcome.FAILED });
  await fail();
  const second = (await call()).id;
  await report(second, { outcome: Outcome.FAILED });
  await report(second, { outcome: Outcome.FAILED });
  expect((await call()).decision, "twice is allowed, and one failure told twice is one").toBe("allow");
  await fail();
  expect(told).toHaveLength(3);
  const refused = await call();
  expect([refused.decision, refused.reasons.map(({ code }) => code)]).toEqual(["deny", ["retry_unchanged"]]);
  expect((await call({}, { amount: 101 })).decision, "another call").toBe("allow");
  clock.time += 60 * 60 * 1000;
  revocations.confirm(clock.time);
  expect((await call()).decision, "an hour later").toBe("allow");
});
