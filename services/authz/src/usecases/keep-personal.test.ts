import type { DecisionEvent } from "@aegis/contracts/decision-event";
import { openBytes } from "@aegis/identity/sealed";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: ToolCatalog
metadata: { name: tools, tenant: acme }
spec:
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          risk: high
          data_subject: /customer
          personal: [/memo, "/lines/*/text", /score, /vip]
        - { name: list_currencies, risk: low }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp: [{ detect: [email], action: redact }]
  egress: { allow: [api.stripe.com] }
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - name: create_payment
          additional_parameters: allow
          parameters: { amount: { type: number, max: 5000, beyond: approval_needed } }
        - { name: list_currencies, additional_parameters: allow }
`;
const person = "Cassandra Quill";
const args = {
  ...{ amount: 10, customer: person, memo: "owes a violet kite", lines: [{ text: "a tin whistle", ref: "r-1" }], score: 4711, vip: true },
};
const url = `https://api.stripe.com/customers/${encodeURIComponent(person)}?expand=1`;
const context = { reasoning: `${person} asked for it`, sessionId: "s-1" };
const spoken = ["Cassandra", "violet kite", "tin whistle", "4711", "expand"];

const plain = (event: unknown) => spoken.filter((word) => JSON.stringify(event).includes(word));

test("what a catalog declares as personal is in the event under its subject's key alone, with the path and the reasoning", async () => {
  const { call, log, subjectKeys } = given({ policy });
  const draft = await call({ destination: { url, method: "POST" }, context }, args);
  expect(draft.decision).toBe("allow");
  const { data } = log.last();
  expect(plain(data)).toEqual([]);
  expect(data.arguments).toEqual({
    ...{ amount: 10, customer: "[REDACTED:personal]", memo: "[REDACTED:personal]" },
    ...{ lines: [{ text: "[REDACTED:personal]", ref: "r-1" }], score: 0, vip: false },
  });
  expect(data.destination?.url).toBe("https://api.stripe.com/[REDACTED:personal]");
  expect(data.context).toEqual({ sessionId: "s-1", reasoning: "[REDACTED:personal]" });
  expect(data.redactions.map(({ pointer, detector }) => `${detector} ${pointer}`)).toContain("personal /lines/0/text");
  const key = subjectKeys.keys.get(`acme ${person}`);
  const opened = await openBytes(
    key?.secret ?? new Uint8Array(),
    { kid: data.sealed?.key ?? "", for: draft.id },
    data.sealed?.content ?? "",
  );
  const fields = Object.fromEntries(
    (data.sealed?.fields ?? []).map((pointer, index) => [pointer, JSON.parse(Buffer.from(opened).toString())[index]]),
  );
  expect(fields).toEqual({
    ...{ "/arguments/customer": person, "/arguments/memo": "owes a violet kite", "/arguments/lines/0/text": "a tin whistle" },
    ...{ "/arguments/score": 4711, "/arguments/vip": true, "/destination/url": url, "/context/reasoning": context.reasoning },
  });
});

test("what detectors find in it is in no event, not even sealed", async () => {
  const { call, log, subjectKeys } = given({ policy });
  const draft = await call({}, { ...args, memo: "write to cass@quill.example" });
  expect(draft.decision).toBe("sanitize");
  const { sealed, redactions } = log.last().data;
  const key = subjectKeys.keys.get(`acme ${person}`);
  const opened = await openBytes(key?.secret ?? new Uint8Array(), { kid: sealed?.key ?? "", for: draft.id }, sealed?.content ?? "");
  expect(Buffer.from(opened).toString()).toContain("write to [REDACTED:email]");
  expect(redactions.filter(({ pointer }) => pointer === "/memo")).toEqual([{ pointer: "/memo", detector: "personal", count: 1 }]);
});

test.each<[string, Parameters<ReturnType<typeof given>["call"]>, boolean]>([
  ["no key can be had", [{ destination: { url, method: "POST" }, context }, args], true],
  ["nothing names the person", [{ context }, { ...args, customer: { name: person } }], false],
  ["the catalog does not know the action", [{ action: "refund", context }, args], false],
])("where %s, what is personal is recorded nowhere, and the decision stands", async (_, [change, given_], away) => {
  const { call, log, subjectKeys } = given({ policy });
  subjectKeys.away = away;
  const draft = await call(change, given_ as Record<string, unknown>);
  expect(["allow", "deny"]).toContain(draft.decision);
  const { data } = log.last();
  expect(data.sealed).toBeUndefined();
  expect(plain(data)).toEqual([]);
  expect(data.context.reasoning).toBe("[REDACTED:personal]");
});

test("also of a call that is refused before any policy is asked", async () => {
  const { call, log, token } = given({ policy });
  token.expired = true;
  expect((await call({}, args)).reasons[0]?.code).toBe("token_expired");
  expect(plain(log.last().data)).toEqual([]);
  expect(log.last().data.sealed).toBeDefined();
});

test("what an action without declared data is asked is recorded as ever", async () => {
  const { call, log } = given({ policy });
  await call({ action: "list_currencies", context }, { near: "Cassandra" });
  expect(log.last().data).toMatchObject({ arguments: { near: "Cassandra" }, context });
  expect(log.last().data.sealed).toBeUndefined();
});

test("of what a tool answers about a person nothing is recorded, nor of what it says of its failure", async () => {
  const { call, checkResult, reportOutcome, log, caller } = given({ policy });
  const { id } = await call({}, args);
  const of = { agentToken: "good", decisionId: id, tool: "stripe-payments", action: "create_payment" };
  await checkResult({ ...of, content: Buffer.from(JSON.stringify({ name: person })), context: undefined }, caller);
  expect(plain(log.last())).toEqual([]);
  const told = { outcome: 2, error: `no customer ${person}`, resultDigest: "", requestId: "" };
  await reportOutcome({ ...of, ...told } as unknown as Parameters<typeof reportOutcome>[0], { ...caller });
  expect(log.last().data).toMatchObject({ outcome: "failed", error: "[REDACTED:personal]" });
});

test("whoever is asked for standing leave learns nothing personal, and no bound fits it", async () => {
  const { call, approvals } = given({ policy });
  await call({}, { ...args, amount: 6000 });
  expect(plain(approvals.held)).toEqual([]);
  expect(approvals.held).toMatchObject([{ arguments: { score: null, memo: null, amount: 6000 } }]);
});

test("a held call's event shows people which data there are, and none of it", async () => {
  const { call, log } = given({ policy });
  expect((await call({ context }, { ...args, amount: 6000 })).decision).toBe("approval_needed");
  const event: DecisionEvent = log.last();
  expect(event.data.approval).toBeDefined();
  expect(plain(event)).toEqual([]);
});
