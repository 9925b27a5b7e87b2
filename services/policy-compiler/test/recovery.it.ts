import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { publishEvent } from "@aegis/bus/publish";
import { stores, subject } from "@aegis/contracts/subjects";
import { callJson } from "@aegis/http/client";
import { verifyHead } from "@aegis/policy/bundle";
import { until } from "@aegis/testkit/until";
import type { JWK } from "jose";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
beforeAll(async () => {
  around = await surroundings();
});
afterAll(() => around?.[Symbol.asyncDispose]());

const token = (tenant: string) => around.operators.token({ user: "alice", roles: { [tenant]: ["admin"] } });

async function publish(on: PolicyCompiler, tenant: string, max: number) {
  const json = { files: [policy(max, tenant)] };
  return callJson<{ revision: number; state: string; version: string; digest: `sha256:${string}` }>(
    `${on.url}/v1/tenants/${tenant}/revisions`,
    {
      bearer: await token(tenant),
      json,
    },
  );
}

async function head(tenant: string) {
  const entry = await (await openBucket(around.nats.bus, stores.policyHeads)).get(tenant);
  return entry && verifyHead(new TextDecoder().decode(entry.value), { keys: { keys: [around.key.publicJwk as JWK] }, tenant });
}

test("a process killed between the commit and the handing out loses nothing: the next one hands it out", async () => {
  const doomed = await around.start("policy-compiler-0");
  await publish(doomed, "acme", 1);
  await around.nats.kill();
  expect(await publish(doomed, "acme", 2)).toMatchObject({ revision: 2, state: "pending" });
  doomed.process.kill("SIGKILL");
  await doomed.process.exited;
  await around.nats.start();
  await until(() => around.nats.bus.connected());
  expect((await head("acme"))?.revision).toBe(1);
  await using next = await around.start("policy-compiler-0");
  await until(async () => (await head("acme"))?.revision === 2);
  const shown = await callJson(`${next.url}/v1/tenants/acme/revisions/2`, { bearer: await token("acme") });
  expect(shown).toMatchObject({ state: "published" });
  const { jetstream } = around.nats.bus;
  await until(async () => {
    const consumer = await jetstream.consumers.get("CONTROL", { filter_subjects: subject("policyPublished", { tenant: "acme" }) });
    return (await consumer.info()).num_pending === 2;
  });
});

test("heads and bundles come back after NATS lost everything", async () => {
  await using compiler = await around.start("policy-compiler-0");
  await publish(compiler, "wiped", 1);
  const { object } = (await head("wiped"))!;
  const { streams } = around.nats.bus.manager;
  for (const name of [`KV_${stores.policyHeads}`, `OBJ_${stores.bundles}`]) await streams.delete(name);
  await until(async () => (await head("wiped"))?.revision === 1);
  const bundles = await openObjects(around.nats.bus, stores.bundles);
  await until(async () => (await bundles.get(object)) !== undefined);
});

test("a head is renewed before it expires, and a forged one is written over", async () => {
  await using compiler = await around.start("policy-compiler-0");
  await publish(compiler, "renewed", 1);
  const first = (await head("renewed"))!;
  const renewed = await until(async () => {
    const now = await head("renewed");
    return now !== undefined && now.expires > first.expires && now;
  });
  expect(renewed).toMatchObject({ revision: 1, digest: first.digest, object: first.object });
  await (await openBucket(around.nats.bus, stores.policyHeads)).put("renewed", "forged");
  await until(async () => (await head("renewed"))?.revision === 1);
});

test("who enforces a revision is known from what replicas say of themselves and from what they report", async () => {
  await using compiler = await around.start("policy-compiler-0");
  const { revision, version, digest } = await publish(compiler, "watched", 1);
  const bucket = await openBucket(around.nats.bus, stores.replicas);
  const say = (replica: string, tenants: Record<string, number>) => bucket.put(replica, JSON.stringify({ replica, epoch: "e", tenants }));
  await say("authz-0", { watched: 1 });
  await say("authz-1", { watched: 0 });
  const ask = async () =>
    callJson<{ enforcedOn: number; live: number; replicas: { replica: string; milliseconds?: number }[] }>(
      `${compiler.url}/v1/tenants/watched/activations/1`,
      { bearer: await token("watched") },
    );
  await until(async () => {
    const { enforcedOn, live } = await ask();
    return enforcedOn === 1 && live === 2;
  });
  const event = {
    specversion: "1.0",
    id: v7(),
    source: "aegis/authz/authz-1",
    type: "dev.aegis.policy.activated.v1",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    tenant: "watched",
    data: { revision, version, snapshotDigest: digest, replica: "authz-1", millisecondsSinceIssue: 84 },
  };
  await publishEvent(around.nats.bus, subject("policyActivated", { tenant: "watched" }), event);
  await until(async () => (await ask()).enforcedOn === 2);
  expect((await ask()).replicas.find(({ replica }) => replica === "authz-1")).toMatchObject({ enforced: true, milliseconds: 84 });
  await expect(callJson(`${compiler.url}/v1/tenants/watched/activations/2`, { bearer: await token("watched") })).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a message that is no event of ours does not hold up those that follow", async () => {
  await using compiler = await around.start("policy-compiler-0");
  await publishEvent(around.nats.bus, subject("policyActivated", { tenant: "watched" }), { id: v7() });
  await until(async () => /aegis_policy_unusable_events_total\{[^}]*\} [1-9]/.test(await (await fetch(`${compiler.url}/metrics`)).text()));
});
