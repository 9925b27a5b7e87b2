import { readFileSync } from "node:fs";
import type { DecisionData } from "@aegis/contracts/decision-event";
import { decisions } from "@aegis/contracts/reasons";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { asLine, exportFormats } from "./formats.ts";
import { ocsfRecord } from "./ocsf.ts";
import { type OcsfClass, ocsfClasses, ocsfClassOf } from "./ocsf-classes.ts";
import type { ExportRecord } from "./record.ts";

const hash = "ab".repeat(32);
const digest = `sha256:${hash}`;
const id = "01a1faa0-3e89-76c2-bdc2-a531a2cf5309";

const base: Omit<ExportRecord, "kind" | "type" | "event"> = {
  tenant: "acme",
  sequence: 7,
  id,
  agent: "finance-agent",
  tool: "stripe-payments",
  action: "create_payment",
  decision: null,
  policyVersion: "3-abc",
  occurredAt: "2026-11-20T20:22:57.111Z",
  recordedAt: "2026-11-20T20:22:57.300Z",
  occurredMs: 1_795_292_577_111,
  recordedMs: 1_795_292_577_300,
  leafHash: hash,
  previousHash: hash,
};

const principal = {
  org: "acme-org",
  tenant: "acme",
  agent: "finance-agent",
  subject: "user:u-42",
  chain: ["finance-agent", "planner-agent"],
  depth: 1,
  instance: "i-1",
  tokenId: "t-1",
};

function decided(decision: DecisionData["decision"], more: Partial<DecisionData> = {}): ExportRecord {
  const data: DecisionData = {
    decisionId: id,
    decision,
    reasons:
      decision === "allow"
        ? []
        : [{ code: "parameter_out_of_range", message: "amount must be at most 5000", pointer: "/amount", rule: "p.yaml:7" }],
    kind: "check",
    principal,
    tool: "stripe-payments",
    action: "create_payment",
    arguments: { amount: 50_000, memo: "for [REDACTED:email]", nested: { list: [1, null, true] } },
    redactions: [{ pointer: "/memo", detector: "email", count: 1 }],
    destination: { url: "https://api.stripe.com:8443/v1/payments?x=1", method: "POST", declaredBy: "sdk" },
    context: { sessionId: "s-1", promptId: "p-1", purpose: "care", reasoning: "because", toolCallId: "c-1" },
    actionDigest: digest,
    ruleDigest: digest,
    snapshotDigest: digest,
    policyVersion: "3-abc",
    dryRun: false,
    cost: { microUsd: 12, tokens: 0 },
    reservations: [],
    latencyMs: 1.4,
    pep: "grpc",
    producer: { id: "authz-0", epoch: "e1", sequence: 1 },
    ...more,
  };
  const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  return { ...base, kind: "decision", type: "dev.aegis.decision.made.v1", decision, event: { id, traceparent, data } };
}

const bare = { ...base, agent: null, tool: null, action: null, policyVersion: null };
const control = (type: string, data: Record<string, unknown>): ExportRecord => ({ ...bare, kind: "control", type, event: { id, data } });

const samples: Readonly<Record<string, ExportRecord>> = {
  ...Object.fromEntries(decisions.map((decision) => [`decision ${decision}`, decided(decision)])),
  "a dry run": decided("deny", { dryRun: true }),
  "an approved call": decided("allow", { overrideOf: id }),
  "a call in shadow": decided("allow", { shadow: { decision: "deny", reasons: [{ code: "tool_not_allowed", message: "no" }] } }),
  "an agent acting for itself": decided("allow", {
    principal: { ...principal, subject: "finance-agent", chain: ["finance-agent"], depth: 0 },
    context: {},
  }),
  "a tool's answer": decided("sanitize", { kind: "check_result", resultOf: id }),
  "an abridged decision": { ...decided("deny"), event: { id, data: { decisionId: id, decision: "deny" } } },
  "an unreadable decision": { ...decided("deny"), event: null },
  "a decision with members of other types": {
    ...decided("deny"),
    event: { id: 1, data: { reasons: "x", context: [], principal: 3, destination: { url: "::" } } },
  },
  ...Object.fromEntries(
    ["executed", "failed", "rolled_back"].map((outcome) => [
      `outcome ${outcome}`,
      {
        ...bare,
        agent: "finance-agent",
        kind: "outcome",
        type: "dev.aegis.outcome.reported.v1",
        event: { id, data: { decisionId: id, outcome, principal } },
      },
    ]),
  ),
  registered: control("dev.aegis.identity.registered.v1", { agent: "finance-agent", owner: "alice@acme.test", by: "bob@acme.test" }),
  published: control("dev.aegis.policy.published.v1", {
    revision: 3,
    version: "3-abc",
    snapshotDigest: digest,
    author: "bob",
    message: "m",
  }),
  requested: control("dev.aegis.approval.requested.v1", {
    approvalId: id,
    agent: "finance-agent",
    tool: "t",
    action: "a",
    queue: "q",
    quorum: 1,
  }),
  exhausted: control("dev.aegis.budget.exhausted.v1", { scope: "agent/finance-agent", unit: "actions", window: "day", limit: 1, used: 1 }),
  "an event of a newer version": control("dev.aegis.something.new.v1", {}),
  quarantined: {
    ...bare,
    kind: "quarantine",
    type: "dev.aegis.ledger.quarantined.v1",
    event: { id, data: { reason: "schema", detail: "data.tool: invalid", digest, bytes: 12 } },
  },
};

const validators = new Map<OcsfClass, ValidateFunction>(
  (Object.keys(ocsfClasses) as OcsfClass[]).map((name) => {
    const file = new URL(`../../../test/ocsf/${name}.json`, import.meta.url);
    return [name, new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(JSON.parse(readFileSync(file, "utf8")))];
  }),
);

