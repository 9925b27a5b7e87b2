import { dirname } from "node:path";
import { openBucket } from "@aegis/bus/kv";
import { openObjects } from "@aegis/bus/objects";
import { stores } from "@aegis/contracts/subjects";
import { callJson } from "@aegis/http/client";
import { readBundle, verifyHead } from "@aegis/policy/bundle";
import { type KeyFile, keyFile, keySetFile } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import type { JWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PolicyCompiler, policy, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
beforeAll(async () => {
  around = await surroundings();
});
afterAll(() => around?.[Symbol.asyncDispose]());

async function publish(on: PolicyCompiler, tenant: string, max: number) {
  const bearer = await around.operators.token({ user: "alice", roles: { [tenant]: ["admin"] } });
  return callJson<{ revision: number; digest: string }>(`${on.url}/v1/tenants/${tenant}/revisions`, {
    bearer,
    json: { files: [policy(max, tenant)] },
  });
}

const trusting = (...keys: KeyFile[]) => ({ keys: keys.map(({ publicJwk }) => publicJwk as JWK) });

/** The head and its bundle as one who trusts these keys has them; undefined when something does not verify. */
async function seen(tenant: string, ...keys: KeyFile[]) {
  const entry = await (await openBucket(around.nats.bus, stores.policyHeads)).get(tenant);
  if (entry === undefined) return undefined;
  const options = { keys: trusting(...keys), tenant };
  const head = await verifyHead(new TextDecoder().decode(entry.value), options);
  const tarball = await (await openObjects(around.nats.bus, stores.bundles)).get(head.object);
  return tarball && { head, content: await readBundle(tarball, options) };
}

test("after a rotation, heads and bundles are signed by the new key, and nothing of what they say has changed", async () => {
  const next = await keyFile(dirname(around.key.path), "bundle-2", "ES256");
  const both = await keySetFile(dirname(around.key.path), "both.json", [around.key, next]);
  {
    await using before = await around.start("policy-compiler-0");
    await publish(before, "acme", 1);
    await publish(before, "globex", 1);
  }
  const old = (await seen("acme", around.key))!;
  await using after = await around.start("policy-compiler-0", { SIGNING_KEY_FILE: next.path, BUNDLE_KEYS_FILE: both });
  for (const tenant of ["acme", "globex"]) await until(() => seen(tenant, next));
  const now = (await seen("acme", next))!;
  expect(now.content).toEqual(old.content);
  expect(now.head).toMatchObject({ revision: 1, digest: old.head.digest, object: old.head.object });
  expect(now.head.tarball).not.toBe(old.head.tarball);
  await expect(seen("acme", around.key)).rejects.toThrow(/does not verify/);
  const bearer = await around.operators.token({ user: "opa", roles: { acme: ["enforcement-point"] } });
  const served = await fetch(`${after.url}/bundles/acme.tar.gz`, { headers: { authorization: `Bearer ${bearer}` } });
  expect(await readBundle(await served.bytes(), { keys: trusting(next), tenant: "acme" })).toEqual(old.content);
  expect(await publish(after, "acme", 2)).toMatchObject({ revision: 2 });
  await until(async () => (await seen("acme", next))?.content.revision === 2);
});

test("without the earlier public key nothing it signed is signed anew: whoever writes rows gets no signature by it", async () => {
  {
    await using before = await around.start("policy-compiler-0");
    await publish(before, "careful", 1);
  }
  const next = await keyFile(dirname(around.key.path), "bundle-3", "ES256");
  await using after = await around.start("policy-compiler-0", { SIGNING_KEY_FILE: next.path });
  await until(async () => /aegis_policy_heads_pending\{[^}]*\} [1-9]/.test(await (await fetch(`${after.url}/metrics`)).text()));
  await expect(seen("careful", next)).rejects.toThrow(/does not verify/);
  expect((await seen("careful", around.key))?.content.revision).toBe(1);
});

test("bytes that NATS lost or changed are put back from the database, without a reconnect", async () => {
  await using compiler = await around.start("policy-compiler-0");
  await publish(compiler, "healed", 1);
  const { head } = (await seen("healed", around.key))!;
  await around.nats.bus.manager.streams.purge(`OBJ_${stores.bundles}`, { filter: `$O.${stores.bundles}.C.>` });
  const bundles = await openObjects(around.nats.bus, stores.bundles);
  expect(await bundles.look(head.object)).toBe("damaged");
  await until(async () => (await bundles.look(head.object)) instanceof Uint8Array);
  await bundles.put(head.object, new TextEncoder().encode("something else"));
  await until(async () => (await seen("healed", around.key).catch(() => undefined))?.head.digest === head.digest);
  const metrics = await (await fetch(`${compiler.url}/metrics`)).text();
  expect(Number(/aegis_policy_bundles_restored_total\{[^}]*\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThanOrEqual(2);
});

test("a process killed behind its barrier leaves a head that the next one releases", async () => {
  const doomed = await around.start("policy-compiler-0");
  const bucket = await openBucket(around.nats.bus, stores.replicas);
  await bucket.put("authz-9", JSON.stringify({ replica: "authz-9", epoch: "e", tenants: { doomed: 1 }, prepared: {} }));
  await publish(doomed, "doomed", 1);
  const bearer = await around.operators.token({ user: "alice", roles: { doomed: ["admin"] } });
  const json = { files: [policy(2, "doomed")], barrier: true };
  const answer = callJson(`${doomed.url}/v1/tenants/doomed/revisions`, { bearer, json }).catch(() => "no answer");
  await until(async () => (await seen("doomed", around.key))?.head.barrier !== undefined);
  doomed.process.kill("SIGKILL");
  expect(await answer).toBe("no answer");
  await using _next = await around.start("policy-compiler-0");
  await until(async () => {
    const now = await seen("doomed", around.key);
    return now?.head.revision === 2 && now.head.barrier === undefined;
  });
  await bucket.delete("authz-9");
});
