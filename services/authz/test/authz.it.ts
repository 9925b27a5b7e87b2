import { consume } from "@aegis/bus/consume";
import { openBucket } from "@aegis/bus/kv";
import { Decision, Outcome } from "@aegis/contracts/aegis/authz/v1/authz";
import type { decisionEvent } from "@aegis/contracts/decision-event";
import { hints, stores, subjects } from "@aegis/contracts/subjects";
import { testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";

const payments = (max: number) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: ${max}, beyond: approval_needed }
            memo: { type: string, optional: true }
`;
const quota = `
quotas:
  enforcement_level: prompt
  max_actions_per_prompt: 200
`;

let world: World;
let token: string;
/** Every event on DECISIONS and CONTROL, by id. */
const events = new Map<string, { subject: string; event: ReturnType<typeof decisionEvent.parse> }>();
let deliveries = 0;
const codes = (answer: { reasons: { code: string }[] }) => answer.reasons.map((reason) => reason.code);

beforeAll(async () => {
  world = await startWorld();
  for (const stream of ["DECISIONS", "CONTROL"] as const) {
    consume(world.fabric.bus, {
      stream,
      durable: "test",
      logger: testLogger(),
      async onBatch(messages) {
        for (const message of messages) {
          deliveries += 1;
          const row = Object.values(subjects).find(({ pattern }) =>
            new RegExp(`^${pattern.replace(/<\w+>/g, "[^.]+")}$`).test(message.subject),
          );
          const event = row?.schema.parse(message.json());
          expect(message.id).toBe(event?.id);
          events.set(message.id ?? "", { subject: message.subject, event: message.json() as never });
          await message.ack();
        }
      },
    });
  }
  await world.start();
  token = await world.token();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test("a fresh replica is ready once it read that there are no policies, and denies", async () => {
  await world.ready();
  const answer = await world.check({ agentToken: token });
  expect([answer.decision, codes(answer)]).toEqual([Decision.DENY, ["policy_missing"]]);
});

test("published policies are in force within moments, and the replica says so", async () => {
  await world.enforce(payments(5000));
  const answer = await world.check({ agentToken: token });
  expect([answer.decision, answer.policyVersion]).toEqual([Decision.ALLOW, expect.stringMatching(/^1-/)]);
  await until(() => [...events.values()].some(({ subject }) => subject === "aegis.policy.acme.activated"));
});

test("the event of a decision is on JetStream, valid by its schema, and says who, what and where in the sequence", async () => {
  const answer = await world.check(
    { agentToken: token, context: { reasoning: "pay jo@example.com" } },
    { amount: 5, memo: "to jo@example.com" },
  );
  expect(answer.decision).toBe(Decision.SANITIZE);
  expect(JSON.parse(new TextDecoder().decode(answer.argumentsJson))).toEqual({ amount: 5, memo: "to [REDACTED:email]" });
  const { subject, event } = await until(() => events.get(answer.decisionId));
  expect(subject).toBe("aegis.decision.acme.finance-agent.sanitize");
  expect(event.source).toBe("aegis/authz/authz-0");
  expect(event.data).toMatchObject({ decisionId: answer.decisionId, actionDigest: answer.actionDigest, producer: { id: "authz-0" } });
  expect(JSON.stringify(event)).not.toContain("jo@example.com");
});

test("the token may come in the metadata; a bad one is UNAUTHENTICATED and reported", async () => {
  const reported = new Promise<string>((resolve) => {
    world.fabric.bus.connection.subscribe(hints.authnFailed, { max: 1, callback: (_, message) => resolve(message.string()) });
  });
  await world.fabric.bus.connection.flush();
  const call = { tool: "stripe-payments", action: "create_payment" };
  const answer = await world.client.check(call, { metadata: { authorization: `Bearer ${token}` } });
  expect(codes(answer)).toEqual(["parameter_missing"]);
  await expect(world.client.check(call, { metadata: { authorization: "Bearer nonsense" } })).rejects.toMatchObject({
    code: "unauthenticated",
  });
  expect(await reported).toContain("aegis/authz/authz-0");
  expect(await (await fetch(`${world.http}/metrics`)).text()).toMatch(/aegis_authn_failures_total\{[^}]*\} 1/);
});

test("another tenant's agent sees nothing of this tenant's policies", async () => {
  const answer = await world.check({ agentToken: await world.token({ tenant: "globex" }) });
  expect(codes(answer)).toEqual(["policy_missing"]);
});

test("malformed calls are INVALID_ARGUMENT, alone and inside a batch, whose order is kept", async () => {
  await expect(world.check({ agentToken: token, tool: "nо" })).rejects.toMatchObject({ code: "invalid_argument" });
  const arguments_ = { case: "arguments" as const, value: { amount: 5 } };
  const one = { agentToken: token, tool: "stripe-payments", action: "create_payment", args: arguments_ };
  const batch = await world.client.checkBatch({ requests: [one, { ...one, tool: "" }, { ...one, action: "refund" }] });
  expect(batch.responses.map(({ outcome }) => (outcome.case === "response" ? outcome.value.decision : outcome.case))).toEqual([
    Decision.ALLOW,
    "error",
    Decision.DENY,
  ]);
  await expect(world.client.checkBatch({ requests: Array.from({ length: 101 }, () => one) })).rejects.toMatchObject({
    code: "invalid_argument",
  });
});

test("a result that belongs to no decision is refused", async () => {
  await expect(world.client.checkResult({ agentToken: token })).rejects.toMatchObject({ code: "invalid_argument" });
});

test("an approval is asked for, its override passes once, and never again", async () => {
  const held = await world.check({ agentToken: token }, { amount: 50_000 });
  expect(held.decision).toBe(Decision.APPROVAL_NEEDED);
  expect(held.approval?.statusUrl).toBe(`http://approvals.test/v1/approvals/${held.approval?.id}`);
  const { event } = await until(() => events.get(held.decisionId));
  expect(event.data.approval).toMatchObject({ id: held.approval?.id });
  world.peers.overrides.set("one-time", held.approval?.id ?? "");
  const both = await Promise.all([1, 2].map(() => world.check({ agentToken: token, overrideToken: "one-time" }, { amount: 50_000 })));
  expect(both.map((answer) => answer.decision).sort()).toEqual([Decision.ALLOW, Decision.DENY]);
  expect(codes(both.find((answer) => answer.decision === Decision.DENY) ?? { reasons: [] })).toEqual(["override_invalid"]);
});

