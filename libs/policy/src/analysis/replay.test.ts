import type { DecisionData } from "@aegis/contracts/decision-event";
import { expect, test } from "vitest";
import { Chance, generatedCall, recordOf } from "../../test/generated-traffic.ts";
import { compile } from "../language/compile.ts";
import { prepareDraft } from "./draft.ts";
import type { RecordedDecision } from "./recorded-call.ts";
import { Replay } from "./replay.ts";

const policyText = (most: number) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp: [{ detect: [email], in: [/to], action: redact }]
  tools:
    - name: stripe-payments
      justification: pays
      actions:
        - name: create_payment
          additional_parameters: allow
          parameters:
            amount: { type: number, max: ${most}, beyond: approval_needed }
            currency: { enum: [USD, EUR] }
    - name: mail
      justification: writes
      actions: [{ name: send, additional_parameters: allow }]
    - name: ehr
      justification: reads
      actions: [{ name: read, additional_parameters: allow, parameters: { version: { type: integer, max: 20 } } }]
`;

function compiled(text: string) {
  const result = compile([{ name: "p.yaml", text }], { tenant: "acme" });
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.policies;
}

const decisions = ["allow", "deny", "sanitize", "approval_needed"] as const;

/** Recorded decisions of every kind: judged, refused by a state, overridden, refused before any policy, dry, too large, of results. */
function records(count: number, seed: number): RecordedDecision[] {
  const chance = new Chance(seed);
  return Array.from({ length: count }, (_, at) => {
    const record = recordOf(generatedCall(chance, at), at);
    const kind = chance.next();
    const denied = (code: DecisionData["reasons"][number]["code"]): Partial<DecisionData> => ({
      decision: "deny",
      reasons: [{ code, message: "" }],
    });
    const change: Partial<DecisionData> =
      kind < 0.5
        ? { decision: chance.pick(decisions.filter((decision) => decision !== "deny")), cost: { microUsd: chance.below(1000), tokens: 0 } }
        : kind < 0.6
          ? denied("parameter_out_of_range")
          : kind < 0.7
            ? { ...denied("budget_exhausted"), policyVersion: chance.pick(["1-000000000000", "9-ffffffffffff"]) }
            : kind < 0.75
              ? { overrideOf: record.data.decisionId }
              : kind < 0.8
                ? denied("agent_revoked")
                : kind < 0.85
                  ? { dryRun: true }
                  : kind < 0.9
                    ? { arguments: { "aegis:omitted": "too large to store" } }
                    : kind < 0.95
                      ? { kind: "check_result" }
                      : {};
    return { ...record, data: { ...record.data, ...change } };
  });
}

/** What the rules of `policyText` say, written down a second time and without the engine. */
function byHand({ data }: RecordedDecision, most: number): string {
  const { tool, action, arguments: args, redactions } = data;
  if (tool === "stripe-payments" && action === "create_payment") {
    if (!["USD", "EUR"].includes(args.currency as string)) return "deny";
    return (args.amount as number) > most ? "approval_needed" : "allow";
  }
  if (tool === "mail" && action === "send")
    return redactions.some(({ pointer, detector }) => pointer === "/to" && detector === "email") ? "sanitize" : "allow";
  if (tool === "ehr" && action === "read") return (args.version as number) > 20 ? "deny" : "allow";
  return "deny";
}

test.each([1, 2])("counts by decision before and after are those of a reader with a pencil (seed %i)", (seed) => {
  const all = records(4_000, seed);
  const then = prepareDraft(compiled(policyText(40)));
  const policies = compiled(policyText(100));
  const replay = new Replay(prepareDraft(policies), policies, { examples: 2 });
  const expected = new Map<string, number>();
  const left = { results: 0, large: 0, identity: 0, unknown: 0, compared: 0, grounds: 0, before: 0, after: 0 };
  for (const record of all) {
    const { data } = record;
    replay.add(record, data.policyVersion === "1-000000000000" ? then : undefined);
    const codes = data.reasons.map(({ code }) => code);
    if (data.kind === "check_result") left.results++;
    else if ("aegis:omitted" in data.arguments) left.large++;
    else if (codes.includes("agent_revoked")) left.identity++;
    else if (codes.includes("budget_exhausted") && data.policyVersion !== "1-000000000000") left.unknown++;
    else {
      const state = codes.includes("budget_exhausted");
      const from = data.overrideOf ? "approval_needed" : state ? byHand(record, 40) : data.decision;
      const to = byHand(record, 100);
      if (data.overrideOf || state) left.grounds++;
      left.compared++;
      expected.set(`${from} ${to}`, (expected.get(`${from} ${to}`) ?? 0) + 1);
      left.before += data.dryRun ? 0 : (data.cost?.microUsd ?? 0);
      if (!data.dryRun && (to === "allow" || to === "sanitize")) left.after += data.cost?.microUsd ?? 0;
    }
  }
  const report = replay.report();
  expect(Object.fromEntries(report.transitions.map(({ from, to, calls }) => [`${from} ${to}`, calls]))).toEqual(
    Object.fromEntries(expected),
  );
  expect([report.records, report.compared, report.onPolicyGrounds]).toEqual([4_000, left.compared, left.grounds]);
  expect(report.notCompared.map(({ calls }) => calls).sort()).toEqual([left.results, left.large, left.identity, left.unknown].sort());
  expect(report.cost).toEqual({ before: left.before, after: left.after });
  expect(report.groups.reduce((sum, { calls }) => sum + calls, 0)).toBe(left.compared);
  expect(report.groups.reduce((sum, { changed }) => sum + changed, 0)).toBe(report.changed);
  for (const { from, to, examples } of report.transitions)
    expect(examples.length).toBe(from === to ? 0 : Math.min(2, expected.get(`${from} ${to}`) ?? 0));
});

test("a call of which a compared value was redacted is counted and not guessed at", () => {
  const policies = compiled(
    policyText(100).replace("actions: [{ name: send,", "actions: [{ name: send, parameters: { to: { matches: acme } },"),
  );
  const replay = new Replay(prepareDraft(policies), policies, { examples: 2 });
  const call = { tool: "mail", action: "send", arguments: { to: "jo@acme.example", subject: "hello" } };
  replay.add(recordOf(call, 1));
  replay.add(recordOf({ ...call, arguments: { to: "team-acme", subject: "jo@acme.example" } }, 2));
  expect(replay.report()).toMatchObject({
    records: 2,
    compared: 1,
    notCompared: [{ why: "a rule compares a parameter that was redacted", calls: 1 }],
    transitions: [{ from: "allow", to: "allow", calls: 1 }],
  });
});

test("what was seen in a session counts for the calls after it", () => {
  const policies = compiled(policyText(100).replace("  tools:", '  session: [{ after: "ehr:read", deny: ["mail:*"] }]\n  tools:'));
  const replay = new Replay(prepareDraft(policies), policies, { examples: 1 });
  const context = { sessionId: "s-1" };
  const mail = { tool: "mail", action: "send", arguments: { to: "team" } };
  replay.add(recordOf(mail, 1, { context }));
  replay.add(recordOf({ tool: "ehr", action: "read", arguments: { version: 1 } }, 2, { context }));
  replay.add(recordOf(mail, 3, { context }));
  replay.add(recordOf(mail, 4, { context: { sessionId: "s-2" } }));
  expect(replay.report().transitions).toMatchObject([
    { from: "allow", to: "allow", calls: 3 },
    { from: "allow", to: "deny", calls: 1, examples: [{ after: [{ code: "session_flow" }] }] },
  ]);
});
