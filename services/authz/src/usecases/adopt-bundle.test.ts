import { sha256 } from "@aegis/canonical/digest";
import { generateKey } from "@aegis/identity/keys";
import { type BundleSigner, type Head, signHead, writeBundle } from "@aegis/policy/bundle";
import { compile } from "@aegis/policy/compile";
import type { JSONWebKeySet } from "jose";
import { expect, test } from "vitest";
import type { HighWater } from "#domain/policies.ts";
import { MemoryLog } from "../../test/given.ts";
import { adoptBundle } from "./adopt-bundle.ts";
import { announceActivation } from "./announce-activation.ts";
import type { PolicyCache } from "./ports.ts";

const keys = await generateKey("ES256");
const otherKeys = await generateKey("ES256");
const policyText = (max: number) => `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
  conditions:
    max_amount: ${max}
`;

async function published(revision: number, max = 5000, options: { tenant?: string; signer?: typeof keys; change?: Partial<Head> } = {}) {
  const { tenant = "acme", signer = keys } = options;
  const compiled = compile([{ name: "p.yaml", text: policyText(max) }], { tenant });
  if (!compiled.ok) throw new Error("faults");
  const key = signer.privateJwk as BundleSigner["key"];
  const { tarball, digest, version } = await writeBundle({ tenant, revision, policies: compiled.policies, sign: { key } });
  const object = `${tenant}/${revision}-${digest.slice(7)}`;
  const head: Head = { tenant, revision, version, digest, object, issued: 1_000, expires: 2_000, ...options.change };
  return { head, jws: await signHead(head, { key }), tarball, object };
}

type Published = Awaited<ReturnType<typeof published>>;

