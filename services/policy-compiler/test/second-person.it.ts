import { policyApproved, policyPromoted, policyProposed, policyPublished, policyRolledBack } from "@aegis/contracts/control-events";
import type { OperatorRole } from "@aegis/contracts/operator";
import { callJson } from "@aegis/http/client";
import { connectDatabase } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import { type RawBuilder, sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

interface Answer {
  readonly revision: number;
  readonly version: string;
  readonly digest: string;
  readonly state: string;
  readonly follows?: number;
  readonly author: string;
  readonly approver?: string;
}

let around: Surroundings;
let compiler: PolicyCompiler;

beforeAll(async () => {
  around = await surroundings();
  compiler = await around.start("policy-compiler-0");
});
afterAll(() => around?.[Symbol.asyncDispose]());

const as = (user: string, tenant: string, ...roles: OperatorRole[]) => around.operators.token({ user, roles: { [tenant]: roles } });
const alice = (tenant: string) => as("alice@acme.test", tenant, "policy-author");
const bob = (tenant: string) => as("bob@acme.test", tenant, "policy-approver");

const rules = (approval: boolean) => ({
  name: "rules.yaml",
  text: `apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: rules }
spec: { require_approval: ${approval} }
`,
});

const call = <T = Answer>(tenant: string, path: string, bearer: string, json?: unknown, headers?: Record<string, string>) =>
  callJson<T>(`${compiler.url}/v1/tenants/${tenant}${path}`, {
    bearer,
    ...(json === undefined ? {} : { json }),
    ...(headers && { headers }),
  });
const publish = async (tenant: string, files: unknown, bearer?: string, headers?: Record<string, string>) =>
  call(tenant, "/revisions", bearer ?? (await alice(tenant)), { files, message: "tested" }, headers);
const approve = async (tenant: string, revision: number, bearer?: string, json: unknown = {}) =>
  call(tenant, `/revisions/${revision}:approve`, bearer ?? (await bob(tenant)), json);
const head = async (tenant: string) => (await call<{ head: number }>(tenant, "/revisions", await bob(tenant))).head;

/** A tenant whose revision 1 asks for a second person. */
async function guarded(tenant: string) {
  await publish(tenant, [rules(true), policy(1, tenant)]);
  return publish(tenant, [rules(true), policy(2, tenant)]);
}

async function events(filter: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { jetstream } = around.nats.bus;
  const consumer = await jetstream.consumers.get("CONTROL", { filter_subjects: filter });
  const { num_pending } = await consumer.info();
  if (num_pending === 0) return [];
  const found: { type: string; data: Record<string, unknown> }[] = [];
  for await (const message of await consumer.fetch({ max_messages: num_pending, expires: 1_000 })) found.push(message.json());
  return found;
}

test("where the rules ask for it, a publish changes nothing until another person approves it", async () => {
  const proposed = await guarded("one");
  expect(proposed).toMatchObject({ revision: 2, state: "proposed", follows: 1, author: "alice@acme.test" });
  expect(await publish("one", [rules(true), policy(2, "one")]), "asked twice").toEqual(proposed);
  expect(await head("one")).toBe(1);
  await expect(call("one", "/revisions/2:rollback", await alice("one"), {})).rejects.toMatchObject({ code: "conflict" });
  const approved = await approve("one", 2, undefined, { digest: proposed.digest });
  expect(approved).toMatchObject({ revision: 2, state: "published", approver: "bob@acme.test" });
  expect(await head("one")).toBe(2);
  const told = await until(async () => {
    const found = await events("aegis.policy.one.*");
    return found.length >= 4 && found.filter(({ type }) => !type.includes("activated"));
  });
  expect(told.map(({ type }) => type.split(".")[3])).toEqual(["published", "proposed", "approved", "published"]);
  expect(policyProposed.parse(told[1]).data).toMatchObject({ revision: 2, follows: 1 });
  expect(policyApproved.parse(told[2]).data).toMatchObject({ approver: "bob@acme.test", snapshotDigest: proposed.digest });
  expect(policyPublished.parse(told[3]).data).toMatchObject({ revision: 2, author: "alice@acme.test", approver: "bob@acme.test" });
});

test("nobody approves their own, whatever role or spelling; nor without the role, nor from another tenant, nor other content", async () => {
  const { revision } = await guarded("two");
  const refused = { code: "permission_denied" };
  for (const user of ["alice@acme.test", "Alice@ACME.test", "user:alice@acme.test"]) {
    await expect(approve("two", revision, await as(user, "two", "policy-approver", "admin", "policy-author"))).rejects.toMatchObject(
      refused,
    );
  }
  for (const role of ["policy-author", "approver", "auditor", "soc"] as const)
    await expect(approve("two", revision, await as("bob", "two", role))).rejects.toMatchObject(refused);
  const stranger = await around.operators.token({ user: "mallory", roles: { other: ["admin", "policy-approver"] } });
  for (const [path, json] of [
    [`/revisions/${revision}:approve`, {}],
    ["/revisions/1:rollback", {}],
    ["/revisions", { files: [policy(9, "two")] }],
    ["/policies/finance:promote", {}],
    ["/policies:promote", { policies: ["finance"] }],
    ["/policies:test", { files: [policy(9, "two")] }],
    ["/revisions:diff", { files: [policy(9, "two")] }],
    ["/revisions:diff", undefined],
    ["/revisions", undefined],
    ["/revisions/1", undefined],
  ] as const)
    await expect(call("two", path, stranger, json), path).rejects.toMatchObject(refused);
  await expect(approve("two", revision, undefined, { digest: `sha256:${"0".repeat(64)}` })).rejects.toMatchObject({
    code: "precondition_failed",
  });
  await expect(approve("two", 1)).rejects.toMatchObject({ code: "conflict" });
  await expect(approve("two", 99)).rejects.toMatchObject({ code: "not_found" });
  expect(await head("two")).toBe(1);
});

test("turning approval off, rolling back and promoting need approval too", async () => {
  await publish("three", [policy(1, "three")]);
  const shadow = policy(2, "three");
  await publish("three", [rules(true), { ...shadow, text: shadow.text.replace("spec:\n", "spec:\n  mode: shadow\n") }]);
  expect(await publish("three", [policy(1, "three")])).toMatchObject({ revision: 3, state: "proposed" });
  expect(await call("three", "/revisions/1:rollback", await alice("three"), {})).toMatchObject({
    revision: 4,
    state: "proposed",
    restores: 1,
  });
  const promoted = await call("three", "/policies/finance:promote", await alice("three"), {});
  expect(promoted).toMatchObject({ revision: 5, state: "proposed", promotes: ["finance"], message: "promote finance" });
  expect(await head("three")).toBe(2);
  await approve("three", 5);
  expect(await head("three")).toBe(5);
  await expect(approve("three", 3), "the head moved").rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("stale"),
    details: { follows: 2, head: 5 },
  });
  const back = await call("three", "/revisions/1:rollback", await alice("three"), {});
  await approve("three", back.revision);
  expect(await publish("three", [policy(7, "three")]), "the rules in force ask no more").toMatchObject({ state: "published", revision: 7 });
  const told = await until(async () => {
    const found = await events("aegis.policy.three.*");
    return found.some(({ data }) => data.revision === 7) && found;
  });
  expect(policyPromoted.parse(told.find(({ type }) => type.includes("promoted"))).data).toMatchObject({
    revision: 5,
    policies: ["finance"],
  });
  expect(policyRolledBack.parse(told.find(({ type }) => type.includes("rolledback"))).data).toMatchObject({ revision: 6, restores: 1 });
});

