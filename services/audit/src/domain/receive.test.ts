import { parseLeaf } from "@aegis/tlog/leaf";
import { maxEntryBytes } from "@aegis/tlog/tiles";
import { expect, test } from "vitest";
import { decision, registered } from "../../test/events.ts";
import type { Candidate } from "./candidate.ts";
import { chain } from "./chain.ts";
import { receive } from "./receive.ts";

const sent = decision({ sequence: 1 });
const said = JSON.parse(sent.bytes.toString());
const with_ = (change: (event: typeof said) => void, subject = sent.subject): Candidate => {
  const event = structuredClone(said);
  change(event);
  return receive({ subject, bytes: Buffer.from(JSON.stringify(event)) });
};

test("an event of ours becomes an entry of its kind that holds its bytes as they came", () => {
  const spaced = Buffer.from(`  ${sent.bytes.toString()}\n`);
  expect(receive({ subject: sent.subject, bytes: spaced })).toMatchObject({
    tenant: "acme",
    kind: "decision",
    id: sent.id,
    event: spaced,
    alarm: undefined,
    coordinates: { producer: "authz-0", epoch: "e1", sequence: 1 },
  });
  const control = registered();
  expect(receive(control)).toMatchObject({ kind: "control", id: control.id, coordinates: undefined, alarm: undefined });
});

test("an event that only a newer version knows is a control entry when its envelope is whole", () => {
  const newer = { ...JSON.parse(registered().bytes.toString()), type: "dev.aegis.policy.forgotten.v1", data: { anything: 1 } };
  expect(receive({ subject: "aegis.policy.acme.forgotten", bytes: Buffer.from(JSON.stringify(newer)) })).toMatchObject({
    kind: "control",
    alarm: undefined,
  });
  const { time: _, ...timeless } = newer;
  expect(receive({ subject: "aegis.policy.acme.forgotten", bytes: Buffer.from(JSON.stringify(timeless)) }).alarm).toBe("schema");
});

test.each([
  ["not JSON", () => receive({ subject: sent.subject, bytes: Buffer.from("{") }), "unparseable", "acme"],
  ["a list", () => receive({ subject: sent.subject, bytes: Buffer.from("[]") }), "unparseable", "acme"],
  [
    "a byte order mark",
    () => receive({ subject: sent.subject, bytes: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), sent.bytes]) }),
    "unparseable",
    "acme",
  ],
  ["bytes that are no UTF-8", () => receive({ subject: sent.subject, bytes: Buffer.from([0x7b, 0xff, 0x7d]) }), "unparseable", "acme"],
  ["nothing", () => receive({ subject: sent.subject, bytes: new Uint8Array(0) }), "unparseable", "acme"],
  ["another type", () => with_((event) => (event.type = "dev.aegis.outcome.reported.v1")), "schema", "acme"],
  ["a decision nobody knows", () => with_((event) => (event.data.decision = "perhaps")), "schema", "acme"],
  ["another tenant than the subject's", () => with_((event) => (event.tenant = "globex")), "subject_mismatch", "acme"],
  ["another principal's tenant", () => with_((event) => (event.data.principal.tenant = "globex")), "subject_mismatch", "acme"],
  ["another agent than the subject's", () => with_((event) => (event.data.principal.agent = "other")), "subject_mismatch", "acme"],
  ["another decision than the subject's", () => with_((event) => (event.data.decision = "deny")), "subject_mismatch", "acme"],
  ["another decision id than its own", () => with_((event) => (event.data.decisionId = registered().id)), "subject_mismatch", "acme"],
  ["a column with a NUL", () => with_((event) => (event.data.policyVersion = "7\u0000")), "unstorable", "acme"],
  ["a column with half a surrogate", () => with_((event) => (event.data.policyVersion = "\ud800")), "unstorable", "acme"],
  ["a column without end", () => with_((event) => (event.data.policyVersion = "7".repeat(600))), "unstorable", "acme"],
  ["a subject without a tenant", () => with_(() => undefined, "aegis.decision.NO.x.allow"), "subject_mismatch", "unknown"],
] as const)("%s is quarantined under the subject's tenant", (_, make, alarm, tenant) => {
  const candidate = make();
  expect(candidate).toMatchObject({ alarm, tenant, kind: "quarantine" });
  const data = candidate.fields.data as { content: string };
  expect(Buffer.from(data.content, "base64")).toEqual(Buffer.from(candidate.received.bytes));
});

test("the same bad message has the same id each time, another has another", () => {
  const bad = { subject: sent.subject, bytes: Buffer.from("{") };
  expect(receive(bad).id).toBe(receive(bad).id);
  expect(receive(bad).id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(receive({ ...bad, bytes: Buffer.from("{{") }).id).not.toBe(receive(bad).id);
});

test("whatever arrives fits a leaf, whole or with its digest", () => {
  const head = { tenant: "acme", size: 0, frontier: new Uint8Array(0), last: "0".repeat(64) };
  const large = decision({ sequence: 1, arguments: { text: "\u0001".repeat(150_000) } });
  for (const received of [
    large,
    { subject: sent.subject, bytes: Buffer.alloc(1_000_000, "x") },
    { subject: `aegis.policy.acme.${"\u0001".repeat(500)}`, bytes: Buffer.alloc(29_000) },
  ]) {
    const candidate = receive(received);
    const { rows } = chain([candidate], new Map([["acme", head]]), "2025-01-02T00:00:00.000Z");
    expect(rows[0]?.leaf.length).toBeLessThanOrEqual(maxEntryBytes);
    const parsed = parseLeaf(rows[0]?.leaf ?? new Uint8Array(0));
    expect(parsed?.leaf.detached?.digest).toBe(candidate.payload && candidate.body);
  }
});