describe("OCSF", () => {
  test.each(Object.entries(samples))("%s is a record of the published schema", (_, record) => {
    const validate = validators.get(ocsfClassOf(record))!;
    const written = JSON.parse(asLine("ocsf", record));
    validate(written);
    expect(validate.errors?.map(({ instancePath, message, params }) => ({ instancePath, message, params })) ?? []).toEqual([]);
    expect(written.type_uid).toBe(written.class_uid * 100 + written.activity_id);
  });

  test("the published schema refuses what is wrong: the check can fail", () => {
    const validate = validators.get("api_activity")!;
    const { actor: _actor, ...without } = ocsfRecord(decided("allow"));
    expect(validate(without)).toBe(false);
    expect(validate({ ...ocsfRecord(decided("allow")), invented: 1 })).toBe(false);
    expect(validate({ ...ocsfRecord(decided("allow")), time: "yesterday" })).toBe(false);
  });

  test("our four answers keep apart", () => {
    const told = decisions.map((decision) => {
      const { action, disposition, status, severity } = ocsfRecord(decided(decision));
      return [decision, action, disposition, status, severity].join(" ");
    });
    expect(told).toEqual([
      "allow Allowed Allowed Success Informational",
      "deny Denied Blocked Failure Medium",
      "sanitize Modified Corrected Success Low",
      "approval_needed Denied Delayed Failure Medium",
    ]);
  });

  test("who acts, for whom, with what and why is in it", () => {
    expect(ocsfRecord(decided("deny"))).toMatchObject({
      class_uid: 6003,
      time: base.occurredMs,
      actor: {
        app_name: "finance-agent",
        invoked_by: "planner-agent",
        user: { name: "u-42" },
        session: { uid: "s-1", credential_uid: "t-1" },
      },
      api: { operation: "create_payment", service: { name: "stripe-payments" }, request: { uid: id, data: { amount: 50_000 } } },
      dst_endpoint: { hostname: "api.stripe.com", port: 8443 },
      status_code: "parameter_out_of_range",
      policy: { name: "p.yaml:7", version: "3-abc" },
      trace: { uid: "1".repeat(32) },
      raw_data_hash: { value: hash },
      metadata: { tenant_uid: "acme", sequence: 7, correlation_uid: "p-1", version: "1.8.0" },
    });
  });
});

describe("every format", () => {
  test.each(exportFormats.flatMap((format) => Object.entries(samples).map(([name, record]) => [format, name, record] as const)))(
    "%s writes %s as one line",
    (format, _, record) => {
      const line = asLine(format, record);
      expect(line).not.toMatch(/[\r\n\0]/);
      if (format === "cef") expect(line).toMatch(/^CEF:0\|Aegis\|Aegis\|1\|([^|\\]|\\.)*\|([^|\\]|\\.)*\|([0-9]|10)\|/);
      else expect(() => JSON.parse(line)).not.toThrow();
    },
  );
});

test("ECS has the fields that its dashboards ask for", () => {
  expect(JSON.parse(asLine("ecs", decided("deny")))).toMatchObject({
    "@timestamp": base.occurredAt,
    ecs: { version: "8.17.0" },
    event: {
      id,
      kind: "event",
      category: ["api"],
      type: ["denied"],
      outcome: "failure",
      action: "stripe-payments:create_payment",
      code: "parameter_out_of_range",
      sequence: 7,
    },
    organization: { id: "acme", name: "acme-org" },
    user: { id: "u-42" },
    rule: { name: "p.yaml:7", version: "3-abc" },
    trace: { id: "1".repeat(32) },
  });
  expect(JSON.parse(asLine("ecs", samples.quarantined!)).event).toMatchObject({ kind: "alert", severity: 5 });
});

/** Reads CEF as a receiver does: fields end at unescaped pipes, values at the next ` key=`. */
function parseCef(line: string): { header: string[]; extension: Record<string, string> } {
  const parts = /^((?:[^|\\]|\\.)*\|){7}/.exec(line)![0];
  const unescaped = (text: string) => text.replace(/\\(.)/gs, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
  const extension: Record<string, string> = {};
  for (const [, key = "", value = ""] of line.slice(parts.length).matchAll(/(\w+)=((?:\\.|[^=\\])*?)(?=\s\w+=|$)/gs))
    extension[key] = unescaped(value);
  return {
    header: parts
      .slice(0, -1)
      .match(/((?:[^|\\]|\\.)*)(?:\||$)/g)!
      .map((field) => unescaped(field.replace(/\|$/, ""))),
    extension,
  };
}

test("CEF: nothing that an agent writes ends a field, starts another or breaks the line", () => {
  const forged = 'x|10|act=allow outcome=allow\n<134>1 forged\r\nCEF:0|Other|\\|\0 suser=root "=\\= \\';
  const hostile = decided("deny", {
    arguments: { text: forged },
    reasons: [{ code: "condition_false", message: forged, rule: forged }],
    context: { promptId: forged, sessionId: "\ud800" },
    destination: { url: `https://evil.example/${encodeURIComponent(forged)}`, method: "GET", declaredBy: "sdk" },
  });
  const line = asLine("cef", { ...hostile, tool: forged });
  expect(line).not.toMatch(/[\r\n\0]/);
  const { header, extension } = parseCef(line);
  expect(header.slice(0, 4)).toEqual(["CEF:0", "Aegis", "Aegis", "1"]);
  expect(header[4]).toBe("condition_false");
  expect(header[6]).toBe("5");
  expect(extension).toMatchObject({ act: "deny", outcome: "deny", suser: "user:u-42", cn1: "7", deviceExternalId: "acme" });
  expect(JSON.parse(extension.cs6!)).toEqual({ text: forged });
});