function given(kept: { bundle?: Uint8Array; head?: string; highWater?: HighWater } = {}) {
  const disk = new Map<string, { head: string; bundle: Uint8Array | undefined; highWater: HighWater | undefined }>();
  if (kept.head !== undefined) disk.set("acme", { head: kept.head, bundle: kept.bundle, highWater: kept.highWater });
  const cache: PolicyCache = {
    load: async () => [...disk].map(([tenant, entry]) => ({ tenant, ...entry })),
    save: async (tenant, { head, bundle, highWater }) =>
      void disk.set(tenant, { head, bundle: bundle ?? disk.get(tenant)?.bundle, highWater }),
  };
  const store = new Map<string, Uint8Array>();
  const refused: string[] = [];
  const log = new MemoryLog();
  const said: string[] = [];
  log.append = async ({ subject }) => void said.push(subject);
  let changes = 0;
  let ids = 0;
  const clock = { now: () => new Date(1_000_250) };
  const timers = new Set<{ milliseconds: number; work: () => void }>();
  const alone: string[] = [];
  const signals = {
    activated: () => undefined,
    refused: (_: string, why: string) => void refused.push(why),
    barrierTimedOut: (_: string, version: string) => void alone.push(version),
    unannounced: () => undefined,
  };
  const policies = adoptBundle({
    keys: { keys: [keys.publicJwk] } as JSONWebKeySet,
    bundles: { get: async (object) => store.get(object) },
    cache,
    announce: announceActivation({ ...{ log, replica: "authz-0", clock, signals }, newId: () => String(++ids) }),
    ...{ clock, signals },
    later(milliseconds, work) {
      const timer = { milliseconds, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    onChange: () => changes++,
  });
  const adopt = async (one: Published, tenant = "acme") => {
    store.set(one.object, one.tarball);
    await policies.adopt(tenant, one.jws);
  };
  const revision = () => policies.standing().tenants.acme;
  return { policies, adopt, store, disk, refused, said, timers, alone, changes: () => changes, revision };
}

test("a signed head brings its bundle into force, onto the disk and into the log", async () => {
  const world = given();
  await world.adopt(await published(1));
  expect(world.policies.policyOf("acme")?.snapshot.revision).toBe(1);
  expect(world.said).toEqual(["aegis.policy.acme.activated"]);
  expect(world.disk.get("acme")?.highWater).toMatchObject({ revision: 1 });
  expect(world.changes()).toBe(1);
});

test("an older revision never comes back, however well it is signed", async () => {
  const world = given();
  await world.adopt(await published(2));
  await world.adopt(await published(1));
  expect(world.revision()).toBe(2);
  expect(world.refused).toEqual([expect.stringMatching(/below 2/)]);
});

test("one revision has one content", async () => {
  const world = given();
  await world.adopt(await published(2, 5000));
  await world.adopt(await published(2, 9999));
  expect(world.refused).toEqual([expect.stringMatching(/another digest/)]);
});

test("a head or bundle of another key or another tenant is refused", async () => {
  const world = given();
  await world.adopt(await published(1, 5000, { signer: otherKeys }));
  await world.adopt(await published(1, 5000, { tenant: "globex" }));
  const genuine = await published(1);
  const forged = await published(1, 5000, { signer: otherKeys });
  await expect(world.adopt({ ...genuine, tarball: forged.tarball })).rejects.toMatchObject({ code: "unavailable" });
  const foreign = await published(1, 5000, { tenant: "globex" });
  await expect(world.adopt({ ...genuine, tarball: foreign.tarball })).rejects.toMatchObject({ code: "unavailable" });
  expect([world.revision(), world.refused.length]).toEqual([undefined, 4]);
});

test("a bundle that is not the one its head names is refused", async () => {
  const world = given();
  const named = await published(3);
  await expect(world.adopt({ ...named, tarball: (await published(4, 1)).tarball })).rejects.toMatchObject({ code: "unavailable" });
  expect([world.revision(), world.refused.length]).toEqual([undefined, 1]);
  await world.adopt(named);
  expect([world.revision(), world.policies.standing().refused]).toEqual([3, {}]);
});

test("a renewed head only lengthens what is in force", async () => {
  const world = given();
  await world.adopt(await published(1));
  await world.adopt(await published(1, 5000, { change: { expires: 9_000 } }));
  expect(world.policies.policyOf("acme")?.head.expires).toBe(9_000);
  await world.adopt(await published(1));
  expect(world.policies.policyOf("acme")?.head.expires).toBe(9_000);
  expect(world.said).toHaveLength(1);
});

test("a bundle that cannot be had is asked for again; the last good one stays", async () => {
  const world = given();
  await world.adopt(await published(1));
  const next = await published(2);
  await expect(world.policies.adopt("acme", next.jws)).rejects.toMatchObject({ code: "unavailable" });
  expect(world.revision()).toBe(1);
  await world.adopt(next);
  expect(world.revision()).toBe(2);
});

test("of several heads that come at once the newest wins", async () => {
  const world = given();
  const all = await Promise.all([1, 2, 3, 4].map((revision) => published(revision)));
  await Promise.all(all.map((one) => world.adopt(one)));
  expect(world.revision()).toBe(4);
});

test("after a restart the disk's policies count, once verified, and so does its high-water mark", async () => {
  const first = given();
  const [two, one] = [await published(2), await published(1)];
  await first.adopt(two);
  const kept = first.disk.get("acme");
  const again = given(kept as never);
  expect(await again.policies.load()).toBe(1);
  expect(again.revision()).toBe(2);
  expect(again.said).toEqual([]);
  await again.adopt(one);
  expect(again.revision()).toBe(2);
});

test("a changed disk is not believed", async () => {
  const good = await published(2);
  const altered = Uint8Array.from(good.tarball);
  altered[altered.length >> 1] = (altered[altered.length >> 1] as number) ^ 1;
  const forged = await published(2, 1, { signer: otherKeys });
  const rolledBack = await published(1);
  for (const kept of [
    { head: good.jws, bundle: altered, highWater: { revision: 2, digest: good.head.digest } },
    { head: good.jws, bundle: forged.tarball, highWater: { revision: 2, digest: good.head.digest } },
    { head: good.jws, bundle: good.tarball },
    { head: forged.jws, bundle: forged.tarball },
    { head: "", bundle: good.tarball },
    { head: rolledBack.jws, bundle: rolledBack.tarball, highWater: { revision: 2, digest: good.head.digest } },
  ]) {
    const world = given(kept);
    expect(await world.policies.load()).toBe(0);
    expect(world.refused).toHaveLength(1);
  }
});

const barrier = { barrier: 2_000 };

test("a revision behind a barrier is prepared, said to be, and goes into force at the word", async () => {
  const world = given();
  await world.adopt(await published(1));
  const two = await published(2, 9_000, { change: barrier });
  await world.adopt(two);
  expect(world.policies.standing()).toMatchObject({ tenants: { acme: 1 }, prepared: { acme: 2 } });
  await world.adopt(await published(1));
  await world.adopt(two);
  expect([world.revision(), world.timers.size]).toEqual([1, 1]);
  world.store.clear();
  await world.policies.adopt("acme", (await published(2, 9_000)).jws);
  expect(world.policies.standing()).toMatchObject({ tenants: { acme: 2 }, prepared: {}, since: { acme: 1_000_250 } });
  expect([world.timers.size, world.alone, world.said.length]).toEqual([0, [], 2]);
});

test("who never hears the word switches after the time, and says so", async () => {
  const world = given();
  await world.adopt(await published(1));
  await world.adopt(await published(2, 9_000, { change: barrier }));
  const [timer] = world.timers;
  expect(timer?.milliseconds).toBe(2_000);
  timer?.work();
  expect([world.revision(), world.alone.length]).toEqual([2, 1]);
  await world.adopt(await published(2, 9_000));
  expect([world.revision(), world.said.length]).toEqual([2, 2]);
});

test("a newer revision does not wait behind one that does", async () => {
  const world = given();
  await world.adopt(await published(1));
  await world.adopt(await published(2, 9_000, { change: barrier }));
  await world.adopt(await published(3, 8_000));
  expect([world.revision(), world.timers.size, world.policies.standing().prepared]).toEqual([3, 0, {}]);
  await world.adopt(await published(2, 9_000));
  expect(world.revision()).toBe(3);
});

test("what was prepared before a restart is in force after it: nobody else can be waited for", async () => {
  const world = given();
  await world.adopt(await published(2, 9_000, { change: barrier }));
  const again = given(world.disk.get("acme") as never);
  expect(await again.policies.load()).toBe(1);
  expect(again.revision()).toBe(2);
});

test("a head that pins its bundle's bytes takes no other ones, whatever their signature says", async () => {
  const one = await published(1);
  const pinned = await published(1, 5_000, { change: { tarball: sha256(one.tarball) } });
  const world = given();
  await expect(world.adopt({ ...pinned, tarball: Buffer.concat([one.tarball, Buffer.from([0])]) })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(world.revision()).toBeUndefined();
  await world.adopt({ ...pinned, tarball: one.tarball });
  expect(world.revision()).toBe(1);
});

test("a bundle that was signed anew is taken over onto the disk, and nothing switches", async () => {
  const world = given();
  const one = await published(1);
  await world.adopt(one);
  const changes = world.changes();
  const again = await published(1);
  await world.adopt({ ...(await published(1, 5_000, { change: { tarball: sha256(again.tarball) } })), tarball: again.tarball });
  expect(world.disk.get("acme")?.bundle).toEqual(again.tarball);
  expect([world.changes(), world.said.length]).toEqual([changes, 1]);
});
