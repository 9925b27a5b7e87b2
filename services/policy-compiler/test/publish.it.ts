import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { sha256 } from "@aegis/canonical/digest";
import { policyPublished, policyRolledBack } from "@aegis/contracts/control-events";
import type { OperatorRole } from "@aegis/contracts/operator";
import { stores, subjects } from "@aegis/contracts/subjects";
import { callJson } from "@aegis/http/client";
import { readBundle, verifyHead } from "@aegis/policy/bundle";
import { until } from "@aegis/testkit/until";
import type { JWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

interface Answer {
  readonly revision: number;
  readonly version: string;
  readonly digest: string;
  readonly state: string;
  readonly restores?: number;
}

let around: Surroundings;
let compiler: PolicyCompiler;

beforeAll(async () => {
  around = await surroundings();
  compiler = await around.start("policy-compiler-0");
});
afterAll(() => around?.[Symbol.asyncDispose]());

const bearer = (roles: Record<string, OperatorRole[]>) => around.operators.token({ user: "alice@acme.test", roles });
const author = (tenant: string) => bearer({ [tenant]: ["policy-author"] });
const keys = () => ({ keys: [around.key.publicJwk as JWK] });

async function publish(
  tenant: string,
  files: unknown,
  options: { ifMatch?: string; token?: string; on?: PolicyCompiler } = {},
): Promise<Answer> {
  return callJson<Answer>(`${(options.on ?? compiler).url}/v1/tenants/${tenant}/revisions`, {
    bearer: options.token ?? (await author(tenant)),
    json: { files, message: "tested" },
    ...(options.ifMatch === undefined ? {} : { headers: { "if-match": options.ifMatch } }),
  });
}

async function headOf(tenant: string) {
  const entry = await (await openBucket(around.nats.bus, stores.policyHeads)).get(tenant);
  return entry && verifyHead(new TextDecoder().decode(entry.value), { keys: keys(), tenant });
}

async function events(filter: string): Promise<unknown[]> {
  const { jetstream, manager } = around.nats.bus;
  const { num_pending } = await (await jetstream.consumers.get("CONTROL", { filter_subjects: filter })).info();
  if (num_pending === 0) return [];
  const consumer = await jetstream.consumers.get("CONTROL", { filter_subjects: filter });
  const found: unknown[] = [];
  for await (const message of await consumer.fetch({ max_messages: num_pending, expires: 1_000 })) found.push(message.json());
  expect((await manager.streams.info("CONTROL")).config.subjects).toContain("aegis.policy.>");
  return found;
}

test("what is published is signed, handed out under its digest, and told once", async () => {
  const answer = await publish("first", [policy(5_000, "first")]);
  expect(answer).toMatchObject({ tenant: "first", revision: 1, state: "published", author: "alice@acme.test", message: "tested" });
  const head = await headOf("first");
  expect(head).toMatchObject({ revision: 1, version: answer.version, digest: answer.digest });
  expect(head!.expires - head!.issued).toBe(10);
  const tarball = await (await openObjects(around.nats.bus, stores.bundles)).get(head!.object);
  expect(await readBundle(tarball!, { keys: keys(), tenant: "first" })).toMatchObject({
    tenant: "first",
    revision: 1,
    digest: answer.digest,
  });
  const told = await until(async () => (await events("aegis.policy.first.published")).map((event) => policyPublished.parse(event)));
  expect(told.map(({ data }) => [data.revision, data.snapshotDigest])).toEqual([[1, answer.digest]]);
});

test("the same set again changes nothing; another set is the next revision; a rollback is a new revision of old content", async () => {
  const first = await publish("second", [policy(1, "second")]);
  expect(await publish("second", [policy(1, "second")])).toEqual(first);
  const other = await publish("second", [policy(2, "second")], { ifMatch: `"${first.version}"` });
  expect(other.revision).toBe(2);
  const url = `${compiler.url}/v1/tenants/second`;
  const bearer = await author("second");
  const back = await callJson<Answer>(`${url}/revisions/1:rollback`, { method: "POST", bearer });
  expect(back).toMatchObject({ revision: 3, restores: 1, state: "published" });
  expect(await headOf("second")).toMatchObject({ revision: 3, digest: back.digest });
  const list = await callJson<{ head: number; revisions: Answer[] }>(`${url}/revisions`, { bearer });
  expect([list.head, list.revisions.map(({ revision }) => revision)]).toEqual([3, [3, 2, 1]]);
  expect(await callJson(`${url}/revisions/2`, { bearer })).toMatchObject({ revision: 2, files: [policy(2, "second")] });
  const told = await until(async () => {
    const found = await events(subjects.policyRolledBack.pattern.replace("<tenant>", "second"));
    return found.length > 0 && found.map((event) => policyRolledBack.parse(event));
  });
  expect(told.map(({ data }) => [data.revision, data.restores])).toEqual([[3, 1]]);
  await expect(callJson(`${url}/revisions/9:rollback`, { method: "POST", bearer })).rejects.toMatchObject({ code: "not_found" });
});

test("of writers that saw the same head one wins, across processes, and numbers have no gap", async () => {
  await using other = await around.start("policy-compiler-1");
  await publish("third", [policy(1, "third")]);
  const writers = Array.from({ length: 8 }, (_, index) =>
    publish("third", [policy(100 + index, "third")], { ifMatch: '"1"', on: index % 2 === 0 ? compiler : other }),
  );
  const results = await Promise.allSettled(writers);
  const won = results.filter((result) => result.status === "fulfilled");
  const lost = results.filter((result) => result.status === "rejected");
  expect(won.map(({ value }) => value.revision)).toEqual([2]);
  for (const { reason } of lost) expect(reason).toMatchObject({ code: "precondition_failed", details: { head: { revision: 2 } } });
  const more = await Promise.all(
    Array.from({ length: 8 }, (_, index) => publish("third", [policy(200 + index, "third")], { on: index % 2 === 0 ? compiler : other })),
  );
  expect(more.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  await until(async () => (await headOf("third"))?.revision === 10);
});

test("every fault comes back with its position, and nothing is kept", async () => {
  const faulty = { name: "bad.yaml", text: policy(1, "fourth").text.replace("agents:", "agentz:").replace("max: 1", "max: many") };
  const refused = await publish("fourth", [faulty]).catch((error: unknown) => error as { code: string; details: { faults: unknown[] } });
  expect(refused).toMatchObject({ code: "unprocessable" });
  const { faults } = (refused as { details: { faults: { file: string; line: number; column: number; code: string; hint: string }[] } })
    .details;
  expect(faults.length).toBeGreaterThanOrEqual(2);
  expect(faults[0]).toMatchObject({ file: "bad.yaml", line: expect.any(Number), column: expect.any(Number) });
  const bearer = await author("fourth");
  const validated = await callJson(`${compiler.url}/v1/tenants/fourth/policies:validate`, { bearer, json: { files: [faulty] } });
  expect(validated).toEqual({ ok: false, faults, warnings: [] });
  expect(await callJson(`${compiler.url}/v1/tenants/fourth/revisions`, { bearer })).toEqual({ head: null, revisions: [] });
  const good = { files: [policy(1, "fourth")] };
  expect(await callJson(`${compiler.url}/v1/tenants/fourth/policies:validate`, { bearer, json: good })).toEqual({
    ok: true,
    faults: [],
    warnings: [],
  });
  expect(await callJson(`${compiler.url}/v1/tenants/fourth/policies:compile`, { bearer, json: good })).toMatchObject({
    ok: true,
    policies: { tenant: "fourth" },
  });
});

test("nobody publishes without the role in that very tenant, and nobody reads another tenant", async () => {
  await publish("fifth", [policy(1, "fifth")]);
  const denied = { code: "permission_denied" };
  for (const roles of [{ fifth: ["auditor"] }, { other: ["admin"] }, {}] as Record<string, OperatorRole[]>[]) {
    await expect(publish("fifth", [policy(2, "fifth")], { token: await bearer(roles) })).rejects.toMatchObject(denied);
  }
  const stranger = await bearer({ other: ["admin", "policy-author"] });
  for (const path of [
    "v1/tenants/fifth/revisions",
    "v1/tenants/fifth/revisions/1",
    "v1/tenants/fifth/activations/1",
    "bundles/fifth.tar.gz",
  ]) {
    await expect(callJson(`${compiler.url}/${path}`, { bearer: stranger })).rejects.toMatchObject(denied);
    await expect(callJson(`${compiler.url}/${path}`)).rejects.toMatchObject({ code: "unauthenticated" });
  }
  await expect(
    callJson(`${compiler.url}/v1/tenants/fifth/revisions/1:rollback`, { method: "POST", bearer: stranger }),
  ).rejects.toMatchObject(denied);
  expect((await headOf("fifth"))?.revision).toBe(1);
});

test("the bundle service answers 304 for what the caller has, and a waiting caller hears of a new revision", async () => {
  await publish("sixth", [policy(1, "sixth")]);
  const url = `${compiler.url}/bundles/sixth.tar.gz`;
  const authorization = `Bearer ${await author("sixth")}`;
  const first = await fetch(url, { headers: { authorization } });
  const etag = first.headers.get("etag") ?? "";
  expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/gzip"]);
  const stored = await (await openObjects(around.nats.bus, stores.bundles)).get((await headOf("sixth"))!.object);
  expect(sha256(await first.bytes())).toBe(sha256(stored!));
  expect((await fetch(url, { headers: { authorization, "if-none-match": etag } })).status).toBe(304);
  const waiting = fetch(url, { headers: { authorization, "if-none-match": etag, prefer: "modes=snapshot,delta;wait=20" } });
  await publish("sixth", [policy(2, "sixth")]);
  const next = await waiting;
  expect([next.status, next.headers.get("content-type")]).toEqual([200, "application/vnd.openpolicyagent.bundles"]);
  expect(next.headers.get("etag")).not.toBe(etag);
});

test("a request that cannot be meant is refused with a clear code, and nothing is kept", async () => {
  const good = policy(1, "seventh");
  const sets: unknown[] = [
    [],
    [good, good],
    [{ ...good, name: "" }],
    [{ ...good, name: "a\nb" }],
    [{ ...good, text: "\0" }],
    [{ ...good, extra: 1 }],
    "x",
  ];
  for (const files of sets) await expect(publish("seventh", files)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(publish("seventh", [{ ...good, text: `"\ud800"` }])).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(publish("seventh", [good], { ifMatch: "7" })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(publish("seventh", [good], { ifMatch: '"1"' })).rejects.toMatchObject({
    code: "precondition_failed",
    details: { head: null },
  });
  await expect(publish("seventh", [{ ...good, text: "x".repeat(5 * 1024 * 1024) }])).rejects.toMatchObject({ code: "invalid_argument" });
  const bearer = await around.operators.token({ user: "alice", roles: { "*": ["admin"] } });
  const call = (path: string) => callJson(`${compiler.url}${path}`, { method: "POST", bearer });
  for (const path of ["Seventh/revisions/1:rollback", "seventh/revisions/0:rollback", "seventh/revisions/1:delete"]) {
    await expect(call(`/v1/tenants/${path}`)).rejects.toMatchObject({ code: "invalid_argument" });
  }
  await expect(callJson(`${compiler.url}/bundles/seventh.tar.gz`, { bearer })).rejects.toMatchObject({ code: "not_found" });
  expect(await callJson(`${compiler.url}/v1/tenants/seventh/revisions`, { bearer })).toEqual({ head: null, revisions: [] });
  expect(await publish("seventh", [good], { ifMatch: '"0"' })).toMatchObject({ revision: 1 });
});