test("of 50 approvals at once one counts, and 50 proposals on one head leave one in force", async () => {
  await using other = await around.start("policy-compiler-1");
  const { revision } = await guarded("four");
  const approvers = await Promise.all(Array.from({ length: 50 }, (_, index) => as(`approver-${index}`, "four", "policy-approver")));
  const at = (index: number, path: string) => `${(index % 2 === 0 ? compiler : other).url}/v1/tenants/four${path}`;
  const results = await Promise.allSettled(
    approvers.map((bearer, index) => callJson<Answer>(at(index, `/revisions/${revision}:approve`), { bearer, json: {} })),
  );
  const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  expect(won).toHaveLength(1);
  for (const result of results)
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "conflict", details: { approver: won[0]?.approver } });
  const approvals = await until(async () => {
    const found = await events("aegis.policy.four.approved");
    return found.length > 0 && found;
  });
  expect(approvals).toHaveLength(1);
  const bearer = await alice("four");
  const proposals = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      callJson<Answer>(at(index, "/revisions"), { bearer, json: { files: [rules(true), policy(100 + index, "four")] } }),
    ),
  );
  expect(new Set(proposals.map((one) => one.revision)).size, "numbers without a gap, each once").toBe(20);
  const settled = await Promise.allSettled(proposals.map((one) => approve("four", one.revision)));
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const list = await call<{ head: number; revisions: Answer[] }>("four", "/revisions?limit=500", bearer);
  expect(list.revisions.map((one) => one.revision)).toEqual(Array.from({ length: 22 }, (_, index) => 22 - index));
  expect(list.revisions.filter(({ state }) => state === "stale")).toHaveLength(19);
  expect(list.revisions.find(({ state }) => state === "published")?.revision).toBe(list.head);
});