test("an outcome follows its decision onto JetStream", async () => {
  const answer = await world.check({ agentToken: token });
  const { eventId } = await world.client.reportOutcome({ agentToken: token, decisionId: answer.decisionId, outcome: Outcome.EXECUTED });
  const { subject, event } = await until(() => events.get(eventId));
  expect([subject, event.data.decisionId]).toEqual(["aegis.outcome.acme.finance-agent.executed", answer.decisionId]);
});

test("max 200 actions per prompt, 400 calls 50 at a time: exactly 200 pass", async () => {
  world.peers.left.set("prompt/p-1 actions", 200);
  await world.enforce(`${payments(5000)}\n---\n${quota}`);
  let started = 0;
  let allowed = 0;
  const refused = new Set<string>();
  const lane = async () => {
    while (started++ < 400) {
      const answer = await world.check({ agentToken: token, context: { promptId: "p-1" } });
      if (answer.decision === Decision.ALLOW) allowed += 1;
      else refused.add(`${codes(answer)} ${answer.retryAfter === undefined ? "" : "later"}`);
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
  expect(allowed).toBe(200);
  expect([...refused]).toEqual(["budget_exhausted later"]);
  expect(world.peers.left.get("prompt/p-1 actions")).toBe(0);
});

test("units that nobody spends go back when the replica is idle", async () => {
  world.peers.left.set("prompt/p-2 actions", 200);
  for (const _ of [1, 2, 3]) await world.check({ agentToken: token, context: { promptId: "p-2" } });
  await until(() => world.peers.left.get("prompt/p-2 actions") === 197);
  await world.enforce(payments(5000));
});

test("a suspended agent is denied as soon as the bucket says so, and let in again", async () => {
  const revocations = await openBucket(world.fabric.bus, stores.revocations);
  await revocations.put("acme.finance-agent", JSON.stringify({ state: "suspended", since: new Date().toISOString() }));
  await until(async () => codes(await world.check({ agentToken: token })).includes("agent_suspended"));
  await revocations.delete("acme.finance-agent");
  await until(async () => (await world.check({ agentToken: token })).decision === Decision.ALLOW);
});

test("a watermark frees the spool", async () => {
  const bytes = async () => Number(/aegis_spool_bytes\{[^}]*\} (\d+)/.exec(await (await fetch(`${world.http}/metrics`)).text())?.[1]);
  const answer = await world.check({ agentToken: token });
  const { event } = await until(() => events.get(answer.decisionId));
  expect(await bytes()).toBeGreaterThan(0);
  const { id: producer, epoch, sequence } = event.data.producer;
  world.fabric.bus.connection.publish(hints.watermark("authz-0"), JSON.stringify({ producer, epoch, sequence }));
  await until(async () => (await bytes()) === 0);
});

test("with NATS away decisions go on, a restart lives on the verified disk cache, and nothing is lost when NATS is back", async () => {
  await world.fabric.kill();
  const during: string[] = [];
  const decideSome = async () => {
    for (let count = 0; count < 20; count++) {
      const answer = await world.check({ agentToken: token });
      expect(answer).toMatchObject({ reasons: [], decision: Decision.ALLOW });
      during.push(answer.decisionId);
    }
  };
  await decideSome();
  await world.stop("SIGKILL");
  await world.start();
  await world.ready();
  await decideSome();
  await world.fabric.start();
  await until(() => during.every((id) => events.has(id)), { timeoutMs: 40_000, what: "all events arrived" });
  const perEpoch = new Map<string, Set<number>>();
  for (const { event } of events.values()) {
    const { epoch, sequence } = event.data.producer;
    perEpoch.set(epoch, (perEpoch.get(epoch) ?? new Set()).add(sequence));
  }
  expect(perEpoch.size).toBe(2);
  for (const sequences of perEpoch.values()) expect(sequences.size, "no gap").toBe(Math.max(...sequences));
});

test("kill -9 under load, again and again: every answer that let a call pass has its event", async () => {
  const answered: string[] = [];
  for (let round = 0; round < 5; round++) {
    let running = true;
    const lane = async () => {
      while (running) {
        const answer = await world.check({ agentToken: token }).catch(() => undefined);
        if (answer?.decision === Decision.ALLOW) answered.push(answer.decisionId);
        else if (!answer) break;
      }
    };
    const lanes = Promise.all(Array.from({ length: 8 }, lane));
    const before = answered.length;
    await until(() => answered.length > before + 50 + round * 17);
    await world.stop("SIGKILL");
    running = false;
    await lanes;
    await world.start();
    await world.ready();
  }
  await until(() => answered.every((id) => events.has(id)), { timeoutMs: 40_000, what: "all events arrived" });
  expect(answered.length).toBeGreaterThan(250);
  expect(deliveries).toBeGreaterThanOrEqual(events.size);
});

test("SIGTERM gives leases back and ends cleanly", async () => {
  world.peers.left.set("prompt/p-3 actions", 200);
  await world.enforce(`${payments(5000)}\n---\n${quota}`);
  for (const _ of [1, 2, 3]) await world.check({ agentToken: token, context: { promptId: "p-3" } });
  await world.stop("SIGTERM");
  expect(world.peers.left.get("prompt/p-3 actions")).toBe(197);
});