test("the database itself lets no process pass a guarded head by", async () => {
  await guarded("five");
  await using db = connectDatabase<object>({ url: around.database.url, name: "test", schema: "policy_compiler" });
  const change = (statement: RawBuilder<unknown>) => inTenant(db, "five", (trx) => statement.execute(trx));
  await expect(change(sql`update heads set revision = 2 where tenant = 'five'`)).rejects.toThrow(/second person/);
  await expect(
    change(sql`update revisions set approver = 'USER:alice@ACME.test', approved_at = now() where tenant = 'five' and revision = 2`),
  ).rejects.toThrow(/check constraint/);
  await expect(change(sql`update revisions set author = 'eve' where tenant = 'five' and revision = 2`)).rejects.toThrow(
    /permission denied/,
  );
  const foreign = await inTenant(db, "other", (trx) => sql`update revisions set approver = 'eve', approved_at = now()`.execute(trx));
  expect(foreign.numAffectedRows).toBe(0n);
});

test("of 50 writers that saw the same head exactly one wins, round after round", async () => {
  let version = (await publish("six", [policy(1, "six")])).version;
  const bearer = await alice("six");
  for (let round = 1; round <= 3; round++) {
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        publish("six", [policy(round * 100 + index, "six")], bearer, { "if-match": `"${version}"` }),
      ),
    );
    const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(won.map(({ revision }) => revision)).toEqual([round + 1]);
    for (const result of results)
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ code: "precondition_failed", details: { head: { revision: round + 1 } } });
    version = won[0]!.version;
  }
});

test("revisions are compared by what was signed, and a set whose own tests fail is not published", async () => {
  await publish("seven", [policy(5_000, "seven")]);
  await publish("seven", [policy(2_000, "seven")]);
  const bearer = await alice("seven");
  const { changes } = await call<{ changes: { text: string }[] }>("seven", "/revisions:diff?from=1&to=2", bearer);
  expect(changes.map(({ text }) => text)).toEqual(["stripe-payments:create_payment amount: at most 5,000 → at most 2,000 (tighter)"]);
  const draft = await call<{ from: number; summary: string }>("seven", "/revisions:diff", bearer, { files: [policy(9_000, "seven")] });
  expect(draft).toMatchObject({ from: 2, summary: "1 change for 1 agent: 1 loosens" });
  await expect(call("seven", "/revisions:diff?from=9", bearer)).rejects.toMatchObject({ code: "not_found" });
  const cases = (decision: string) => ({
    name: "tests.yaml",
    text: `apiVersion: aegis.dev/v1
kind: PolicyTest
metadata: { name: payments }
spec:
  cases:
    - name: large
      call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 4000 } }
      expect: { decision: ${decision} }
`,
  });
  const refused = publish("seven", [policy(3_000, "seven"), cases("allow")]);
  await expect(refused).rejects.toMatchObject({
    code: "unprocessable",
    message: "1 of 1 policy tests fails",
    details: { tests: [{ name: "large", rule: "tests.yaml:6", mismatches: [{ expected: "allow", got: "deny" }] }] },
  });
  const files = [policy(3_000, "seven"), cases("deny")];
  expect(await call("seven", "/policies:test", bearer, { files })).toMatchObject({ ok: true, passed: 1, covered: 100 });
  expect(await publish("seven", files)).toMatchObject({ revision: 3, state: "published" });
});
